"""A connection in memory, whose other end the test holds: the service's side, by hand."""

from collections import deque
from collections.abc import Sequence

import anyio

from paraformer_async._core.protocol import ServerProtocol
from paraformer_async._core.wire import Command, Event, ResultGenerated, TaskFinished, TaskStarted
from paraformer_async._net.transport import Frame, Listener
from paraformer_async.errors import ConnectionLostError
from paraformer_async.results import Sentence


class Peer:
    """Both ends of a connection: a `Transport`, and what a test does in the service's place."""

    def __init__(self) -> None:
        self.protocol = ServerProtocol()
        self.heard: list[Command] = []
        self.calls = 0  # of `send`
        self.is_closed = False
        self.is_open = True
        self.takes_audio = True
        self._frames: deque[str | bytes | ConnectionLostError] = deque()
        self._arrival = anyio.Event()
        self._heard_more = anyio.Event()

    async def send(self, frames: Sequence[Frame]) -> None:
        """Take frames of the client's; see `Transport`."""
        self.calls += 1
        for frame in frames:
            await self._take(frame)

    async def _take(self, frame: Frame) -> None:
        if not self.takes_audio and not isinstance(frame, str):
            await anyio.sleep_forever()
        if self._frames and isinstance(self._frames[-1], ConnectionLostError):
            raise ConnectionLostError(1006)
        command = self.protocol.receive(frame if isinstance(frame, str) else bytes(frame))
        assert command is not None
        self.heard.append(command)
        self._heard_more.set()
        self._heard_more = anyio.Event()

    def unsent(self) -> int:
        """Always something: every frame goes through the sender; see `Transport`."""
        return 1

    def listen(self, listener: Listener | None) -> None:
        """Every frame goes through the receiver; see `Transport`."""
        del listener

    async def receive(self) -> str | bytes:
        """Give the client the next frame; see `Transport`."""
        while not self._frames:
            await self._arrival.wait()
        frame = self._frames[0]
        if isinstance(frame, ConnectionLostError):
            raise frame
        self._frames.popleft()
        return frame

    async def aclose(self) -> None:
        """Note that the client closed."""
        self.is_closed = True

    def say(self, event: Event) -> None:
        """Send an event, as the protocol allows."""
        frame = self.protocol.send(event)
        assert isinstance(frame, str)
        self.say_raw(frame)

    def say_raw(self, frame: str | bytes) -> None:
        """Send any frame."""
        self._frames.append(frame)
        self._arrival.set()
        self._arrival = anyio.Event()

    def drop(self, close_code: int = 1006, reason: str = "") -> None:
        """End the connection."""
        self._frames.append(ConnectionLostError(close_code, reason))
        self._arrival.set()

    async def hear(self, kind: type[Command]) -> Command:
        """Wait for the next command of *kind*, and take all up to it."""
        while True:
            for place, command in enumerate(self.heard):
                if isinstance(command, kind):
                    del self.heard[: place + 1]
                    return command
            with anyio.fail_after(5):
                await self._heard_more.wait()

    def say_final(self, text: str, end_time: int = 1000) -> None:
        """Send a final result."""
        self.say(ResultGenerated(Sentence(text=text, end_time=end_time, sentence_end=True)))

    def say_partial(self, text: str) -> None:
        """Send a partial result."""
        self.say(ResultGenerated(Sentence(text=text)))

    def start(self) -> None:
        """Send `task-started`."""
        self.say(TaskStarted())

    def finish(self) -> None:
        """Send `task-finished`."""
        self.say(TaskFinished())
