"""How each task of a recognition begins: the commands, and the options that they come from."""

from msgspec.structs import replace

from paraformer_async._core.messages import Command, ContinueTask, Resource, RunTask
from paraformer_async._core.middleware import Stack
from paraformer_async.options.options import Options

__all__ = ["Opening"]


class Opening:
    """
    The commands that begin each task: as middleware has passed them on, the same until an update.

    Only the input may be another one for each task: it is the newest.

    Args:
        options: The options of the first task.
        stack: The middleware.

    Attributes:
        options: The options of the current task, or of the next one.
    """

    def __init__(self, options: Options, stack: Stack) -> None:
        self.options: Options = options
        self._stack = stack
        self._commands: list[Command] | None = None

    @property
    def is_made(self) -> bool:
        """Whether middleware has seen the run-task of these options."""
        return self._commands is not None

    def commands(self, now: float) -> list[Command]:
        """Return the commands that begin the next task."""
        if self._commands is None:
            options = self.options
            resources = (Resource(options.phrase_id),) if options.phrase_id else ()
            parameters, given = options.task_parameters(), options.task_input()
            task = RunTask(options.model, parameters, resources, given)
            self._commands = list(self._stack.outgoing(task, now))
        return self._commands

    def use(self, options: Options | None) -> None:
        """Begin all further tasks with other *options*; `None` for the same."""
        if options is not None:
            self.options = options
            self._commands = None

    def use_input(self, command: ContinueTask) -> None:
        """Begin all further tasks with the input of *command*."""
        self._commands = [
            replace(one, input=command.input) if isinstance(one, RunTask) else one
            for one in self._commands or ()
        ]
