"""What a shell completes. Each function returns the values that begin with what is typed."""

from collections.abc import Iterable

from paraformer_async.cli.output import OutputFormat
from paraformer_async.options.models import MODELS
from paraformer_async.options.parameters import PARAMETERS
from paraformer_async.options.service import GATEWAYS

__all__ = [
    "engines",
    "files",
    "formats",
    "languages",
    "models",
    "parameters",
    "regions",
    "ways_of_channels",
]


def models(incomplete: str) -> list[str]:
    """Return names of models."""
    return _beginning(incomplete, MODELS)


def languages(incomplete: str) -> list[str]:
    """Return codes of languages that any of the models recognizes."""
    codes = (code for model in MODELS.values() for code in model.languages or ())
    return _beginning(incomplete, sorted(set(codes)))


def parameters(incomplete: str) -> list[str]:
    """Return the beginnings of parameters, `name=`."""
    return _beginning(incomplete, (f"{name}=" for name in PARAMETERS))


def regions(incomplete: str) -> list[str]:
    """Return names of regions."""
    return _beginning(incomplete, GATEWAYS)


def engines(incomplete: str) -> list[str]:
    """Return names of the engines of the local service."""
    return _beginning(incomplete, ("moonshine", "paraformer", "scripted"))


def formats(incomplete: str) -> list[str]:
    """Return the formats of transcripts."""
    return _beginning(incomplete, (one.value for one in OutputFormat))


def ways_of_channels(incomplete: str) -> list[str]:
    """Return what can become of several channels."""
    return _beginning(incomplete, ("mix", "split", "0", "1"))


def files() -> list[str]:
    """Return nothing, upon which shells complete the names of files."""
    return []


def _beginning(incomplete: str, values: Iterable[str]) -> list[str]:
    return [value for value in values if value.startswith(incomplete)]
