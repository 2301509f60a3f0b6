"""
No word is lost or repeated: marked audio through everything that can happen to a connection.

Each 20 ms block of the audio carries its number, and the scripted service recognizes these numbers;
see `paraformer_async.testing`.
"""

from collections.abc import AsyncIterator
from functools import partial

import anyio
import pytest

from paraformer_async import (
    AudioGap,
    AudioLostError,
    AuthenticationError,
    ConnectionLostError,
    DeadlineError,
    HandshakeError,
    PoolLimits,
    RecognitionResult,
    Reconnect,
    TaskFailedError,
    Timeouts,
)
from paraformer_async.middleware import Heartbeat
from paraformer_async.observing import Observation, PoolWaited, RetryScheduled
from paraformer_async.server import Clocks
from paraformer_async.testing import (
    Drop,
    FailTask,
    HalfClose,
    Late,
    Malformed,
    NeverFinish,
    NeverStart,
    Refuse,
    ScriptedServer,
    SlowClose,
    Stall,
    Throttle,
    Unknown,
    marked,
    marks,
    marks_of,
)
from tests.integration.marked import (
    BRIEF,
    LENGTH,
    assert_complete,
    connections_of,
    noting,
    recognizer_for,
    results_of,
    soon,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


@pytest.mark.parametrize(
    "faults",
    [
        [Drop(after_ms=2300), Drop(after_ms=2700), Drop(after_ms=1900)],
        [Drop(after_ms=450)],
        [Drop(after_ms=3010)],
        [Drop(at="started")],
        [Drop(at="run-task")],
        [Drop(at="finish")],
        [Drop(at="finished")],
        [Drop(after_ms=2300, code=1001)],
        [Drop(after_ms=2300, code=1006)],
        [Drop(after_ms=2300, code=1011, reason="overload")],
        [Drop(after_ms=2300, code=1012)],
        [FailTask("InternalError", "try again", after_ms=2300)],
        [FailTask("CLIENT_ERROR", "request timeout after 23 seconds.", after_ms=2300)],
        [Refuse(503), Refuse(503)],
        [Refuse(429, headers={"Retry-After": "0"})],
        [Throttle()],
        [Throttle(), Throttle(), Throttle()],
        [HalfClose(after_ms=2300)],
        [NeverStart()],
        [NeverFinish()],
        [Stall(after_ms=2300)],
        [SlowClose(5.0), Drop(after_ms=2300)],
        [Drop(after_ms=2300), Drop(at="started"), Drop(at="run-task")],
    ],
    ids=str,
)
async def test_nothing_is_lost(faults: list[object]) -> None:
    """Whatever happens to the connection, each block is recognized once, in order and on time."""
    async with ScriptedServer(faults=faults) as server:  # type: ignore[arg-type]
        with anyio.fail_after(10):
            assert_complete(await results_of(server, timeouts=BRIEF))
        assert [] == server.violations


@pytest.mark.parametrize("fault", [Unknown(after_ms=2300), Late(0.1)], ids=str)
async def test_what_is_no_failure_costs_no_attempt(fault: object) -> None:
    """Unknown events and late results are tolerated, without another task."""
    async with ScriptedServer(faults=[fault]) as server:  # type: ignore[list-item]
        assert_complete(await results_of(server))
        assert 1 == len(server.received)


async def test_only_task_finished_is_missing() -> None:
    """If final results cover all audio, a lost `task-finished` does not require another task."""
    async with ScriptedServer(faults=[Drop(at="finished")]) as server:
        assert_complete(await results_of(server))
        assert 1 == len(server.received)


@pytest.mark.parametrize("moment", [RetryScheduled, PoolWaited])
async def test_no_task_is_begun_without_audio(moment: type[Observation]) -> None:
    """If the audio ends while another task is waited for, and nothing is left, it is not begun."""
    reached, seen = anyio.Event(), list[Observation]()

    def observe(event: Observation) -> None:
        seen.append(event)
        if isinstance(event, moment) and any(isinstance(one, RetryScheduled) for one in seen):
            reached.set()

    fault = FailTask("InternalError", after_ms=400)
    async with (
        ScriptedServer(marks(sentence_ms=200), faults=[fault]) as server,
        recognizer_for(server, observe=observe, reconnect=Reconnect(backoff=lambda _: 0.1)) as one,
    ):
        async with one.stream() as stream:
            await stream.send(marked(400))
            await reached.wait()
            await stream.finish()
            with anyio.fail_after(5):
                assert_complete([result async for result in stream], list(range(20)))
        assert 1 == len(server.received)
        assert 0 == one.statistics().recognitions


async def test_a_rest_of_silence_is_no_failure() -> None:
    """If the rest sent to a new task contains no speech, the recognition is complete."""
    faults = [Drop(at="finished"), FailTask("NO_VALID_AUDIO_ERROR", "no speech", at="finish")]
    async with ScriptedServer(faults=faults) as server:
        assert_complete(await results_of(server, marked(LENGTH) + bytes(3200)))
        assert 2 == len(server.received)


async def test_a_service_that_stalls_is_noticed_by_pings() -> None:
    """Pings detect a peer that accepts audio into the system's buffers but does nothing."""
    retried = anyio.Event()

    def observe(event: Observation) -> None:
        if isinstance(event, RetryScheduled):
            retried.set()

    async def speech_then_wait() -> AsyncIterator[bytes]:
        yield marked(5000)
        await retried.wait()
        yield marked(5000, first=250)

    async with ScriptedServer(faults=[Stall(after_ms=2300)]) as server:
        with anyio.fail_after(5):
            results = await results_of(
                server,
                speech_then_wait(),
                observe=observe,
                timeouts=Timeouts(ping=0.4, close=0.3),
            )
    assert_complete(results)


async def test_malformed_json_is_no_reason_to_try_again() -> None:
    """An invalid message ends the recognition with `RemoteProtocolError` and the text so far."""
    from paraformer_async import RemoteProtocolError

    async with ScriptedServer(faults=[Malformed(after_ms=2300)]) as server:
        with pytest.raises(RemoteProtocolError) as caught:
            await results_of(server)
    assert list(range(100)) == [int(number) for number in caught.value.recognized.split()]


async def test_a_drop_in_silence() -> None:
    """A drop during silence loses none of the speech before or after it."""
    audio = marked(2000) + bytes(32 * 3000) + marked(5000, first=250)
    async with ScriptedServer(faults=[Drop(after_ms=3500)]) as server:
        results = await results_of(server, audio)

    assert_complete(results, [*range(100), *range(250, 500)])


async def test_injected_silence_moves_no_time() -> None:
    """With heartbeat silence before and after a drop, words keep the times of the user's audio."""

    async def halting() -> AsyncIterator[bytes]:
        for start in range(0, 5000, 1250):
            yield marked(1250 // 20 * 20, first=start // 1250 * 62)
            await anyio.sleep(0.15)

    async with ScriptedServer(faults=[Drop(after_ms=3500), Drop(after_ms=2500)]) as server:
        results = await results_of(
            server, halting(), heartbeat=True, middleware=[partial(Heartbeat, interval=0.05)]
        )
        assert 3 == len(server.received)

    assert_complete(results, list(range(4 * 62)))


async def test_odd_chunks_and_push_mode() -> None:
    """Audio pushed in chunks of any size survives drops like any other."""
    audio = marked(LENGTH)
    results: list[RecognitionResult] = []
    async with ScriptedServer(faults=[Drop(after_ms=1500), Drop(after_ms=4000)]) as server:
        async with recognizer_for(server) as recognizer, recognizer.stream() as stream:
            async with anyio.create_task_group() as tasks:

                async def read() -> None:
                    results.extend([result async for result in stream])

                tasks.start_soon(read)
                for start in range(0, len(audio), 1237):
                    await stream.send(audio[start : start + 1237])
                await stream.finish()
            assert 3 == len(stream.request_ids) == len(set(stream.request_ids))
            assert stream.request_ids == tuple(task.task_id for task in server.received)
    assert_complete(results)


async def test_a_reader_that_stalls() -> None:
    """A reader that pauses loses no final result, with or without a drop."""
    async with ScriptedServer(faults=[Drop(after_ms=2300)]) as server:
        async with recognizer_for(server) as recognizer:
            results = []
            async for result in recognizer.stream(marked(LENGTH)):
                if not results:
                    await anyio.sleep(1)
                results.append(result)
    assert_complete(results)


async def test_a_stale_connection_costs_no_word() -> None:
    """A connection lost while idle is detected, and replaced without a failed attempt."""
    retries: list[RetryScheduled] = []
    async with ScriptedServer(faults=[Drop(at="idle"), None]) as server:
        async with recognizer_for(server, observe=noting(retries)) as recognizer:
            for _ in range(2):
                results = [one async for one in recognizer.stream(marked(LENGTH))]
                assert_complete(results)
    assert 2 == server.connections.accepted
    assert [] == [retry for retry in retries if retry.failures]


async def test_every_retry_is_observed() -> None:
    """An observer sees each retry: its reason, its delay, and the audio to resend."""
    retries: list[RetryScheduled] = []
    async with ScriptedServer(faults=[Drop(after_ms=2300), Throttle()]) as server:
        await results_of(server, observe=noting(retries))

    first, second = retries
    assert isinstance(first.failure, ConnectionLostError)
    assert isinstance(second.failure, TaskFailedError)
    assert second.failure.is_throttled
    assert first.replayed is not None
    assert first.replayed > 0
    assert 0.01 == first.delay


async def test_reconnection_can_be_switched_off() -> None:
    """With `reconnect=None`, the first failure is raised, with all its attributes."""
    async with ScriptedServer(faults=[Drop(after_ms=2300, code=1011)]) as server:
        with pytest.raises(ConnectionLostError) as caught:
            await results_of(server, reconnect=None)
        assert 1 == len(server.received)
        (task,) = server.received
        assert (task.task_id,) == caught.value.request_ids
    assert list(range(100)) == [int(number) for number in caught.value.recognized.split()]
    assert caught.value.unsettled is not None
    assert caught.value.unsettled > 0.25


async def live(audio: bytes) -> AsyncIterator[bytes]:
    """Yield audio in real time, 100 ms at a time: it cannot be read again, nor wait."""
    began = anyio.current_time()
    for number, start in enumerate(range(0, len(audio), 3200), 1):
        await anyio.sleep_until(began + number * 0.1)
        yield audio[start : start + 3200]


async def test_more_unsettled_audio_than_is_kept_is_reported() -> None:
    """If more live audio is unsettled than is kept, the error names the range that is lost."""
    policy = Reconnect(backoff=soon, keep=0.5)
    script = marks(sentence_ms=60_000)
    async with ScriptedServer(script, faults=[Drop(after_ms=1500)]) as server:
        with pytest.raises(AudioLostError) as caught:
            await results_of(server, live(marked(2500)), reconnect=policy)
    assert 0 == caught.value.begin_time
    assert caught.value.end_time >= 900


async def test_more_unsettled_audio_than_is_kept_can_be_a_gap() -> None:
    """With `lost="gap"`, the stream continues, with a gap in place of the lost audio."""
    policy = Reconnect(backoff=soon, keep=0.5, lost="gap")
    script = marks(sentence_ms=60_000)
    async with ScriptedServer(script, faults=[Drop(after_ms=1500)]) as server:
        results = await results_of(server, live(marked(2500)), reconnect=policy)

    (gap,) = [result for result in results if isinstance(result, AudioGap)]
    first = gap.sentence.end_time // 20
    assert 0 == gap.sentence.begin_time
    assert_complete(results, list(range(first, 125)))


async def test_audio_that_can_be_read_again_is_never_lost() -> None:
    """However little is kept, audio in memory is read again from where it is settled."""
    policy = Reconnect(backoff=soon, keep=0.5)
    for script in (marks(sentence_ms=60_000), marks(sentence_ms=1500)):
        faults = [Drop(after_ms=5000), Drop(after_ms=3000), Drop(at="finish")]
        async with ScriptedServer(script, faults=faults) as server:
            assert_complete(await results_of(server, reconnect=policy))
            assert [] == server.violations


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_not_tried_again(status: int) -> None:
    """Authentication errors are raised at once."""
    async with ScriptedServer(forever=Refuse(status, "no")) as server:
        with anyio.fail_after(1), pytest.raises(AuthenticationError) as caught:
            await results_of(server)
        assert 1 == len(server.headers)
    assert (status, "no") == (caught.value.status, caught.value.body)


async def test_a_refused_parameter_is_not_tried_again() -> None:
    """Parameter errors are raised at once, with the service's own message."""
    async with ScriptedServer(forever=FailTask("InvalidParameter", "no such format")) as server:
        with anyio.fail_after(1), pytest.raises(TaskFailedError, match="no such format"):
            await results_of(server)
        assert 1 == len(server.received)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Refuse(503, "down"), HandshakeError),
        (Drop(at="run-task"), ConnectionLostError),
        (Drop(at="started"), ConnectionLostError),
        (FailTask("InternalError", "no luck"), TaskFailedError),
        (Throttle(), TaskFailedError),
        (NeverStart(), DeadlineError),
        (Stall(at="started"), DeadlineError),
    ],
    ids=str,
)
async def test_a_service_that_always_fails_ends_it(fault: object, error: type[Exception]) -> None:
    """If every attempt fails, the retry budget runs out and the service's own reason is raised."""
    policy = Reconnect(backoff=soon, attempts=3, busy=0.5)
    async with ScriptedServer(forever=fault) as server:  # type: ignore[arg-type]
        with anyio.fail_after(8), pytest.raises(error) as caught:
            await results_of(server, reconnect=policy, timeouts=BRIEF)
        assert isinstance(fault, Throttle) or len(server.headers) <= 5
    assert isinstance(caught.value, error)


