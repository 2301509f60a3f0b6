"""The tables and the options, as other rooms use them. Checked for their types only, never run."""

from collections.abc import Mapping
from typing import Any, Unpack, assert_type

from paraformer_async.options.models import MODELS, Billing, Model, rate_of, taking
from paraformer_async.options.options import Options, Overrides
from paraformer_async.options.parameters import PARAMETERS, Parameter, Place, check


def tables(parameters: Mapping[str, Any]) -> None:
    """Rows are found by name."""
    assert_type(MODELS["m"], Model)
    assert_type(MODELS["m"].sample_rate, int | None)
    assert_type(MODELS["m"].parameters, frozenset[str])
    assert_type(MODELS["m"].billing, Billing)
    assert_type(PARAMETERS["p"], Parameter)
    assert_type(PARAMETERS["p"].place, Place)
    assert_type(PARAMETERS["p"].kind.limits, str)
    assert_type(rate_of("m"), int)
    assert_type(taking("p"), tuple[str, ...])
    check("m", parameters)


def options() -> None:
    """Readers of options find the rate resolved."""
    made = Options(model="m", sample_rate=8000)
    assert_type(made.sample_rate, int)
    assert_type(made.language_hints is None, bool)
    assert_type(made.task_parameters(), dict[str, Any])
    assert_type(made.url, str)


def overrides(**given: Unpack[Overrides]) -> Overrides:
    """Overrides are keyword arguments with the types of the options."""
    return given


overrides(model="m", sample_rate=None, vocabulary={"word": 50}, buffer=1.0)
overrides(vocabulary=["word"])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
