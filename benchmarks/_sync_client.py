"""
The measured process: run streams in threads with one alternative, and print their cost as JSON.

The cost is the user and system CPU time of the whole process, from before the first stream begins
until the last has ended. It does not include startup, imports and one short initial recognition.
"""

import argparse
import gc
import json
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from _alternatives import KEY, MODEL, unlimited
from _bench import FRAME_BYTES, FRAME_MS, STAGGER, allow_sockets, cpu_seconds

_WORD = FRAME_MS * 2 / 1000  # seconds of audio between two results
_PERIOD = FRAME_MS / 1000
_SETTLING = 1.0  # seconds; early round trips of a stream include connecting
Recognize = Callable[["Paced"], None]


class Paced:
    """The audio of one stream in real time, and its round trips."""

    def __init__(self, frames: int) -> None:
        self.round_trips: list[float] = []
        self.results = 0
        self.frames = frames
        self.begin = 0.0

    def due(self) -> Iterator[float]:
        """Yield when each frame is due."""
        self.begin = time.perf_counter()
        for number in range(1, self.frames + 1):
            yield self.begin + number * _PERIOD

    def seen(self, text: str) -> None:
        """Record a result; the number of its last word identifies its frame."""
        self.results += 1
        after = int(text[text.rindex("-") + 1 :]) * _WORD
        if after > _SETTLING:
            self.round_trips.append(time.perf_counter() - self.begin - after)


def with_callbacks(asr: Any, url: str) -> Recognize:
    """Return a function that uses `Recognition` of an SDK, or of the drop-in."""

    def recognize(paced: Paced) -> None:
        class Callback(asr.RecognitionCallback):  # type: ignore[misc,name-defined]
            def on_event(self, result: Any) -> None:
                paced.seen(result.get_sentence()["text"])

        recognition = asr.Recognition(
            MODEL, Callback(), "pcm", 16000, base_address=url, api_key=KEY
        )
        recognition.start()
        for due in paced.due():
            time.sleep(max(0.0, due - time.perf_counter()))
            recognition.send_audio_frame(bytes(FRAME_BYTES))
        recognition.stop()

    return recognize


def vendor(url: str) -> Recognize:
    """Use the vendor's SDK."""
    from dashscope.audio import asr

    return with_callbacks(asr, url)


def drop_in(url: str) -> Recognize:
    """Use the drop-in."""
    import paraformer_async.dashscope as asr

    asr.options["pool"] = unlimited()
    return with_callbacks(asr, url)


def blocking(url: str) -> Recognize:
    """Use the blocking client: one thread sends, and receives until the next frame is due."""
    from paraformer_async.sync import Recognizer

    recognizer = Recognizer(endpoint=url, api_key=KEY, heartbeat=True, pool=unlimited())

    def recognize(paced: Paced) -> None:
        with recognizer.stream() as stream:
            for due in paced.due():
                while (left := due - time.perf_counter()) > 0:
                    try:
                        result = stream.receive(left)
                    except TimeoutError:
                        break
                    if result is not None:
                        paced.seen(result.text)
                stream.send(bytes(FRAME_BYTES))
            stream.finish()
            for result in stream:
                paced.seen(result.text)

    return recognize


ALTERNATIVES = {"drop-in": drop_in, "blocking": blocking, "dashscope": vendor}


def measure(recognize: Recognize, streams: list[Paced]) -> dict[str, Any]:
    recognize(Paced(2))
    gc.collect()
    memory, before = _peak_memory(), threading.active_count()
    wall, cpu = time.perf_counter(), cpu_seconds()
    threads = [threading.Thread(target=recognize, args=(paced,)) for paced in streams]
    most = 0
    for thread in threads:
        thread.start()
        time.sleep(STAGGER)
    while any(thread.is_alive() for thread in threads):
        most = max(most, threading.active_count() - before)
        time.sleep(0.2)
    cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    trips = sorted(trip for paced in streams for trip in paced.round_trips)
    seconds = sum(paced.frames for paced in streams) * _PERIOD
    return {
        "cpu_ms_per_second": cpu * 1000 / seconds,
        "p50_ms": trips[len(trips) // 2] * 1000 if trips else None,
        "p99_ms": trips[int(len(trips) * 0.99)] * 1000 if trips else None,
        "memory_kb_per_stream": (_peak_memory() - memory) / 1024 / len(streams),
        "threads": most,
        "results": sum(paced.results for paced in streams),
        "wall": wall,
    }


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=ALTERNATIVES)
    parser.add_argument("url")
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="of audio, for each stream")
    options = parser.parse_args()
    allow_sockets()
    frames = int(options.seconds / _PERIOD)
    streams = [Paced(frames) for _ in range(options.streams)]
    print(json.dumps(measure(ALTERNATIVES[options.name](options.url), streams)))


if __name__ == "__main__":
    main()