async def test_nothing_is_missing_but_the_end() -> None:
    """If final results cover all audio, a service that never sends its end costs only a wait."""
    async with ScriptedServer(forever=NeverFinish()) as server:
        with anyio.fail_after(5):
            assert_complete(await results_of(server, timeouts=BRIEF))
        assert 1 == len(server.received)


async def test_a_quiet_source_dies_in_the_end() -> None:
    """Without heartbeat, a source that remains silent eventually fails, with a hint."""

    async def silent() -> AsyncIterator[bytes]:
        yield marked(1000)
        await anyio.sleep(30)

    async with ScriptedServer(clocks=Clocks(message=0.2)) as server:
        with anyio.fail_after(5), pytest.raises(TaskFailedError, match="heartbeat=True"):
            await results_of(server, silent(), reconnect=Reconnect(backoff=soon, keep=1))


async def test_one_connection_carries_task_after_task() -> None:
    """200 consecutive recognitions need one handshake."""
    limits = PoolLimits(tasks_per_second=1000)
    async with ScriptedServer() as server, recognizer_for(server, pool=limits) as recognizer:
        for number in range(200):
            results = [one async for one in recognizer.stream(marked(100, first=number))]
            assert list(range(number, number + 5)) == marks_of(results)
        assert (0, 1, 0) == connections_of(recognizer)
        assert 1 == server.connections.accepted
        assert [] == server.violations


