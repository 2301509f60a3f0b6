"""Gaps whose audio is not kept, and that a source can deliver again."""

from paraformer_async._core.gaps import Data, Gap, between

__all__ = ["Unread"]


class Unread:
    """
    The gaps that are not kept, until the source has delivered their audio again.

    Attributes:
        gaps: What is still to come of them, in order.
    """

    def __init__(self) -> None:
        self.gaps: list[Gap] = []

    @property
    def extent(self) -> int:
        """Bytes that are still to come."""
        return sum(gap.end - gap.begin for gap in self.gaps)

    def begin(self, default: int) -> int:
        """Return where the first one begins; *default* if there is none."""
        return self.gaps[0].begin if self.gaps else default

    def parts(self, data: Data, begin: int) -> list[Gap]:
        """Return the parts of the gaps that are in *data*, audio from *begin* on."""
        end = begin + len(data)
        parts = [
            Gap(
                max(begin, gap.begin), min(end, gap.end), between(gap.begin, gap.end, [data], begin)
            )
            for gap in self.gaps
            if gap.begin < end
        ]
        self.gaps = [Gap(max(end, gap.begin), gap.end, ()) for gap in self.gaps if gap.end > end]
        return parts
