"""
The example in examples/browser, in Chromium. Not a part of the usual run: `nox -s browser`.

Speech comes from a file that takes the place of the microphone, in real time.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from playwright.sync_api import Browser, Page, expect, sync_playwright

from paraformer_async.server import LocalServer
from paraformer_async.testing import ScriptedServer
from tests.frameworks.conftest import free_port

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "examples" / "browser" / "service.py"
AUDIO = ROOT / "examples" / "audio"
SPOKEN = ("goforward.wav", "sense_and_sensibility_01_austen_64kb-0880.wav")
PAUSE = bytes(2 * 16_000)  # 1 s: ends a sentence, or is over before the first one begins
LONGEST = 30_000  # ms until something appears in the page, on a busy machine
FLAGS = ("--use-fake-device-for-media-stream", "--disable-gpu", "--disable-quic", "--no-first-run")

expect.set_options(timeout=LONGEST)


class Service:
    """`service.py` as a process; it can be killed and started again at the same address."""

    def __init__(self, output: Path, *arguments: str, **environment: str) -> None:
        self.output = output
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self._command = [sys.executable, "-W", "error", str(SERVICE), *arguments]
        self._environment = os.environ | environment
        self.process = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        """Start it, and wait until it answers."""
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [*self._command, "--port", str(self.port)],
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                assert self.process.poll() is None, self.output.read_text("utf-8")
                time.sleep(0.05)
            else:
                return self.process
        raise TimeoutError(self.url)

    def kill(self) -> None:
        """End it without a farewell."""
        self.process.kill()
        self.process.wait()


Start = Callable[..., Service]


def executable() -> str:
    """Return the path of a Chromium."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise FileNotFoundError("there is no Chromium: on Debian, apt-get install chromium")


def write_speech(path: Path, names: Iterable[str]) -> None:
    """Write the sentences of examples/audio, with a pause around each."""
    with wave.open(str(path), "wb") as speech:
        speech.setnchannels(1)
        speech.setsampwidth(2)
        speech.setframerate(16_000)
        speech.writeframes(PAUSE)
        for name in names:
            with wave.open(str(AUDIO / name)) as one:
                speech.writeframes(one.readframes(one.getnframes()) + PAUSE)


@contextmanager
def open_browser(folder: Path, names: Iterable[str] = SPOKEN) -> Iterator[Browser]:
    """Start a Chromium whose microphone is a file with speech, from its beginning each time."""
    speech = folder / "speech.wav"
    write_speech(speech, names)
    fake = f"--use-file-for-fake-audio-capture={speech}%noloop"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable(), args=[*FLAGS, fake], chromium_sandbox=False
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests; each test has a context of its own."""
    with open_browser(tmp_path_factory.mktemp("speech")) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Return a page that may use the microphone, in which no script fails."""
    failures: list[str] = []
    with browser.new_context(permissions=["microphone"]) as context:
        opened = context.new_page()
        opened.on("pageerror", lambda error: failures.append(str(error)))
        yield opened
    assert not failures


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts the example with arguments and variables."""
    with starting(tmp_path) as start:
        yield start


@contextmanager
def starting(folder: Path) -> Iterator[Start]:
    """Return a function that starts the example, and end what it has started."""
    with ExitStack() as stack:

        def start(*arguments: str, **environment: str) -> Service:
            service = Service(folder / "output.txt", *arguments, **environment)
            stack.callback(service.kill)
            return service

        yield start


@contextmanager
def variables(server: LocalServer | ScriptedServer) -> Iterator[dict[str, str]]:
    """Run a service for recognition; yield the variables that lead to it."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(server):
        yield {"DASHSCOPE_WEBSOCKET_BASE_URL": server.url, "DASHSCOPE_API_KEY": "any"}


@pytest.fixture(scope="session")
def recognition() -> Iterator[dict[str, str]]:
    """Return the variables that lead to a service with the real engine."""
    with variables(LocalServer()) as found:
        yield found


@pytest.fixture(scope="session")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Run the example with fixed texts in the place of recognition."""
    with (
        variables(LocalServer("scripted")) as found,
        starting(tmp_path_factory.mktemp("scripted")) as start,
    ):
        yield start("--origin", "https://captions.example.com", **found)
