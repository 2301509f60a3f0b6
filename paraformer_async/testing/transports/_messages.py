"""Checks of what is received."""

import anyio
from anyio.lowlevel import checkpoint

from paraformer_async.testing._far_end import (
    Opcode,
    close,
    frame,
    text,
)
from paraformer_async.testing.transports._tools import (
    RecordingReceiver,
    Setting,
    as_text,
    canceled_at,
    check,
    connected,
    loss,
    received,
)


@check
async def messages_come_in_order(setting: Setting) -> None:
    """Text and binary messages of all sizes are passed on whole, in order."""
    sent: list[str | bytes] = ["a", b"\xff", "", "好" * 50, b"\xff" * 70_000, "x" * 70_000, b"\xfe"]
    frames = [text(m) if isinstance(m, str) else frame(Opcode.BINARY, m) for m in sent]
    async with connected(setting) as (transport, end):
        assert transport.is_open
        for _ in range(2):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(end.send, *frames)
                assert sent == await received(transport, len(sent))


@check
async def large_messages_come_whole(setting: Setting) -> None:
    """A message of the largest allowed size is passed on, however many pieces it arrives in."""
    limit = 1024 * 1024
    async with connected(setting, largest_message=limit) as (transport, end):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(end.send, text("x" * limit), text("next"))
            assert ["x" * limit, "next"] == await received(transport, 2)


@check
async def fragments_are_joined(setting: Setting) -> None:
    """A message in fragments is passed on once; a ping between them is answered."""
    first, rest = "好".encode()[:1], "好".encode()[1:]
    async with connected(setting) as (transport, end):
        receiver = RecordingReceiver(3)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.receive, receiver)
            await end.send(frame(Opcode.TEXT, first, is_last=False), frame(Opcode.PING, b"there?"))
            assert (Opcode.PONG, b"there?") == await end.receive()
            assert [] == receiver.frames
            await end.send(
                frame(Opcode.CONTINUATION, rest, is_last=False),
                frame(Opcode.CONTINUATION, b"!"),
                frame(Opcode.BINARY, b"\xff", is_last=False),
                frame(Opcode.CONTINUATION),
                text("next"),
            )
        assert ["好!", b"\xff", "next"] == [as_text(each) for each in receiver.frames]


@check
async def many_fragments_are_joined(setting: Setting) -> None:
    """A message in very many fragments, most of them empty, takes no longer than its bytes."""
    begin, rest = frame(Opcode.TEXT, b"a", is_last=False), frame(Opcode.CONTINUATION)
    between = frame(Opcode.CONTINUATION, is_last=False) * 30_000
    async with connected(setting) as (transport, end):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(end.send, begin, between, rest, text("next"))
            assert ["a", "next"] == await received(transport, 2)


@check
async def the_last_that_is_wanted_ends_receive(setting: Setting) -> None:
    """`receive` returns after the last message that its receiver wants; others wait."""
    async with connected(setting) as (transport, end):
        await end.send(*map(text, "abcde"))
        for wanted in (["a", "b"], ["c"], ["d", "e"]):
            assert wanted == await received(transport, len(wanted))
        async with anyio.create_task_group() as tasks:
            receiver = RecordingReceiver(2)
            tasks.start_soon(transport.receive, receiver)
            await anyio.wait_all_tasks_blocked()
            await end.send(*map(text, "fgh"))
        assert ["h"] == await received(transport, 1)


@check
async def unread_messages_are_bounded(setting: Setting) -> None:
    """While `receive` does not run, a fast peer has to wait; then everything arrives, in order."""
    messages = [f"{number:05}" + "x" * 1000 for number in range(16_000)]
    async with connected(setting) as (transport, end):
        async with anyio.create_task_group() as tasks:
            done = False

            async def send() -> None:
                nonlocal done
                for start in range(0, len(messages), 50):  # TLS of asyncio takes any single piece
                    await end.send(*map(text, messages[start : start + 50]))
                done = True

            tasks.start_soon(send)
            await anyio.sleep(0.2)
            assert not done, "16 MB were accepted, and receive does not run"
            assert messages == await received(transport, len(messages))


@check
async def messages_behind_the_handshake_come(setting: Setting) -> None:
    """What arrives in one piece with the handshake's response, whole or in part, is passed on."""
    first = text("first")
    for size in (1, 2, 4, len(first)):
        async with connected(setting, first[:size]) as (transport, end):
            await end.send(first[size:], text("second"))
            assert ["first", "second"] == await received(transport, 2)
    async with connected(setting, first + close(1013, "busy")) as (transport, end):
        receiver = RecordingReceiver()
        lost = await loss(transport, receiver)
        assert (["first"], 1013) == ([*map(as_text, receiver.frames)], lost.close_code)


@check
async def canceling_receive_loses_nothing(setting: Setting) -> None:
    """`receive`, canceled at any suspension, has passed each message on or kept it."""
    messages = [str(number) for number in range(60)]
    async with connected(setting) as (transport, end):
        receiver = RecordingReceiver(len(messages))
        async with anyio.create_task_group() as tasks:

            async def send() -> None:
                for message in messages:
                    await end.send(text(message), frame(Opcode.PING))
                    await checkpoint()

            tasks.start_soon(send)
            tasks.start_soon(end.ended)
            at = 0
            while len(receiver.frames) < len(messages):
                at += 1
                await canceled_at(transport.receive(receiver), at % 3 + 1)
            tasks.cancel_scope.cancel()
        assert messages == [as_text(each) for each in receiver.frames]