async def test_sixty_at_once() -> None:
    """60 concurrent recognitions, on connections that are never shared, all succeed."""
    async with ScriptedServer() as server:
        async with recognizer_for(server, pool=PoolLimits(tasks_per_second=100)) as recognizer:
            async with anyio.create_task_group() as tasks:

                async def recognize(first: int) -> None:
                    results = [one async for one in recognizer.stream(marked(2000, first=first))]
                    assert list(range(first, first + 100)) == marks_of(results)

                for number in range(60):
                    tasks.start_soon(recognize, 100 * number)
        assert [] == server.violations
        assert 60 >= server.connections.accepted


async def test_the_pool_is_bounded() -> None:
    """Recognitions beyond the limit of connections wait, in bounded time."""
    limits = PoolLimits(connections=2, wait=0.2)

    async def silent() -> AsyncIterator[bytes]:
        yield marked(100)
        await anyio.sleep(30)

    async with ScriptedServer() as server, recognizer_for(server, pool=limits) as recognizer:
        async with recognizer.stream(silent()) as one, recognizer.stream(silent()) as two:
            for stream in (one, two):
                async for _ in stream:
                    break
            assert (2, 0, 0) == connections_of(recognizer)
            with pytest.raises(DeadlineError, match="PoolLimits"):
                async for _ in recognizer.stream(marked(100)):
                    pass
        assert [one async for one in recognizer.stream(marked(100))]


