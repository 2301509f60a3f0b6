"""A service of yours: it keeps the sentences of a voice note, and survives the usual failures."""

from collections.abc import AsyncIterable
from dataclasses import dataclass, field

from paraformer_async import AsyncRecognizer, ParaformerError


@dataclass
class Note:
    """A voice note: its sentences, and whether it is complete."""

    sentences: list[str] = field(default_factory=list)
    is_complete: bool = False


async def take_note(recognizer: AsyncRecognizer, audio: AsyncIterable[bytes]) -> Note:
    note = Note()
    try:
        async for result in recognizer.stream(audio):
            if result.is_final:
                note.sentences.append(result.text)
        note.is_complete = True
    except ParaformerError:
        pass  # what was recognized until here is kept, and the note is marked
    return note
