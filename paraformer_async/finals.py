"""The final sentences of a recognition, collected from its results."""

from paraformer_async.results import RecognitionResult, Sentence

__all__ = ["FinalSentences"]


class FinalSentences:
    """
    Collects final sentences; a correction takes the place of what it corrects.

    Attributes:
        sentences: The sentences, in the order of their first results.
    """

    def __init__(self) -> None:
        self.sentences: list[Sentence] = []
        self._places: dict[tuple[str, int | str | None], int] = {}

    def add(self, result: RecognitionResult) -> None:
        """Add a final result."""
        key = (result.request_id, result.sentence.sentence_id)
        if result.replaces and key in self._places:
            self.sentences[self._places[key]] = result.sentence
        else:
            self._places[key] = len(self.sentences)
            self.sentences.append(result.sentence)
