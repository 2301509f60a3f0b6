"""`paraformer-async doctor`, against services and proxies on this machine."""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from anyio.from_thread import BlockingPortal

from paraformer_async.cli import findings
from paraformer_async.errors import AudioError, MissingExtraError
from paraformer_async.server import LocalServer
from paraformer_async.testing._far_end import http, listening
from tests.cli.conftest import Call, Run
from tests.net.test_transports import Proxy

KEY = "sk-very-secret"
ABOUT_SERVICE = ["key", "endpoint", "region", "proxy", "DNS"]


def lines_of(output: str) -> dict[str, tuple[str, str]]:
    """Return the state and the text of each line, by its name."""
    return {line.split()[1]: (line.split()[0], line[17:]) for line in output.splitlines()}


@pytest.fixture
def service(anyio_portal: BlockingPortal) -> Iterator[str]:
    """Return the address of a service that takes one key."""
    with anyio_portal.wrap_async_context_manager(LocalServer("scripted", api_key=KEY)) as server:
        yield server.url


@asynccontextmanager
async def _secure(authority: trustme.CA, off: timedelta) -> Any:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "HEAD":
            return web.Response(headers={"Date": format_datetime(datetime.now(UTC) - off)})
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            pass
        return socket

    app = web.Application()
    app.router.add_get("/", answer)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"wss://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@pytest.fixture
