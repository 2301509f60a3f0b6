"""Use that cannot work ends at once, with an error of ours that says what to do."""

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from paraformer_async import AsyncRecognizer, AudioError, UsageError
from paraformer_async.testing import ScriptedServer, marked

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


@asynccontextmanager
async def opened() -> AsyncIterator[AsyncRecognizer]:
    """Return an open recognizer, with a service."""
    async with ScriptedServer() as server:
        async with AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer:
            yield recognizer


async def test_entering_twice() -> None:
    """Entering a recognizer or a stream twice is an error, and does the first no harm."""
    async with opened() as recognizer:
        with pytest.raises(UsageError, match="already been entered"):
            async with recognizer:
                pass
        async with recognizer.stream(marked(1000)) as stream:
            with pytest.raises(UsageError, match="already been entered"):
                async with stream:
                    pass
            assert [result async for result in stream]
        with pytest.raises(UsageError, match="entered before"):
            async with stream:
                pass


async def test_a_recognizer_can_be_opened_again() -> None:
    """A recognizer that was left can be entered again."""
    async with ScriptedServer() as server:
        recognizer = AsyncRecognizer(endpoint=server.url, api_key="any")
        for _ in range(2):
            async with recognizer:
                assert [result async for result in recognizer.stream(marked(500))]


async def test_a_stream_without_audio() -> None:
    """Iterating over a stream to which no audio can come fails at once."""
    async with opened() as recognizer:
        with anyio.fail_after(2):
            with pytest.raises(UsageError, match="no source"):
                async for _ in recognizer.stream():
                    pass
            with pytest.raises(UsageError, match="no source"):
                await anext(recognizer.stream())


async def test_anext() -> None:
    """A stream is an async iterator: `anext` returns its results one by one, to their end."""
    async with opened() as recognizer:
        stream = recognizer.stream(marked(1000))
        results = [await anext(stream)]
        with pytest.raises(StopAsyncIteration):
            while True:
                results.append(await anext(stream))
        assert results[-1].is_final
        await stream.aclose()
        async with recognizer.stream(marked(1000)) as stream:
            assert (await anext(stream)).text


@pytest.mark.parametrize("is_pushed", [False, True])
async def test_a_header_where_samples_were_declared(is_pushed: bool) -> None:
    """A WAV file sent as PCM is refused before any of it is sent, however it is handed over."""
    async with opened() as recognizer:
        wav = struct.pack("<4sI4s4sI", b"RIFF", 100, b"WAVE", b"fmt ", 16) + bytes(100)

        async def push() -> None:
            async with recognizer.stream() as stream:
                await stream.send(wav)

        async def pull() -> None:
            async for _ in recognizer.stream(wav):
                pass

        with pytest.raises(AudioError, match="begins as WAV") as caught:
            await (push() if is_pushed else pull())
        assert 'format="wav"' in caught.value.hint


async def test_duration_is_what_was_decoded(tmp_path: Path) -> None:
    """The duration of a transcript is that of the audio, not that in the header."""
    async with opened() as recognizer:
        header = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16000, 32000, 2, 16)
        wav = b"RIFF\0\0\0\0WAVE" + header + b"data\0\0\0\0" + marked(1500)
        path = tmp_path / "a.wav"
        path.write_bytes(wav)
        assert 1.5 == (await recognizer.transcribe(path)).duration
