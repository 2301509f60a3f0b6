"""
Every option of a recognition, checked.

The parameters are those of the service's documentation, under the service's own names, as in the
table of parameters. What was not set is not sent. Everything that the documentation forbids is
refused here, before a connection is made, with an `InvalidOptionError` that names what is allowed.

Imports only tables, checks and policies of this package.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from paraformer_async.errors import InvalidOptionError
from paraformer_async.observing import Observer
from paraformer_async.options.checks import require_json, snapshot
from paraformer_async.options.connection import CHECKS
from paraformer_async.options.context import context_to_send
from paraformer_async.options.endpoint import (
    region_of,
    require_offered,
    shown_address,
    socket_addresses,
    workspace_of,
)
from paraformer_async.options.models import MODELS, rate_of
from paraformer_async.options.parameters import PARAMETERS, Place, check
from paraformer_async.options.policies import Reconnect, Rollover, Timeouts
from paraformer_async.options.service import COMPRESSED, FRAME_MS, TELEPHONY_RATE, UNCOMPRESSED

if TYPE_CHECKING:
    from ssl import SSLContext

    from paraformer_async.middleware import Middleware

__all__ = ["RATE_OF_MODEL", "ApiKey", "Channels", "Options", "Overrides", "is_of_model"]

ApiKey = str | Callable[[], str | Awaitable[str]]
Channels = Literal["mix", "split"] | int
"""What becomes of several channels: one mix, a recognition of each, or of one alone."""


class _RateOfModel(int):
    """
    A sample rate that comes from the model, not from the user.

    Its type survives when options are copied by `msgspec.structs.replace`, so that another model
    replaces it with its own rate.
    """


RATE_OF_MODEL: Final[int] = _RateOfModel()


def is_of_model(rate: int) -> bool:
    """Return whether a sample rate comes from the model, not from the user."""
    return isinstance(rate, _RateOfModel)


class Options(Struct, frozen=True, kw_only=True):
    """
    All options of a recognition, checked. `AsyncRecognizer` documents each.

    Lists and dicts are copied: what is done to them later changes no recognition. A `sample_rate`
    of `RATE_OF_MODEL`, or of `None`, is replaced by the model's on creation.

    Raises:
        InvalidOptionError: On creation, if a value cannot work.
    """

    # Task: the table of parameters
    model: str = "paraformer-realtime-v2"
    format: str = "pcm"
    sample_rate: int = RATE_OF_MODEL
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
    vocabulary: Mapping[str, int] | None = None
    speech_noise_threshold: float | None = None
    special_word_filter: Mapping[str, Any] | str | None = None
    vad_model: str | None = None
    keep_dialect: bool | None = None
    intermediate_result_enabled: bool | None = None
    context: str | Sequence[Mapping[str, str]] | None = None
    parameters: Mapping[str, Any] = {}
    input: Mapping[str, Any] = {}
    # Connection
    api_key: ApiKey | None = None
    endpoint: str | None = None
    endpoints: Sequence[str] = ()
    region: str | None = None
    workspace: str | None = None
    headers: Mapping[str, str] = {}
    proxy: str | None = None
    ssl: "SSLContext | None" = None
    # Behavior
    encoding: str | None = None
    passthrough: bool = False
    channels: Channels = "mix"
    input_channels: int | None = None
    resample_from: int | None = None
    pace: float | None = None
    middleware: "Sequence[Callable[[], Middleware]]" = ()
    reconnect: Reconnect | None = Reconnect()
    rollover: Rollover | None = None
    timeouts: Timeouts = Timeouts()
    buffer: float = 5.0
    frame_ms: int = FRAME_MS
    observe: Observer | None = None
    observe_messages: bool = False

    def __post_init__(self) -> None:
        for name in _COPIED:
            try:
                force_setattr(self, name, snapshot(getattr(self, name)))
            except RecursionError:
                raise InvalidOptionError(name, "is nested too deeply, or in itself") from None
        for name, check_option in CHECKS.items():
            check_option(name, getattr(self, name))
        rate: object = self.sample_rate
        if rate is None or isinstance(rate, _RateOfModel):
            is_telephony = self.encoding and not self.resample_from
            default = TELEPHONY_RATE if is_telephony else rate_of(self.model)
            force_setattr(self, "sample_rate", _RateOfModel(default))
        given = self._given()
        check(self.model, given)
        for name, value in {"model": self.model, **given}.items():
            require_json(name, value, value)
        self._check_clashes(given)
        if self.endpoint or self.endpoints or self.region:
            _ = self.urls  # raise now

    def __repr__(self) -> str:
        """Show what was set; secrets (key, headers, proxy) only as set or not."""
        shown = (f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"Options({', '.join(shown)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show the same in the output of `rich`, where msgspec would show everything."""
        return [
            (name, _shown(name, value))
            for name in self.__struct_fields__
            if (value := getattr(self, name)) is not None and not _is_empty(value)
        ]

    @property
    def is_decoded(self) -> bool:
        """Whether a compressed stream is decoded on the way in, so that it can be resumed."""
        is_compressed = self.format in COMPRESSED
        return is_compressed and not self.passthrough and self.reconnect is not None

    @property
    def is_cut(self) -> bool:
        """Whether a compressed stream is cut at its packets, so that it can be resumed at one."""
        is_compressed = self.format in COMPRESSED
        return is_compressed and (self.passthrough or self.reconnect is not None)

    @property
    def emotion(self) -> bool:
        """Whether final sentences carry `emo_tag`: 8 kHz v2 model, semantic punctuation off."""
        model = MODELS.get(self.model)
        return model is not None and model.emotion and not self.semantic_punctuation_enabled

    @property
    def urls(self) -> tuple[str, ...]:
        """
        The addresses of the service, the preferred one first; see `options.endpoint`.

        Raises:
            InvalidOptionError: A variable is invalid, or a region does not offer the model.
        """
        urls = socket_addresses(self.endpoint, self.endpoints, self.region, self.workspace)
        for url in urls:
            require_offered(self.model, region_of(url, self.region))
        return urls

    @property
    def url(self) -> str:
        """The preferred address of the service."""
        return self.urls[0]

    @property
    def workspace_id(self) -> str | None:
        """The workspace, possibly that of the environment."""
        return workspace_of(self.endpoint or self.endpoints, self.workspace)

    def adapted(self, **changes: Any) -> "Options":
        """
        Return these options with *changes*; the same object if nothing changes.

        Comparing takes a tenth of the time of checking all of them again.

        Raises:
            InvalidOptionError: They cannot work with the changes.
        """
        is_same = all(getattr(self, name) == value for name, value in changes.items())
        return self if is_same else replace(self, **changes)

    def task_parameters(self) -> dict[str, Any]:
        """Return `payload.parameters` of run-task: what was set, and nothing else."""
        sent = {
            name: value
            for name, value in self._given().items()
            if PARAMETERS[name].place is Place.PARAMETERS
        }
        return sent | dict(self.parameters)

    def task_input(self) -> dict[str, Any]:
        """Return `payload.input` of run-task and continue-task."""
        context = {} if self.context is None else {"context": context_to_send(self.context)}
        return dict(self.input) | context

    @property
    def can_continue_task(self) -> bool:
        """Whether `task_input` can be sent in mid-task; unknown models are not limited."""
        model = MODELS.get(self.model)
        return bool(self.task_input()) and (model is None or "context" in model.parameters)

    def _given(self) -> dict[str, Any]:
        """Return the parameters of the table that were set."""
        given = {name: value for name in _CHECKED if (value := getattr(self, name)) is not None}
        if isinstance(self.sample_rate, _RateOfModel):
            given["sample_rate"] = int(self.sample_rate)  # msgspec encodes no subclass
        return given

    def _check_clashes(self, given: Mapping[str, Any]) -> None:
        if self.heartbeat and self.format not in UNCOMPRESSED and not self.is_decoded:
            raise InvalidOptionError(
                "heartbeat",
                f"silence cannot be sent in a stream of {self.format} that is sent as it is",
                hint="let it be decoded, with reconnect= and without passthrough=, or send your "
                'own silence with parameters={"heartbeat": True}',
            )
        if self.encoding and self.format != "pcm":
            raise InvalidOptionError(
                "encoding", f"{self.encoding} is for samples without a header, not {self.format}"
            )
        if self.input_channels not in (None, 1) and self.format not in UNCOMPRESSED:
            raise InvalidOptionError(
                "input_channels",
                f"the channels of a stream of {self.format} cannot be told apart, only of pcm or "
                "wav",
                hint="decode the audio to PCM first; for files, use transcribe(path)",
            )
        if self.resample_from and self.format != "pcm":
            raise InvalidOptionError(
                "resample_from", f"is for samples without a header, not {self.format}"
            )
        if self.pace and self.format not in UNCOMPRESSED and not self.is_decoded:
            raise InvalidOptionError(
                "pace",
                f"a stream of {self.format} that is sent as it is has no pace",
                hint="let it be decoded, with reconnect= and without passthrough=",
            )
        if self.rollover and not self.reconnect:
            raise InvalidOptionError(
                "rollover", "needs audio that is kept: set reconnect=, see Reconnect.keep"
            )
        for option, further in (("parameters", self.parameters), ("input", self.input)):
            for name in further:
                if name in given:
                    raise InvalidOptionError(
                        option, f"{name!r} is given twice: here and as {name}="
                    )


