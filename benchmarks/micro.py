"""
What does each step of the client cost?

Each step is repeated many times, in turns with the others, over many rounds. `best` is the fastest
round, the one least disturbed by other programs; `vs.` is the median ratio to `json.loads` in the
same round. The first row is the loop around a step, which every figure includes.
"""

import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import repeat, starmap

from _bench import FRAME_BYTES, FRAME_MS, parsed, parser, shown
from _load_server import result_payload
from _runs import Runs, add_ratios, in_turns, report_runs

from paraformer_async._core.framing import Framer, bytes_per_second
from paraformer_async._core.ledger import Ledger
from paraformer_async._core.messages import Event, ResultGenerated
from paraformer_async._core.protocol import ClientProtocol, Phase, ServerProtocol
from paraformer_async._core.recognition import Recognition
from paraformer_async._core.wire import decode_event
from paraformer_async.middleware import Audio, Heartbeat, LatencyMeter, RunTask, Stack, TaskStarted
from paraformer_async.options.options import Options
from paraformer_async.results import Sentence

_RATE = 16000
_TASK = "0123456789abcdef0123456789abcdef"
_KEEP = 60.0  # seconds of audio, the default of `Reconnect`
_PARTIAL = 5  # words of a partial result
_FINAL = 10
_NOW = 1000.0
_BASELINE = "json.loads, a partial result"
_HEADS = ("step", "best µs", "median µs", "vs.")

# Returns an iterator that performs a number of steps, one for each value it yields.
Step = Callable[[int], Iterator[object]]


def _text(number: int) -> str:
    """Return the frame of the result that ends with word *number*."""
    header = {"task_id": _TASK, "event": "result-generated", "attributes": {}}
    return f'{{"header":{json.dumps(header)},"payload":{result_payload(number).decode()}}}'


_TEXT = _text(_PARTIAL)
_BYTES = _TEXT.encode()  # as received by a connection
_STARTED = json.dumps({"header": {"task_id": _TASK, "event": "task-started"}, "payload": {}})
_CHUNK = bytes(FRAME_BYTES)
_AUDIO = Audio(_CHUNK)


def _event(number: int) -> Event:
    return decode_event(_text(number))[1]


def _result(number: int) -> ResultGenerated:
    event = _event(number)
    assert isinstance(event, ResultGenerated)
    return event


def _sentence(number: int) -> Sentence:
    sentence = _result(number).sentence
    assert sentence is not None
    return sentence


def _running() -> ClientProtocol:
    protocol, peer = ClientProtocol(), ServerProtocol()
    peer.receive(str(protocol.send(RunTask("any"), task_id=_TASK)))
    protocol.receive(str(peer.send(TaskStarted())))
    assert protocol.phase is Phase.RUNNING
    return protocol


def _stack() -> Stack:
    stack = Stack([Heartbeat(), LatencyMeter()])
    stack.outgoing(RunTask("any", {"sample_rate": _RATE}), _NOW)
    stack.outgoing(_AUDIO, _NOW)
    return stack


def _ledger() -> Ledger:
    return Ledger(bytes_per_second(_RATE), keep=_KEEP)


def _recorded(steps: int) -> Ledger:
    """Return a ledger that keeps the audio of *steps* sentences."""
    ledger = Ledger(bytes_per_second(_RATE), keep=1e9)
    for _ in range(steps * _FINAL * 2):
        ledger.record(_AUDIO)
    return ledger


def _recognition() -> Recognition:
    """Return a running recognition that has sent the audio of a partial result."""
    recognition = Recognition(Options(), Stack([Heartbeat(), LatencyMeter()]))
    recognition.connected(_TASK, _NOW)
    recognition.data_to_send(_NOW)
    recognition.receive(_STARTED, _NOW)
    for number in range(_PARTIAL * 2):
        _send(recognition, number)
    return recognition


def _send(recognition: Recognition, number: int) -> object:
    """Send a frame; *number* makes the function usable with `map`."""
    del number
    recognition.send(_CHUNK, _NOW)
    return recognition.data_to_send(_NOW)


def _in_20_ms(steps: int) -> Iterator[object]:
    piece = bytes(FRAME_BYTES * 20 // FRAME_MS)
    return map(tuple, map(Framer(_RATE).feed, repeat(piece, steps)))


def _settling(steps: int) -> Iterator[object]:
    sentences = [_sentence((number + 1) * _FINAL) for number in range(steps)]
    return map(partial(_recorded(steps).settle, is_final=True), sentences)


def _all_of_it(steps: int) -> Iterator[object]:
    """Send two frames and receive one result, through the whole machine."""
    recognition = _recognition()

    def step(text: str) -> None:
        _send(recognition, 0)
        _send(recognition, 1)
        recognition.receive(text, _NOW)

    return map(step, [_text(number + 1) for number in range(steps)])


STEPS: Mapping[str, Step] = {
    "nothing (the loop)": lambda steps: starmap(bool, repeat((), steps)),
    _BASELINE: lambda steps: map(json.loads, repeat(_TEXT, steps)),
    "decode_event, a partial result": lambda steps: map(decode_event, repeat(_BYTES, steps)),
    "protocol.receive, a partial result": lambda steps: map(
        _running().receive, repeat(_TEXT, steps)
    ),
    "protocol.send, a frame": lambda steps: map(_running().send, repeat(_AUDIO, steps)),
    "both middlewares, a frame out": lambda steps: map(
        _stack().outgoing, repeat(_AUDIO, steps), repeat(_NOW)
    ),
    "both middlewares, a result in": lambda steps: map(
        _stack().incoming, repeat(_result(_PARTIAL), steps), repeat(_NOW)
    ),
    "both middlewares, the deadline": lambda steps: starmap(_stack().deadline, repeat((), steps)),
    "ledger.record, a frame": lambda steps: map(_ledger().record, repeat(_AUDIO, steps)),
    "ledger.settle, a partial result": lambda steps: map(
        partial(_recorded(1).settle, is_final=False), repeat(_sentence(_PARTIAL), steps)
    ),
    "ledger.settle, a final result": _settling,
    "framer.feed, 100 ms": lambda steps: map(Framer(_RATE).feed, repeat(_CHUNK, steps)),
    "framer.feed, 20 ms": _in_20_ms,
    "recognition sends a frame": lambda steps: map(partial(_send, _recognition()), range(steps)),
    "recognition.receive, a partial result": lambda steps: map(
        _recognition().receive, repeat(_TEXT, steps), repeat(_NOW)
    ),
    "two frames out and a result in": _all_of_it,
}


def _timed(step: Step, steps: int) -> float:
    """Return the µs per step."""
    work: Iterator[object] = step(steps)
    begin = time.perf_counter()
    deque(work, maxlen=0)
    return (time.perf_counter() - begin) * 1e6 / steps


def main() -> None:
    made = parser(__doc__, rounds=25)
    made.add_argument("--steps", type=int, default=500, help="repetitions per round")
    options = parsed(made)
    if options.smoke:
        options.steps, options.rounds = 20, 2
    found = {name: Runs() for name in STEPS}
    for number, name in in_turns(list(STEPS), options.rounds):
        found[name].rounds[number] = {"us": _timed(STEPS[name], options.steps)}
    add_ratios(found, "vs_json", "us", _BASELINE)
    sys.exit(report_runs(options, found, _HEADS, _cells))


def _cells(runs: Runs) -> tuple[str, ...]:
    return (
        shown(min(runs.column("us").values())),
        shown(runs.median("us")),
        shown(runs.median("vs_json"), unit=" ×"),
    )


if __name__ == "__main__":
    main()
