"""A scripted service that recognizes a marked word every 200 ms, in a separate process."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from _bench import allow_sockets, answer
from msgspec.structs import replace

from paraformer_async.results import Sentence
from paraformer_async.testing import ScriptedServer
from paraformer_async.testing.marking import MarkReader

# The blocks of marked audio have 20 ms, which is far more words than anyone speaks. Marked audio of
# ten times the sample rate has the same samples as audio with blocks of 200 ms.
SLOWER = 10
_SENTENCE_MS = 4000


class SlowMarks:
    """Recognizes marked audio whose blocks are ten times as long."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        rate = parameters["sample_rate"] * SLOWER
        self._reader = MarkReader(rate, _SENTENCE_MS // SLOWER, _SENTENCE_MS)

    def feed(self, audio: bytes) -> Iterable[Sentence]:
        """Recognize more audio."""
        return map(_slower, self._reader.feed(audio))

    def finish(self) -> Iterator[Sentence]:
        """Yield what is left."""
        return map(_slower, self._reader.finish())


def _slower(sentence: Sentence) -> Sentence:
    words = tuple(
        replace(word, begin_time=word.begin_time * SLOWER, end_time=word.end_time * SLOWER)
        for word in sentence.words
    )
    end = sentence.end_time
    return replace(
        sentence,
        begin_time=sentence.begin_time * SLOWER,
        end_time=None if end is None else end * SLOWER,
        words=words,
    )


async def main() -> None:
    allow_sockets()
    async with ScriptedServer(script=SlowMarks) as server:
        await answer(server.url, lambda: len(server.received))


if __name__ == "__main__":
    asyncio.run(main())
