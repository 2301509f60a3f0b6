"""The exceptions of wrong use, under the names that the vendor's SDK gives them."""

from paraformer_async.errors import ParaformerError

__all__ = [
    "DashScopeException",
    "InputDataRequired",
    "InputRequired",
    "InvalidParameter",
    "InvalidTask",
    "ModelRequired",
]


class DashScopeException(ParaformerError):
    """Base of the exceptions of this package."""


class InvalidParameter(DashScopeException):
    """A call came out of order: a recognition is running already, or is not running."""


class InvalidTask(DashScopeException):
    """A task could not be begun."""


class InputRequired(DashScopeException):
    """An argument that must be given is missing."""


class InputDataRequired(DashScopeException):
    """The file is empty."""


class ModelRequired(DashScopeException):
    """No model is given."""
