"""Where the account is, and its key, for the commands that use it."""

from paraformer_async.account import AccessOptions
from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.environment import default_key

__all__ = ["access_of"]


def access_of(endpoint: str | None, region: str | None, workspace: str | None) -> AccessOptions:
    """
    Return the options as those of `paraformer_async.account`.

    Raises:
        InvalidOptionError: There is no key in the environment.
    """
    if not default_key():
        raise InvalidOptionError(
            "api_key", "no API key is set", hint="set this variable to your API key"
        )
    return {"endpoint": endpoint, "region": region, "workspace": workspace}