async def test_connections_are_made_ahead_and_closed_when_idle() -> None:
    """`warm` opens connections that the next recognitions use; idle ones are closed in time."""
    limits = PoolLimits(idle_seconds=0.3)
    async with ScriptedServer() as server, recognizer_for(server, pool=limits) as recognizer:
        await recognizer.warm(3)
        assert (0, 3, 0) == connections_of(recognizer)
        assert [one async for one in recognizer.stream(marked(100))]
        assert 3 == server.connections.accepted
        with anyio.fail_after(3):
            while server.connections.open:  # noqa: ASYNC110 - the server only has a counter
                await anyio.sleep(0.02)
        assert (0, 0, 0) == connections_of(recognizer)


async def test_other_credentials_get_another_connection() -> None:
    """A connection is not reused for a recognition with another key."""
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        for key in ("one", "two"):
            assert [one async for one in recognizer.stream(marked(100), api_key=key)]
        keys = [headers["Authorization"] for headers in server.headers]
    assert ["Bearer one", "Bearer two"] == keys


async def test_submissions_are_paced() -> None:
    """No more tasks than the quota are submitted within a second."""
    limits = PoolLimits(tasks_per_second=5)
    async with ScriptedServer() as server, recognizer_for(server, pool=limits) as recognizer:
        begin = anyio.current_time()
        async with anyio.create_task_group() as tasks:

            async def recognize() -> None:
                assert [one async for one in recognizer.stream(marked(100))]

            for _ in range(12):
                tasks.start_soon(recognize)
        assert anyio.current_time() - begin >= 2.0


