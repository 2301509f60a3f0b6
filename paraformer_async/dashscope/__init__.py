"""
A drop-in for `dashscope.audio.asr`: change the import, and keep the program.

    from paraformer_async.dashscope import Recognition, RecognitionCallback, RecognitionResult

Names, arguments, results and the order of callbacks are those of the vendor's SDK, version 2.0.2;
no audio is lost with a connection, and no call waits for ever. What differs on purpose is listed in
`docs/dashscope.md`.

A program may set the attributes of this module, as those of `dashscope`; if it has imported that,
too, and set them there, that counts.

Attributes:
    api_key: The API key; by default as for `AsyncRecognizer`.
    api_key_file_path: A file that contains it.
    base_websocket_api_url: Address of the service.
    base_http_api_url: Address of its HTTP API, for hot words.
    options: Further options of `AsyncRecognizer` for all recognitions, such as `reconnect`.
"""

from typing import Any

from paraformer_async.dashscope.recognition import Recognition
from paraformer_async.dashscope.results import RecognitionCallback, RecognitionResult
from paraformer_async.dashscope.vocabulary import VocabularyService, VocabularyServiceException

__all__ = [
    "Recognition",
    "RecognitionCallback",
    "RecognitionResult",
    "VocabularyService",
    "VocabularyServiceException",
]

api_key: str | None = None
api_key_file_path: str | None = None
base_websocket_api_url: str | None = None
base_http_api_url: str | None = None
options: dict[str, Any] = {}

_NOT_HERE = {
    "AsrPhraseManager": "it manages hot words of v1 models, which the service has given up",
    "Transcription": "it transcribes files by URL over HTTP, which is another service",
    "TranslationRecognizerRealtime": 'use AsyncRecognizer(model="gummy-realtime-v1")',
    "TranslationRecognizerChat": 'use AsyncRecognizer(model="gummy-chat-v1")',
}


def __getattr__(name: str) -> Any:
    if name in _NOT_HERE:
        raise AttributeError(f"{__name__} has no {name}: {_NOT_HERE[name]}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
