"""
The nouns of a question: every option of a recognition, with its checks.

Ground floor: imports only its own checks of ours. The parameters are those of the service's own
documents, under the service's own names. What was not set is not sent. Everything that the
documents forbid is refused here, before a connection is made, by one `InvalidOptionError` that
names what is allowed. A model that is not in `MODELS` is passed on with its parameters unchecked,
and so is whatever stands in `parameters`.
"""

import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import urlsplit

from msgspec import Struct

from paraformer_async.errors import InvalidOptionError
from paraformer_async.observing import Observer
from paraformer_async.options.checks import (
    TASK_PARAMETERS,
    check,
    require_address,
    require_kind,
)
from paraformer_async.options.models import MODELS
from paraformer_async.options.policies import Reconnect, Timeouts

if TYPE_CHECKING:
    from ssl import SSLContext

    from paraformer_async.middleware import Middleware

__all__ = ["ENDPOINT", "ApiKey", "Options", "Overrides", "workspace_endpoint"]

ENDPOINT = "wss://dashscope.aliyuncs.com/api-ws/v1/inference"
ApiKey = str | Callable[[], str | Awaitable[str]]


def workspace_endpoint(workspace: str, *, region: str = "cn-beijing") -> str:
    """
    Give the address of a workspace's own domain, for `endpoint=`.

    The service's documents recommend it over the shared address. Not verified against the service.

    Args:
        workspace: Id of the workspace.
        region: Region of the workspace.

    Raises:
        InvalidOptionError: One of them cannot be part of a host's name.
    """
    for name, value in (("workspace", workspace), ("region", region)):
        if not re.fullmatch(r"[A-Za-z0-9-]+", value):
            raise InvalidOptionError(name, f"{value!r} cannot be part of a host's name")
    return f"wss://{workspace}.{region}.maas.aliyuncs.com{urlsplit(ENDPOINT).path}"


class Options(Struct, frozen=True, kw_only=True):
    """
    All options of a recognition, checked. `AsyncRecognizer` documents each.

    Raises:
        InvalidOptionError: On creation, when a value cannot work.
    """

    # Task
    model: str = "paraformer-realtime-v2"
    format: str = "pcm"
    sample_rate: int = 16000
    vocabulary_id: str | None = None
    phrase_id: str | None = None
    disfluency_removal_enabled: bool | None = None
    language_hints: Sequence[str] | None = None
    semantic_punctuation_enabled: bool | None = None
    max_sentence_silence: int | None = None
    multi_threshold_mode_enabled: bool | None = None
    punctuation_prediction_enabled: bool | None = None
    heartbeat: bool | None = None
    inverse_text_normalization_enabled: bool | None = None
    parameters: Mapping[str, Any] = {}
    # Connection
    api_key: ApiKey | None = None
    endpoint: str | None = None
    workspace: str | None = None
    headers: Mapping[str, str] = {}
    proxy: str | None = None
    ssl: "SSLContext | None" = None
    # Behavior
    middleware: "Sequence[Callable[[], Middleware]]" = ()
    reconnect: Reconnect | None = Reconnect()
    timeouts: Timeouts = Timeouts()
    buffer: float = 5.0
    observe: Observer | None = None
    observe_messages: bool = False

    def __post_init__(self) -> None:
        require_kind("timeouts", self.timeouts, Timeouts, "Timeouts(…)")
        if self.reconnect is not None:
            require_kind("reconnect", self.reconnect, Reconnect, "Reconnect(…), or None")
        check(self)

    def __repr__(self) -> str:
        """Show what was set; secrets (key, headers, proxy) only as set or not."""
        shown = (f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"Options({', '.join(shown)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show the same where msgspec would show all, in the output of `rich`."""
        return [
            (name, _shown(name, value))
            for name in self.__struct_fields__
            if (value := getattr(self, name)) not in (None, {}, ())
        ]

    @property
    def emotion(self) -> bool:
        """Whether final sentences carry `emo_tag`: 8 kHz v2 model, semantic punctuation off."""
        model = MODELS.get(self.model)
        return model is not None and model.emotion and not self.semantic_punctuation_enabled

    @property
    def url(self) -> str:
        """
        The endpoint: as given, or from DASHSCOPE_WEBSOCKET_BASE_URL, or the service's in Beijing.

        Raises:
            InvalidOptionError: The variable holds what is no address of a WebSocket.
        """
        if self.endpoint:
            return self.endpoint
        url = os.environ.get("DASHSCOPE_WEBSOCKET_BASE_URL") or ENDPOINT
        require_address("DASHSCOPE_WEBSOCKET_BASE_URL", url, "ws", "wss")
        return url

    def task_parameters(self) -> dict[str, Any]:
        """`payload.parameters` of run-task: what was set, and nothing else."""
        named = {name: getattr(self, name) for name in TASK_PARAMETERS}
        chosen = {name: value for name, value in named.items() if value is not None}
        return chosen | dict(self.parameters)


class Overrides(TypedDict, total=False):
    """The options of `Options`, all optional, as keyword arguments of one recognition."""

    model: str
    format: str
    sample_rate: int
    vocabulary_id: str | None
    phrase_id: str | None
    disfluency_removal_enabled: bool | None
    language_hints: Sequence[str] | None
    semantic_punctuation_enabled: bool | None
    max_sentence_silence: int | None
    multi_threshold_mode_enabled: bool | None
    punctuation_prediction_enabled: bool | None
    heartbeat: bool | None
    inverse_text_normalization_enabled: bool | None
    parameters: Mapping[str, Any]
    api_key: ApiKey | None
    endpoint: str | None
    workspace: str | None
    headers: Mapping[str, str]
    proxy: str | None
    ssl: "SSLContext | None"
    middleware: "Sequence[Callable[[], Middleware]]"
    reconnect: Reconnect | None
    timeouts: Timeouts
    buffer: float
    observe: Observer | None
    observe_messages: bool


class _Hidden:
    """Stands for a secret where options are shown."""

    def __repr__(self) -> str:
        return "…"


def _shown(name: str, value: Any) -> Any:
    if name in _SECRETS:
        return _HIDDEN
    return _shown_address(value) if name == "endpoint" else value


def _shown_address(address: Any) -> Any:
    """Leave out credentials and query. Shown may also be what is just being refused."""
    try:
        where = urlsplit(address if isinstance(address, str) else "")
    except ValueError:  # a broken IPv6 address
        return _HIDDEN
    if not where.netloc:
        return _HIDDEN
    query = "?…" if where.query else ""
    return f"{where.scheme}://{where.netloc.rpartition('@')[2]}{where.path}{query}"


_SECRETS = frozenset({"api_key", "headers", "proxy"})
_HIDDEN = _Hidden()