def secure(
    anyio_portal: BlockingPortal, tmp_path: Path
) -> Callable[..., AbstractContextManager[str]]:
    """Return a function that starts a TLS service, whose authority is in the file `ca.pem`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    def start(**off: float) -> AbstractContextManager[str]:
        return anyio_portal.wrap_async_context_manager(_secure(authority, timedelta(**off)))

    return start


def test_all_is_right(run: Run, service: str) -> None:
    """With a key that a service takes, no line is wrong, the exit code is 0, no key is shown."""
    done = run("doctor", DASHSCOPE_API_KEY=KEY, DASHSCOPE_WEBSOCKET_BASE_URL=service)

    found = lines_of(done.stdout)
    assert (0, "") == (done.returncode, done.stderr)
    assert [*ABOUT_SERVICE, "TCP", "service", "clock", "audio", "extras"] == list(found)
    assert KEY not in done.stdout
    assert ("ok", "in DASHSCOPE_API_KEY") == found["key"]
    assert ("ok", f"{service}, from DASHSCOPE_WEBSOCKET_BASE_URL") == found["endpoint"]
    assert ("ok", "it accepts the key") == found["service"]
    assert ("ok", "it agrees with that of the service") == found["clock"]
    installed, _, _ = found["extras"][1].partition("; not installed")
    assert "cli" in installed


def test_json(run: Run, service: str) -> None:
    """With `--json`, the same is one document, a list with one object per check."""
    done = run("doctor", "--json", "--endpoint", service, DASHSCOPE_API_KEY=KEY)

    documents = json.loads(done.stdout)
    assert (0, "") == (done.returncode, done.stderr)
    assert {"name": "key", "state": "ok", "text": "in DASHSCOPE_API_KEY", "advice": ""} in documents
    assert {"ok", "note"} >= {document["state"] for document in documents}


def test_a_key_that_is_refused(run: Run, service: str) -> None:
    """A wrong key is one wrong line with what to do, in the words of a shell, and exit code 1."""
    done = run("doctor", "--endpoint", service, DASHSCOPE_API_KEY="sk-other-secret")

    state, text = lines_of(done.stdout)["service"]
    assert (1, "wrong") == (done.returncode, state)
    assert "HTTP 401" in text
    assert " -> check DASHSCOPE_API_KEY" in text
    assert "other" not in done.stdout
    assert "api_key=" not in done.stdout


def test_without_a_key(run: Run, service: str) -> None:
    """Without a key, that is wrong; the rest is checked as far as possible."""
    done = run("doctor", "--endpoint", service)

    found = lines_of(done.stdout)
    assert 1 == done.returncode
    assert ("wrong", "there is no API key -> set DASHSCOPE_API_KEY") == found["key"]
    assert ("note", "not checked: there is no key") == found["service"]
    assert "ok" == found["clock"][0]


def test_the_key_of_a_file(run: Run, service: str, tmp_path: Path) -> None:
    """A key that a file holds is found, and the file is named; a missing file is wrong."""
    (tmp_path / "key").write_text(KEY, encoding="utf-8")
    path = str(tmp_path / "key")

    done = run("doctor", "--endpoint", service, DASHSCOPE_API_KEY_FILE_PATH=path)
    missing = run("doctor", "--endpoint", service, DASHSCOPE_API_KEY_FILE_PATH=f"{path}s")

    assert (0, ("ok", f"in the file {path}")) == (done.returncode, lines_of(done.stdout)["key"])
    assert (1, "wrong") == (missing.returncode, lines_of(missing.stdout)["key"][0])


def test_a_refused_port(run: Run) -> None:
    """If nothing listens at the address, the line of the connection is wrong, and the last one."""
    done = run("doctor", "--endpoint", "ws://127.0.0.1:1/", DASHSCOPE_API_KEY=KEY)

    found = lines_of(done.stdout)
    assert 1 == done.returncode
    assert [*ABOUT_SERVICE, "TCP", "audio", "extras"] == list(found)
    assert "wrong" == found["TCP"][0]
    assert "Connection refused -> nothing listens there: check --endpoint" in found["TCP"][1]


def test_an_unknown_name(run: Run) -> None:
    """A name that does not exist is wrong, and nothing is connected to."""
    done = run(
        "doctor", "--endpoint", "wss://service.invalid/", DASHSCOPE_API_KEY=KEY, NO_PROXY="*"
    )

    found = lines_of(done.stdout)
    assert (1, "wrong") == (done.returncode, found["DNS"][0])
    assert "the name service.invalid cannot be resolved" in found["DNS"][1]
    assert "TLS" not in found


def test_a_certificate(run: Run, secure: Callable[..., AbstractContextManager[str]]) -> None:
    """A certificate that is trusted is shown with its issuer and its end; another one is wrong."""
    with secure() as url:
        trusted = run("doctor", "--endpoint", url, DASHSCOPE_API_KEY=KEY, SSL_CERT_FILE="ca.pem")
        other = run("doctor", "--endpoint", url, DASHSCOPE_API_KEY=KEY)

    state, text = lines_of(trusted.stdout)["TLS"]
    assert (0, "ok") == (trusted.returncode, state)
    assert "the certificate of trustme" in text
    assert "is valid until 3000-01-01" in text
    state, text = lines_of(other.stdout)["TLS"]
    assert (1, "wrong") == (other.returncode, state)
    assert "the certificate of 127.0.0.1 is not valid" in text
    assert "set SSL_CERT_FILE to its certificate" in text


@pytest.mark.parametrize(("hours", "text"), [(2, "fast"), (-2, "slow")])
def test_a_wrong_clock(
    run: Run, secure: Callable[..., AbstractContextManager[str]], hours: int, text: str
) -> None:
    """A clock that differs from that of the service is wrong, with the direction."""
    with secure(hours=hours) as url:
        done = run("doctor", "--endpoint", url, DASHSCOPE_API_KEY=KEY, SSL_CERT_FILE="ca.pem")

    state, found = lines_of(done.stdout)["clock"]
    assert (1, "wrong") == (done.returncode, state)
    assert f" s {text} -> synchronize" in found


def test_a_proxy_that_wants_credentials(run: Run, anyio_portal: BlockingPortal) -> None:
    """A proxy that refuses is named as the cause; its credentials are not shown."""
    proxy = Proxy(http("407 No", "Proxy-Authenticate: Basic realm=x"))
    with anyio_portal.wrap_async_context_manager(listening(proxy.serve)) as port:
        done = run(
            "doctor",
            "--endpoint",
            "wss://service.invalid/",
            DASHSCOPE_API_KEY=KEY,
            HTTPS_PROXY=f"http://user:hidden@127.0.0.1:{port}",
        )

    found = lines_of(done.stdout)
    assert 1 == done.returncode
    assert ("ok", f"http://127.0.0.1:{port}") == found["proxy"]
    assert "wrong" == found["service"][0]
    assert "the proxy refused with HTTP 407 -> set HTTPS_PROXY=http://user" in found["service"][1]
    assert "note" == found["clock"][0]
    assert "hidden" not in done.stdout


@pytest.mark.parametrize(
    ("variable", "value", "name"),
    [
        ("DASHSCOPE_WEBSOCKET_BASE_URL", "ftp://host/", "endpoint"),
        ("HTTPS_PROXY", "socks5://127.0.0.1:1", "proxy"),
    ],
)
def test_a_wrong_variable(run: Run, variable: str, value: str, name: str) -> None:
    """A variable that cannot work is one wrong line, and nothing is connected to."""
    done = run("doctor", DASHSCOPE_API_KEY=KEY, **{variable: value})

    found = lines_of(done.stdout)
    assert (1, "wrong") == (done.returncode, found[name][0])
    assert "DNS" not in found


def test_wrong_usage(call: Call) -> None:
    """An option that cannot work is refused by its name, with exit code 2, before any check."""
    done = call("doctor", "--endpoint", "ftp://host/")

    assert (2, "") == (done.returncode, done.stdout)
    assert "--endpoint: " in done.stderr


@pytest.mark.parametrize(
    "error", [MissingExtraError("recording", "mic"), AudioError("none", hint="apt install")]
)
def test_no_audio(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what recording needs, the line says what to install, and nothing is wrong."""

    def devices() -> list[str]:
        raise error

    monkeypatch.setattr(findings, "input_devices", devices)
    found = findings.devices()
    assert findings.State.NOTE is found.state
    assert "install" in found.advice


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices are listed with their numbers."""
    monkeypatch.setattr(findings, "input_devices", lambda: ["0: Built-in", "3: Headset"])
    assert "0: Built-in; 3: Headset" == findings.devices().text