# What may change within a stream: the model and its parameters, but not the audio, nor what sends
# silence into it.
CHANGEABLE = frozenset({"model", "parameters", "input", *PARAMETERS}) - {
    *("format", "sample_rate", "heartbeat")
}
# What tells samples without a header apart; that of a file is in the file.
ABOUT_SAMPLES = frozenset({"format", "sample_rate", "encoding", "input_channels"})
# What may change within a task, if the model takes it.
CHANGEABLE_IN_TASK = frozenset({"context", "input"})


class Overrides(TypedDict, total=False):
    """The options of `Options`, all optional, as keyword arguments of one recognition."""

    model: str
    format: str
    sample_rate: int | None
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
    vocabulary: Mapping[str, int] | None
    speech_noise_threshold: float | None
    special_word_filter: Mapping[str, Any] | str | None
    vad_model: str | None
    keep_dialect: bool | None
    intermediate_result_enabled: bool | None
    context: str | Sequence[Mapping[str, str]] | None
    parameters: Mapping[str, Any]
    input: Mapping[str, Any]
    api_key: ApiKey | None
    endpoint: str | None
    endpoints: Sequence[str]
    region: str | None
    workspace: str | None
    headers: Mapping[str, str]
    proxy: str | None
    ssl: "SSLContext | None"
    encoding: str | None
    passthrough: bool
    channels: Channels
    input_channels: int | None
    resample_from: int | None
    pace: float | None
    middleware: "Sequence[Callable[[], Middleware]]"
    reconnect: Reconnect | None
    rollover: Rollover | None
    timeouts: Timeouts
    buffer: float
    frame_ms: int
    observe: Observer | None
    observe_messages: bool


def _is_empty(value: object) -> bool:
    # Not by comparison: a number of numpy compares with {} element by element.
    return isinstance(value, Mapping | tuple) and not value


class _Hidden:
    """Stands for a secret where options are shown."""

    def __repr__(self) -> str:
        return "…"


def _shown(name: str, value: Any) -> Any:
    if name in _SECRETS:
        return _HIDDEN
    if name == "endpoints":
        return [shown_address(one) for one in value]
    return shown_address(value) if name == "endpoint" else value


_CHECKED = tuple(name for name, row in PARAMETERS.items() if row.checked)
_COPIED = (
    "language_hints",
    "vocabulary",
    "special_word_filter",
    "context",
    "parameters",
    "input",
    "endpoints",
    "headers",
    "middleware",
)
_SECRETS = frozenset({"api_key", "headers", "proxy"})
_HIDDEN = _Hidden()
