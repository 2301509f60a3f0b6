"""Errors that are raised before anything is sent."""

import sys

import anyio
import pytest

from paraformer_async import AsyncRecognizer, microphone
from tests.audio.test_microphone import Device, nothing_to_record_from
from tests.pages.provoking import provokes, recognize, transcribe

SPEECH = "examples/audio/goforward"
M4A = b"\0\0\0\x14ftypM4A \0\0\2\0M4A \0\0\0\x08moov"  # its beginning, and an empty index


@provokes
async def no_key(patch: pytest.MonkeyPatch) -> None:
    """There is no key."""
    patch.delenv("DASHSCOPE_API_KEY")
    patch.setenv("HOME", "/nowhere")
    await recognize(b"")


@provokes
async def rate_of_the_model(_: pytest.MonkeyPatch) -> None:
    """The model does not take this sample rate."""
    AsyncRecognizer("paraformer-realtime-8k-v2", sample_rate=16000)


@provokes
async def language(_: pytest.MonkeyPatch) -> None:
    """The model does not know this language."""
    AsyncRecognizer(language_hints=["zh-CN"])


@provokes
async def region(_: pytest.MonkeyPatch) -> None:
    """The region does not offer this model."""
    AsyncRecognizer(region="ap-southeast-1")


@provokes
async def parameter_of_the_model(_: pytest.MonkeyPatch) -> None:
    """The model does not take this parameter."""
    AsyncRecognizer(vad_model="far_field_meeting_16k")


@provokes
async def missing_extra(patch: pytest.MonkeyPatch) -> None:
    """An extra is not installed."""
    for module in ("av", "av.error"):
        patch.setitem(sys.modules, module, None)
    await anyio.Path("speech.m4a").write_bytes(M4A)
    await transcribe("speech.m4a")


@provokes
async def path(_: pytest.MonkeyPatch) -> None:
    """A path is passed to a stream."""
    await recognize(f"{SPEECH}.wav")


@provokes
async def another_format(_: pytest.MonkeyPatch) -> None:
    """The stream is in another format than declared."""
    await recognize(await anyio.Path(f"{SPEECH}.wav").read_bytes())


@provokes
async def no_header(_: pytest.MonkeyPatch) -> None:
    """The file has no header."""
    await transcribe(f"{SPEECH}.raw")


@provokes
async def no_microphone(patch: pytest.MonkeyPatch) -> None:
    """There is no microphone."""
    device = Device()
    nothing_to_record_from(device)
    patch.setitem(sys.modules, "sounddevice", device)
    await recognize(microphone())


@provokes
async def not_open(_: pytest.MonkeyPatch) -> None:
    """The recognizer is not open."""
    AsyncRecognizer().stream(b"")
