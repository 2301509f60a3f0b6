"""Messages that are larger than is accepted."""

from paraformer_async.errors import RemoteProtocolError

__all__ = ["too_large"]


def too_large(largest_message: int) -> RemoteProtocolError:
    """Return the error for a message of more than so many bytes."""
    return RemoteProtocolError(
        f"a message of the service is larger than {largest_message} bytes, the limit of this client"
    )
