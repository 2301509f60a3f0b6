"""What a user sees: words, errors, and what remains after a failure."""

import re

from playwright.sync_api import Browser, Page, expect

from paraformer_async import Sentence, Word
from paraformer_async.server import LocalServer
from paraformer_async.testing import FailTask, ScriptedServer
from tests.browser.conftest import Service, Start, variables

FIRST = re.compile("go forward", re.IGNORECASE)
SECOND = re.compile("young man", re.IGNORECASE)


def test_words_appear_while_they_are_spoken(page: Page, start: Start) -> None:
    """The page shows partial text, then the final sentence, its delay, and the level."""
    requests: set[str] = set()
    page.on("request", lambda request: requests.add(request.url.split("/")[2]))
    service = start("--local")
    page.goto(service.url)
    page.get_by_role("button", name="Start").click()

    expect(page.locator("#status")).to_have_text("Listening")
    expect(page.locator("#level")).not_to_have_attribute("aria-valuenow", "0")
    expect(page.locator("#partial")).to_contain_text(FIRST)
    expect(page.locator("#finals")).to_contain_text(FIRST)
    for latency in ("#first", "#last"):
        expect(page.locator(latency)).to_have_text(re.compile(r"^\d+\.\d s$"))
    assert {f"127.0.0.1:{service.port}"} == requests


def test_stop(page: Page, start: Start, recognition: dict[str, str]) -> None:
    """Stop ends the sentence that is being spoken, and shows its text; the page can start again."""
    page.goto(start(**recognition).url)
    for sentences in (1, 2):
        page.get_by_role("button", name="Start").click()
        expect(page.locator("#text")).to_contain_text(re.compile("(forward.*)" * sentences))
        page.get_by_role("button", name="Stop").click()

        expect(page.locator("#status")).to_have_text("Ready")
        expect(page.locator("#finals p")).to_have_count(sentences)
    expect(page.locator("#finals p").last).to_contain_text(FIRST)
    expect(page.locator("#partial")).to_be_empty()
    expect(page.locator("#message")).to_be_empty()


def test_lost_connection(page: Page, start: Start, recognition: dict[str, str]) -> None:
    """A service that is killed while somebody speaks, and started again, costs no word."""
    service = start(**recognition)
    page.goto(service.url)
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#finals")).to_contain_text(FIRST)
    expect(page.locator("#text")).to_contain_text("was not")
    service.kill()

    expect(page.locator("#status")).to_have_text("Reconnecting")
    expect(page.get_by_role("alert")).to_contain_text("The service cannot be reached.")
    service.start()
    expect(page.locator("#status")).to_have_text("Listening")
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.locator("#finals")).to_contain_text(SECOND)
    expect(page.locator("#partial")).to_be_empty()
    text = page.locator("#finals").inner_text()
    words = re.findall("forward|meters|young|man", text)
    assert ["forward", "meters", "young", "man"] == words, text
    expect(page.locator(".gap")).to_have_count(0)


def test_stop_during_an_outage(page: Page, start: Start, recognition: dict[str, str]) -> None:
    """What was spoken before an outage is recognized after it, though recording has stopped."""
    service = start(**recognition)
    page.goto(service.url)
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#text")).to_contain_text(FIRST)
    service.kill()
    expect(page.locator("#status")).to_have_text("Reconnecting")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#status")).to_have_text("Finishing")
    service.start()

    expect(page.locator("#status")).to_have_text("Ready")
    expect(page.locator("#finals")).to_contain_text(FIRST)
    expect(page.get_by_role("alert")).to_be_hidden()


def test_stop_without_a_service(page: Page, start: Start) -> None:
    """If the service does not come back, the wait for the last words ends with an error."""
    page.clock.install()
    with variables(LocalServer("scripted")) as found:
        service = start(**found)
        page.goto(service.url)
        page.get_by_role("button", name="Start").click()
        expect(page.locator("#status")).to_have_text("Listening")
        service.kill()
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("#status")).to_have_text("Finishing")
        page.clock.fast_forward("00:30")

        expect(page.locator("#status")).to_have_text("Ready")
        expect(page.get_by_role("alert")).to_contain_text("The last words did not arrive.")


