"""A clock that a test sets by hand."""


class Clock:
    """
    A callable that returns the time, like `time.monotonic`.

    Attributes:
        now: The time in seconds.
    """

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now
