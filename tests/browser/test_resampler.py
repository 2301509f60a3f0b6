"""The resampler of the page, in the browser, against a reference."""

import numpy as np
import pytest
import soxr
from playwright.sync_api import Page

from tests.browser.conftest import Service

TO = 16_000  # Hz
RATES = (8_000, 44_100, 48_000, 96_000)
EDGE = 400  # samples at each end, which depend on what is before and after
RUN = """
async ([samples, from, to, size]) => {
    const { Resampler } = await import("/resampler.js");
    const resampler = new Resampler(from, to);
    const output = [];
    for (let at = 0; at < samples.length; at += size)
        output.push(...resampler.process(Float32Array.from(samples.slice(at, at + size))));
    return output;
}
"""


@pytest.fixture
def blank(page: Page, scripted: Service) -> Page:
    """Return a page that has loaded, and does nothing."""
    page.goto(scripted.url)
    return page


def resampled(page: Page, samples: np.ndarray, rate: int, size: int = 128) -> np.ndarray:
    """Return what the page makes of *samples*, given *size* at a time."""
    return np.array(page.evaluate(RUN, [samples.tolist(), rate, TO, size]))


def decibels(samples: np.ndarray) -> float:
    """Return the power of a signal, relative to a sine of amplitude 1."""
    return float(10 * np.log10(2 * np.mean(samples**2) + 1e-30))


@pytest.mark.parametrize("rate", RATES)
def test_speech_band(blank: Page, rate: int) -> None:
    """Up to 7.2 kHz, or 3.6 of 8 kHz, the result is that of soxr to 70 dB, without a delay."""
    times = np.arange(rate // 4) / rate
    highest = 0.9 * min(rate, TO) / 2
    chirp = np.sin(2 * np.pi * 2 * highest * times**2)  # its frequency grows from 0 to `highest`
    expected = soxr.resample(chirp, rate, TO, quality="VHQ")
    actual = resampled(blank, chirp, rate)
    compared = slice(EDGE, min(len(actual), len(expected)) - EDGE)

    assert decibels(actual[compared] - expected[compared]) < -70


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_nothing_is_folded_into_the_band(blank: Page, rate: int) -> None:
    """Sines above 8 kHz, where 16 kHz ends, are attenuated by at least 85 dB."""
    times = np.arange(rate // 16) / rate
    for frequency in np.linspace(8_050, rate / 2 - 50, 6):
        sine = np.sin(2 * np.pi * frequency * times)
        assert decibels(resampled(blank, sine, rate)[EDGE:-EDGE]) < -85


def test_pieces(blank: Page) -> None:
    """The result does not depend on how the audio is divided, and has the right length."""
    noise = np.random.default_rng(1).uniform(-1, 1, 4_410)
    whole = resampled(blank, noise, 44_100, size=4_410)

    for size in (1, 128, 1_000):
        assert np.array_equal(whole, resampled(blank, noise, 44_100, size))
    assert abs(len(whole) - 1_600) < 70
