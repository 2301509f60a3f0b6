"""The final sentences and translations of a recognition, collected from its results."""

from paraformer_async.results import RecognitionResult, Sentence, Translation

__all__ = ["FinalSentences", "FinalTranslations"]


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


class FinalTranslations:
    """Collects final translations; another version takes the place of the one before."""

    def __init__(self) -> None:
        self._versions: dict[object, Translation] = {}

    @property
    def in_order(self) -> tuple[Translation, ...]:
        """The translations, in the order of their first versions."""
        return tuple(self._versions.values())

    def add(self, result: RecognitionResult) -> None:
        """Add the final translations of a result."""
        for one in result.translations:
            if one.is_final:
                number = object() if one.sentence_id is None else one.sentence_id
                self._versions[result.request_id, number, one.lang] = one
