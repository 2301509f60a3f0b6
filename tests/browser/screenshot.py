"""
Make the picture of the page in docs/images, in a real Chromium, from real speech.

    python -m tests.browser.screenshot
"""

import tempfile
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import ROOT, SPOKEN, open_browser, starting

SPEECH = (*SPOKEN, "sense_and_sensibility_01_austen_64kb-0890.wav")
PICTURE = ROOT / "docs" / "images" / "browser.png"


def main() -> None:
    """Start the example, let it recognize, and take the picture while a sentence is spoken."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with starting(folder) as start, open_browser(folder, SPEECH) as browser:
            service = start("--local")
            page = browser.new_page(
                viewport={"width": 760, "height": 380},
                device_scale_factor=2,
                locale="en-GB",
                permissions=["microphone"],
            )
            page.goto(service.url)
            page.get_by_role("button", name="Start").click()
            expect(page.locator("#partial")).to_contain_text("cold-hearted and rather")
            page.screenshot(path=PICTURE)


if __name__ == "__main__":
    main()
