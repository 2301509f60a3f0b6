"""The final sentences and translations of a recognition, collected from its results."""

from paraformer_async.results import RecognitionResult, Sentence, Translation

__all__ = ["FinalSentences", "FinalTranslations"]


class FinalSentences:
    """
    Collects final sentences of one channel or several; a correction replaces what it corrects.

    Attributes:
        sentences: The sentences, in the order of their first results.
    """

    def __init__(self) -> None:
        self.sentences: list[Sentence] = []
        self._places: dict[tuple[str, int | str | None], int] = {}
        self._unsettled: dict[int | str | None, Sentence] = {}

    def with_unsettled(self) -> tuple[Sentence, ...]:
        """Return the sentences, and those in progress; those of several channels by time."""
        sentences = [*self.sentences, *self._unsettled.values()]
        if len({sentence.channel_id for sentence in sentences}) > 1:
            sentences.sort(key=lambda one: (one.begin_time, str(one.channel_id)))
        return tuple(sentences)

    def add(self, result: RecognitionResult) -> None:
        """Add a result; of those that are not final, the latest of each channel is kept."""
        if not result.replaces:
            self._unsettled.pop(result.channel_id, None)
        if result.is_final:
            self._add_final(result)
        elif not result.replaces:
            self._unsettled[result.channel_id] = result.sentence

    def _add_final(self, result: RecognitionResult) -> None:
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
