"""
The root of the tree, and what has nothing to do with the service.

Imports nothing of this package.
"""

__all__ = [
    "AudioError",
    "BatchStoppedError",
    "InvalidOptionError",
    "MissingExtraError",
    "ParaformerError",
    "UsageError",
]


class ParaformerError(Exception):
    """
    Base of all errors of this library. Its text is built from its attributes when it is shown.

    Attributes:
        hint: What to do next, in one sentence; empty if there is nothing useful to do.
    """

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(*((message,) if message else ()))
        self.hint: str = hint

    @property
    def message(self) -> str:
        """What happened, without the hint and ids."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def __repr__(self) -> str:
        """Show the facts that are known, the hint too."""
        known = {name: fact for name, fact in vars(self).items() if fact and name[0] != "_"}
        shown = [*map(repr, self.args), *(f"{name}={fact!r}" for name, fact in known.items())]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __reduce__(self) -> tuple[object, ...]:
        """Keep all facts on the way to another process, whatever arguments `__init__` has."""
        return _restored, (type(self), self.args, vars(self).copy())


class InvalidOptionError(ParaformerError, ValueError):
    """
    An option or parameter has a value that cannot work. Raised before anything is sent.

    Attributes:
        option: Name of the option.
        reason: What is wrong with its value, and what is allowed.
    """

    def __init__(self, option: str, reason: str, *, hint: str = "") -> None:
        self.option: str = option
        self.reason: str = reason
        super().__init__(hint=hint)

    @property
    def message(self) -> str:
        """What happened, without the hint."""
        return f"{self.option}: {self.reason}"


class MissingExtraError(ParaformerError, ImportError):
    """
    An optional dependency is needed and not installed.

    Attributes:
        purpose: What needs it.
        extra: Name of the extra that installs it: `pip install "paraformer-async[extra]"`.
    """

    def __init__(self, purpose: str, extra: str) -> None:
        self.purpose: str = purpose
        self.extra: str = extra
        super().__init__(hint=f'pip install "paraformer-async[{extra}]"')

    @property
    def message(self) -> str:
        """What happened, without the hint."""
        return f"{self.purpose} needs packages that are not installed"


class UsageError(ParaformerError, RuntimeError):
    """The API was used out of order, for example audio was sent after `finish()`."""


class AudioError(ParaformerError, ValueError):
    """The audio cannot be used as it is: unreadable, empty, or not what the model accepts."""


class BatchStoppedError(ParaformerError):
    """
    A batch was given up early, because no connection could be made for several files in a row.

    Its `__cause__` is the error of the last of them.

    Attributes:
        failures: How many consecutive files failed for that reason, each after all retries.
        done: Files that were transcribed, restored ones included.
        left: Files that were not, failed ones included; `None` if the number of paths is unknown.
    """

    def __init__(self, failures: int, done: int, left: int | None) -> None:
        self.failures: int = failures
        self.done: int = done
        self.left: int | None = left
        super().__init__(hint="with a checkpoint, the same call continues where this one stopped")

    @property
    def message(self) -> str:
        """What happened, without the hint."""
        of = "" if self.left is None else f", {self.left} are left"
        reason = f": {self.__cause__}" if self.__cause__ else ""
        return (
            f"the batch was stopped, because no connection could be made for {self.failures}"
            f" consecutive files; {self.done} files are done{of}{reason}"
        )


def _restored(
    kind: type[ParaformerError], args: tuple[object, ...], facts: dict[str, object]
) -> ParaformerError:
    error = kind.__new__(kind)
    error.args = args
    vars(error).update(facts)
    return error