async def test_no_connection_is_idle_while_the_quota_is_waited_for() -> None:
    """A batch that has to wait for longer than the service keeps idle connections is complete."""
    limits = PoolLimits(tasks_per_second=2)
    complete: list[list[int]] = []
    retries: list[RetryScheduled] = []
    async with (
        ScriptedServer(script=marks(), clocks=Clocks(idle=0.3)) as server,
        recognizer_for(server, pool=limits, observe=noting(retries)) as recognizer,
    ):

        async def recognize() -> None:
            complete.append(marks_of([one async for one in recognizer.stream(marked(100))]))

        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                for _ in range(6):
                    tasks.start_soon(recognize)
        assert 6 == len(server.received)
    assert [list(range(5))] * 6 == complete
    assert 0 == sum(retry.failures for retry in retries)


async def test_a_connection_closed_while_the_quota_is_waited_for_at_a_seam() -> None:
    """The task after the seam is submitted on another connection, and nothing counts as failed."""
    retries: list[RetryScheduled] = []
    limits = PoolLimits(tasks_per_second=1)
    async with (
        ScriptedServer(script=marks(), clocks=Clocks(idle=0.2)) as server,
        recognizer_for(server, pool=limits, observe=noting(retries)) as recognizer,
    ):
        audio = marked(200)
        with anyio.fail_after(30):
            async with recognizer.stream() as stream:
                await stream.send(audio[:3200])
                await stream.flush()
                await stream.send(audio[3200:])
                await stream.finish()
                results = [result async for result in stream]
        assert (2, 2) == (server.connections.accepted, len(server.received))
    assert list(range(10)) == marks_of(results)
    assert 0 == sum(retry.failures for retry in retries)


@pytest.mark.parametrize("fault", [Throttle(), Refuse(429)])
async def test_many_streams_of_a_throttled_account(fault: Throttle | Refuse) -> None:
    """Streams of which some are throttled are all recognized, with no attempt too many."""
    retries: list[RetryScheduled] = []
    complete: list[list[int]] = []
    limits = PoolLimits(tasks_per_second=200)
    async with (
        ScriptedServer(faults=[fault] * 10, script=marks()) as server,
        recognizer_for(server, pool=limits, observe=noting(retries)) as recognizer,
    ):

        async def recognize() -> None:
            complete.append(marks_of([one async for one in recognizer.stream(marked(100))]))

        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                for _ in range(30):
                    tasks.start_soon(recognize)
        assert 0 == recognizer.statistics().waiting_for_quota
    assert [list(range(5))] * 30 == complete
    assert 10 == len(retries)


async def test_a_wav_stream_is_resumed() -> None:
    """A lost WAV stream is resumed with its header and the unsettled audio."""
    audio = marked(4000)
    header = (
        b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data"
        b"\xff\xff\xff\xff"
    )
    async with ScriptedServer(faults=[Drop(after_ms=2300)]) as server:
        async with recognizer_for(server) as recognizer:
            async for _ in recognizer.stream(header + audio, format="wav"):
                pass
        first, second = server.received
    assert second.audio.startswith(header)
    resumed = second.audio[len(header) :]
    assert audio.endswith(resumed)
    # The scripted service counts the 44 bytes of the header as audio.
    assert 2000 * 32 == pytest.approx(len(audio) - len(resumed), abs=64)
    assert first.parameters == second.parameters