def test_unreachable_service(page: Page, start: Start) -> None:
    """A page whose service has ended says so, and can start once it is back."""
    with variables(LocalServer("scripted")) as found:
        service = start(**found)
        page.goto(service.url)
        service.kill()
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("alert")).to_contain_text("The service cannot be reached.")
        service.start()
        page.get_by_role("button", name="Start").click()

        expect(page.locator("#status")).to_have_text("Listening")
        expect(page.get_by_role("alert")).to_be_hidden()


def test_wrong_key(page: Page, start: Start) -> None:
    """A key that the service refuses is shown in the page, without the key, and recording ends."""
    with variables(LocalServer("scripted", api_key="right")) as found:
        page.goto(start(**found | {"DASHSCOPE_API_KEY": "wrong"}).url)
        page.get_by_role("button", name="Start").click()

        expect(page.get_by_role("alert")).to_contain_text("401")
        expect(page.locator("#status")).to_have_text("Ready")
        expect(page.get_by_role("alert")).not_to_contain_text("wrong")


def test_microphone_refused(browser: Browser, scripted: Service) -> None:
    """A user who refuses the microphone reads what to do, and can start again."""
    with browser.new_context(permissions=[]) as context:
        page = context.new_page()
        page.goto(scripted.url)
        page.get_by_role("button", name="Start").click()

        expect(page.get_by_role("alert")).to_contain_text("The microphone was refused.")
        expect(page.get_by_role("alert")).to_contain_text("Allow it in the settings of this site.")
        expect(page.get_by_role("button", name="Start")).to_be_enabled()


def test_microphone_is_disconnected(page: Page, scripted: Service) -> None:
    """A microphone that is disconnected ends the recording, and the page says why."""
    page.add_init_script("""
        const devices = navigator.mediaDevices;
        const original = devices.getUserMedia.bind(devices);
        devices.getUserMedia = async (...given) => (window.media = await original(...given));
    """)
    page.goto(scripted.url)
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#status")).to_have_text("Listening")
    page.evaluate("media.getAudioTracks()[0].dispatchEvent(new Event('ended'))")

    expect(page.get_by_role("alert")).to_contain_text("The microphone was disconnected.")
    expect(page.locator("#status")).to_have_text("Ready")


def test_newest_text_is_in_view(page: Page, scripted: Service) -> None:
    """When there is more text than fits, the page shows the end of it."""
    page.goto(scripted.url)
    page.evaluate("finals.innerHTML = '<p>Some text.</p>'.repeat(100)")

    expect(page.locator("#finals p").last).to_be_in_viewport()


def test_failure_within_a_sentence(page: Page, start: Start) -> None:
    """A service that fails within a sentence leaves its text in the page, beside the error."""
    words = tuple(Word(200 * n, 200 * n + 200, f"word {n} ") for n in range(20))
    sentence = Sentence(0, 4000, "", words)
    failure = FailTask("InvalidParameter", "no", after_ms=1000)
    with variables(ScriptedServer([sentence], forever=failure)) as found:
        page.goto(start(**found).url)
        page.get_by_role("button", name="Start").click()

        expect(page.get_by_role("alert")).to_contain_text("InvalidParameter")
        expect(page.locator(".unfinished")).to_contain_text("word 1")


def test_narrow_and_dark(browser: Browser, scripted: Service) -> None:
    """The page fits a phone, follows the scheme of the system, and announces final text."""
    backgrounds = set()
    for scheme in ("light", "dark"):
        with browser.new_context(
            color_scheme=scheme, viewport={"width": 320, "height": 480}
        ) as context:
            page = context.new_page()
            page.goto(scripted.url)
            style = "getComputedStyle(document.body).backgroundColor"
            backgrounds.add(page.evaluate(style))
            assert page.evaluate("document.documentElement.scrollWidth") <= 320
            expect(page.get_by_role("log")).to_have_attribute("aria-live", "polite")
            expect(page.get_by_role("button", name="Start")).to_be_in_viewport(ratio=1)
    assert 2 == len(backgrounds)
