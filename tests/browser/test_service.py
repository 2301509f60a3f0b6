"""What the service and the connection of the page hold to, whatever the other side does."""

import signal
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from paraformer_async.server import LocalServer
from paraformer_async.testing import ScriptedServer
from tests.browser.conftest import Service, Start, variables

# Opens a WebSocket, sends so many bytes, and returns the code with which it is closed.
CLOSE_CODE = """
([address, bytes]) => new Promise((resolve) => {
    const socket = new WebSocket(address);
    socket.onopen = () => socket.send(new Uint8Array(bytes));
    socket.onclose = ({ code }) => resolve(code);
})
"""
# Records 70 s before the service can be reached, and returns how many ms of them are lost.
GAP = """
async () => {
    const { Connection } = await import("/connection.js");
    const address = new URL("captions", location.href.replace("http", "ws"));
    return await new Promise((onGap) => {
        const connection = new Connection(address, { onGap, onOpen() {}, onResult() {} });
        for (let frame = 0; frame < 700; frame++) connection.send(new Int16Array(1600));
    });
}
"""

# Sends 20 s at once; returns how many ms were sent, and the most that were on the way.
FLOW = """
async () => {
    let sent = 0, onTheWay = 0, most = 0;
    window.WebSocket = class extends WebSocket {
        constructor(address) {
            super(address);
            this.addEventListener("message", ({ data }) => {
                onTheWay -= JSON.parse(data).bytes ?? 0;
            });
        }
        send(message) {
            sent += message.byteLength ?? 0;
            most = Math.max(most, (onTheWay += message.byteLength ?? 0));
            super.send(message);
        }
    };
    const { Connection } = await import("/connection.js");
    const address = new URL("captions", location.href.replace("http", "ws"));
    await new Promise((onEnd) => {
        const connection = new Connection(address, { onEnd, onOpen() {}, onResult() {} });
        for (let frame = 0; frame < 200; frame++) connection.send(new Int16Array(1600));
        connection.finish();
    });
    return [sent / 32, most / 32];
}
"""


def test_a_page_that_leaves(page: Page, start: Start) -> None:
    """Closing the page ends its recognition, and with it the connection to the service."""
    server = ScriptedServer()
    with variables(server) as found:
        page.goto(start(**found).url)
        page.get_by_role("button", name="Start").click()
        expect(page.locator("#status")).to_have_text("Listening")
        wait_for(lambda: server.received and server.received[0].audio)
        page.close()

        wait_for(lambda: server.connections.open == 0)


def test_shutdown(page: Page, start: Start) -> None:
    """On SIGTERM, the service ends while a page is recording, without a traceback."""
    with variables(LocalServer("scripted")) as found:
        service = start(**found)
        page.goto(service.url)
        page.get_by_role("button", name="Start").click()
        expect(page.locator("#status")).to_have_text("Listening")
        service.process.send_signal(signal.SIGTERM)

        assert 0 == service.process.wait(30)
        assert "Traceback" not in service.output.read_text("utf-8")
        expect(page.locator("#status")).to_have_text("Reconnecting")


def test_size_of_messages(page: Page, scripted: Service) -> None:
    """A message of more than 64 KiB ends its connection, and only that."""
    page.goto(scripted.url)
    address = scripted.url.replace("http", "ws") + "captions"

    assert 1009 == page.evaluate(CLOSE_CODE, [address, 65 * 1024])
    assert page.request.get(scripted.url).ok


def test_back_pressure(page: Page, scripted: Service) -> None:
    """All audio arrives, and at most 2 s of it, and a frame, are ahead of the recognition."""
    page.goto(scripted.url)
    sent, on_the_way = page.evaluate(FLOW)

    assert 20_000 == sent
    assert on_the_way <= 2_100


def test_long_outage(page: Page, scripted: Service) -> None:
    """The page keeps a minute of audio that cannot be sent, and reports what it had to drop."""
    page.goto(scripted.url)

    assert 10_000 == page.evaluate(GAP)


@pytest.mark.parametrize("origin", ["", "null", "https://example.com", "http://localhost:1"])
def test_other_origins(page: Page, scripted: Service, origin: str) -> None:
    """Pages from elsewhere cannot use the service, nor can programs that name no origin."""
    headers = {"Origin": origin} if origin else {}
    answer = page.request.get(f"{scripted.url}captions", headers=headers)

    assert 403 == answer.status


def test_further_origins(page: Page, scripted: Service) -> None:
    """An origin that is given with `--origin` passes the check."""
    headers = {"Origin": "https://captions.example.com"}
    answer = page.request.get(f"{scripted.url}captions", headers=headers)

    assert 400 == answer.status  # past the check: what is missing is the rest of a handshake


def test_files(page: Page, scripted: Service) -> None:
    """The page comes with a policy to load nothing from elsewhere; the program is not served."""
    policy = page.request.get(scripted.url).headers["content-security-policy"]

    assert policy.startswith("default-src 'self'")
    for path in ("service.py", "..%2fservice.py", "%2e%2e/service.py"):
        assert page.request.get(scripted.url + path).status in {403, 404}


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise TimeoutError
