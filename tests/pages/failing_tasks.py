"""Errors that end a task."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from paraformer_async import AsyncRecognizer, PoolLimits, Reconnect, Timeouts
from paraformer_async._core.clocks import Clocks
from paraformer_async.server import LocalServer
from paraformer_async.testing import (
    Drop,
    FailTask,
    Fault,
    NeverStart,
    Refuse,
    ScriptedServer,
    Throttle,
    marked,
)
from tests.pages.provoking import provokes, recognize


async def fail(fault: Fault, **options: object) -> None:
    """Recognize marked audio with a service that has a fault."""
    async with ScriptedServer(forever=fault) as service:
        await recognize(marked(2000), endpoint=service.url, **options)


async def pause_after(audio: bytes) -> AsyncIterator[bytes]:
    """Yield audio, and then nothing more."""
    yield audio
    await asyncio.Event().wait()


@provokes
async def no_audio(_: pytest.MonkeyPatch) -> None:
    """NO_VALID_AUDIO_ERROR."""
    await recognize(b"")


@provokes
async def unsupported(_: pytest.MonkeyPatch) -> None:
    """UNSUPPORTED_FORMAT."""
    await fail(FailTask("UNSUPPORTED_FORMAT", "UNSUPPORTED_FORMAT", after_ms=100))


@provokes
async def quiet(_: pytest.MonkeyPatch) -> None:
    """No audio for 23 seconds."""
    async with LocalServer("scripted", clocks=Clocks(message=0.23)) as service:
        await recognize(pause_after(bytes(3200)), endpoint=service.url, reconnect=None)


@provokes
async def silent(_: pytest.MonkeyPatch) -> None:
    """No speech for 60 seconds."""
    async with LocalServer("scripted", clocks=Clocks(silence=0.1)) as service:
        await recognize(pause_after(bytes(320)), endpoint=service.url, reconnect=None)


@provokes
async def throttling(_: pytest.MonkeyPatch) -> None:
    """Throttling."""
    await fail(Throttle(), reconnect=None)


@provokes
async def own_quota(_: pytest.MonkeyPatch) -> None:
    """The wait for the own quota is too long."""
    limits = PoolLimits(tasks_per_second=1, wait=0.3)
    async with (
        ScriptedServer() as service,
        AsyncRecognizer(endpoint=service.url, pool=limits, api_key="another") as recognizer,
    ):
        for _again in range(3):
            async for _result in recognizer.stream(marked(200)):
                pass


@provokes
async def no_model(_: pytest.MonkeyPatch) -> None:
    """The model does not exist."""
    await fail(FailTask("ModelNotFound", "Model not found!"))


@provokes
async def access_denied(_: pytest.MonkeyPatch) -> None:
    """The account may not use the model."""
    await fail(FailTask("Model.AccessDenied", "Model access denied."))


@provokes
async def arrears(_: pytest.MonkeyPatch) -> None:
    """The account is in arrears."""
    message = "Access denied, please make sure your account is in good standing."
    await fail(FailTask("Arrearage", message))


@provokes
async def parameter(_: pytest.MonkeyPatch) -> None:
    """A parameter is wrong."""
    await recognize(bytes(3200), parameters={"disfluency_removal_enabled": "yes"})


@provokes
async def lost(_: pytest.MonkeyPatch) -> None:
    """The connection is lost."""
    await fail(Drop(after_ms=100), reconnect=None)


@provokes
async def no_response(_: pytest.MonkeyPatch) -> None:
    """The service does not respond."""
    await fail(NeverStart(), reconnect=None, timeouts=Timeouts(started=0.1))


@provokes
async def audio_lost(_: pytest.MonkeyPatch) -> None:
    """Live audio is lost."""
    faults = [Drop(after_ms=500), *[Refuse(503, "Service Unavailable")] * 30]
    async with ScriptedServer(faults=faults) as service:
        patience = Reconnect(keep=0.6, backoff=lambda _failures: 0.1)
        await recognize(pause_after(marked(500)), endpoint=service.url, reconnect=patience)
