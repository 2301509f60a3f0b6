"""A connection in memory; the test acts as the service at its other end."""

from collections import deque
from collections.abc import Sequence

import anyio

from paraformer_async._core.messages import (
    Command,
    Event,
    ResultGenerated,
    TaskFinished,
    TaskStarted,
)
from paraformer_async._core.protocol import ServerProtocol
from paraformer_async._net.contract import OutgoingFrame, Receiver
from paraformer_async.errors import ConnectionLostError
from paraformer_async.results import Sentence


class Peer:
    """Both ends of a connection: a `Transport`, and methods that act as the service."""

    def __init__(self) -> None:
        self.protocol = ServerProtocol()
        self.received: list[Command] = []
        self.calls = 0  # of `write`
        self._closed = anyio.Event()
        self.is_open = True
        self.takes_audio = True
        self.is_binary = False
        self.lingers: anyio.Event | None = None  # what `receive` waits for before it returns
        self._receiver: Receiver | None = None
        self._held: deque[OutgoingFrame] = deque()
        self._frames: deque[str | bytes | ConnectionLostError] = deque()
        self._arrival = anyio.Event()
        self._received_more = anyio.Event()

    @property
    def is_full(self) -> bool:
        """Whether audio is held back; see `Transport`."""
        return bool(self._held)

    def unsent(self) -> int:
        """Return how much of it; see `Transport`."""
        return sum(map(len, self._held))

    def write(self, frames: Sequence[OutgoingFrame]) -> None:
        """Accept frames of the client; see `Transport`."""
        self.calls += 1
        for frame in frames:
            if self._frames and isinstance(self._frames[-1], ConnectionLostError):
                raise ConnectionLostError(1006)
            if self._held or not (self.takes_audio or isinstance(frame, str)):
                self._held.append(frame)
            else:
                self._take(frame)

    def _take(self, frame: OutgoingFrame) -> None:
        command = self.protocol.receive(frame if isinstance(frame, str) else bytes(frame))
        assert command is not None
        self.received.append(command)
        self._received_more.set()
        self._received_more = anyio.Event()

    def take_audio(self) -> None:
        """Accept what was held back, and all further audio."""
        self.takes_audio = True
        while self._held:
            self._take(self._held.popleft())
        if self._receiver is not None:
            self._receiver.writable()

    async def receive(self, receiver: Receiver) -> None:
        """Pass the service's frames on; see `Transport`."""
        self._receiver = receiver
        try:
            while True:
                while not self._frames:
                    await self._arrival.wait()
                frame = self._frames[0]
                if isinstance(frame, ConnectionLostError):
                    raise frame
                self._frames.popleft()
                if receiver.frame_received(frame, is_binary=self.is_binary):
                    if self.lingers is not None:
                        await self.lingers.wait()
                    return
        finally:
            self._receiver = None

    async def aclose(self) -> None:
        """Note that the client closed."""
        self._closed.set()

    @property
    def is_closed(self) -> bool:
        """Whether the client has closed."""
        return self._closed.is_set()

    async def closed(self) -> None:
        """Wait until the client has closed: the pool does that in the background."""
        with anyio.fail_after(5):
            await self._closed.wait()

    def send_event(self, event: Event) -> None:
        """Send an event that the protocol allows now."""
        frame = self.protocol.send(event)
        assert isinstance(frame, str)
        self.send_frame(frame)

    def send_frame(self, frame: str | bytes) -> None:
        """Send any frame."""
        self._frames.append(frame)
        self._arrival.set()
        self._arrival = anyio.Event()

    def drop(self, close_code: int = 1006, reason: str = "") -> None:
        """End the connection."""
        self._frames.append(ConnectionLostError(close_code, reason))
        self._arrival.set()

    async def wait_for(self, kind: type[Command]) -> Command:
        """Wait for the next command of *kind*, and drop all commands up to it."""
        while True:
            for place, command in enumerate(self.received):
                if isinstance(command, kind):
                    del self.received[: place + 1]
                    return command
            with anyio.fail_after(5):
                await self._received_more.wait()

    def send_final(self, text: str, end_time: int = 1000) -> None:
        """Send a final result."""
        self.send_event(ResultGenerated(Sentence(text=text, end_time=end_time, sentence_end=True)))

    def send_partial(self, text: str) -> None:
        """Send a partial result."""
        self.send_event(ResultGenerated(Sentence(text=text)))

    def start(self) -> None:
        """Send `task-started`."""
        self.send_event(TaskStarted())

    def finish(self) -> None:
        """Send `task-finished`."""
        self.send_event(TaskFinished())
