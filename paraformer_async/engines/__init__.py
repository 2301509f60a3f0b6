"""
Recognition engines for the local service.

Each public module here but `base` is an implementation of `paraformer_async.engines.base.Engine`.
They know nothing about sockets, the protocol or each other; what they need beyond the core (the
`local` extra) is imported when the first stream is opened.
"""

from os import PathLike

from paraformer_async.engines.base import Engine
from paraformer_async.engines.moonshine import MoonshineEngine
from paraformer_async.engines.paraformer import ParaformerEngine
from paraformer_async.engines.scripted import ScriptedEngine
from paraformer_async.errors import InvalidOptionError

__all__ = ["MoonshineEngine", "ParaformerEngine", "ScriptedEngine", "make_engine"]


def make_engine(name: str, model_dir: str | PathLike[str] | None = None) -> Engine:
    """
    Return an engine by its name.

    Args:
        name: `moonshine` (English, weights from PyPI), `paraformer` (a model that the user has
            downloaded) or `scripted` (a fixed text, needs no model).
        model_dir: The folder of the model; required for `paraformer`, refused for the others.

    Raises:
        InvalidOptionError: The name is unknown, or the folder is missing, unusable or not used.
    """
    if name == "paraformer":
        if model_dir is None:
            raise InvalidOptionError("model_dir", "the paraformer engine needs a model folder")
        return ParaformerEngine(model_dir)
    if name not in ("moonshine", "scripted"):
        raise InvalidOptionError(
            "engine", f"{name!r} is not one of 'moonshine', 'paraformer', 'scripted'"
        )
    if model_dir is not None:
        raise InvalidOptionError("model_dir", f"the {name} engine takes no model folder")
    return MoonshineEngine() if name == "moonshine" else ScriptedEngine()
