"""
Asyncio client for Alibaba Cloud's Paraformer real-time speech recognition.

    async with AsyncRecognizer() as recognizer:
        transcript = await recognizer.transcribe("meeting.mp3")

Importing the package is cheap: the names below are loaded on first use; aiohttp, soundfile and
numpy are loaded only when they are needed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paraformer_async.audio.microphone import Microphone, microphone
    from paraformer_async.audio.probing import AudioProbe, probe
    from paraformer_async.batch.outcomes import BatchOutcome, BatchProgress
    from paraformer_async.batch.running import Batch
    from paraformer_async.errors import (
        AudioError,
        AudioLostError,
        AuthenticationError,
        BatchStoppedError,
        ConnectError,
        ConnectionLostError,
        DeadlineError,
        HandshakeError,
        InvalidOptionError,
        LocalProtocolError,
        MissingExtraError,
        ParaformerError,
        ProtocolError,
        RemoteProtocolError,
        RequestError,
        ServiceError,
        TaskFailedError,
        UsageError,
    )
    from paraformer_async.observing import Statistics
    from paraformer_async.options.policies import PoolLimits, Reconnect, Rollover, Timeouts
    from paraformer_async.recognizer import AsyncRecognizer
    from paraformer_async.results import (
        AudioGap,
        Latency,
        Overhead,
        RecognitionResult,
        Sentence,
        Translation,
        Usage,
        Word,
    )
    from paraformer_async.stream import RecognitionStream
    from paraformer_async.transcript import Transcript

__all__ = [
    "AsyncRecognizer",
    "AudioError",
    "AudioGap",
    "AudioLostError",
    "AudioProbe",
    "AuthenticationError",
    "Batch",
    "BatchOutcome",
    "BatchProgress",
    "BatchStoppedError",
    "ConnectError",
    "ConnectionLostError",
    "DeadlineError",
    "HandshakeError",
    "InvalidOptionError",
    "Latency",
    "LocalProtocolError",
    "Microphone",
    "MissingExtraError",
    "Overhead",
    "ParaformerError",
    "PoolLimits",
    "ProtocolError",
    "RecognitionResult",
    "RecognitionStream",
    "Reconnect",
    "RemoteProtocolError",
    "RequestError",
    "Rollover",
    "Sentence",
    "ServiceError",
    "Statistics",
    "TaskFailedError",
    "Timeouts",
    "Transcript",
    "Translation",
    "Usage",
    "UsageError",
    "Word",
    "microphone",
    "probe",
]

_MODULES = {
    "AsyncRecognizer": "recognizer",
    "AudioGap": "results",
    "AudioProbe": "audio.probing",
    "Batch": "batch.running",
    "BatchOutcome": "batch.outcomes",
    "BatchProgress": "batch.outcomes",
    "Latency": "results",
    "Microphone": "audio.microphone",
    "microphone": "audio.microphone",
    "Overhead": "results",
    "PoolLimits": "options.policies",
    "RecognitionResult": "results",
    "RecognitionStream": "stream",
    "Reconnect": "options.policies",
    "Rollover": "options.policies",
    "Sentence": "results",
    "Statistics": "observing",
    "Timeouts": "options.policies",
    "Transcript": "transcript",
    "Translation": "results",
    "Usage": "results",
    "Word": "results",
    "probe": "audio.probing",
}

# Public modules: shown once they are loaded, unlike the internal ones.
_ROOMS = (
    "account",
    "captions",
    "dashscope",
    "engines",
    "errors",
    "integrations",
    "middleware",
    "observing",
    "quota",
    "server",
    "sync",
    "testing",
    "transports",
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("paraformer-async")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    shown = {name for name in globals() if name in _ROOMS or name.startswith("__")}
    return sorted(shown | {*__all__})
