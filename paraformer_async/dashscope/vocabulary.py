"""`VocabularyService`, a drop-in for the class of the same name in the vendor's SDK."""

from collections.abc import Mapping, Sequence
from typing import Any

from paraformer_async._client.portal import PORTAL
from paraformer_async.account.access import Access
from paraformer_async.account.calls import calling
from paraformer_async.dashscope.settings import access_of
from paraformer_async.errors import HandshakeError, ParaformerError, RequestError, ServiceError
from paraformer_async.options.policies import full_jitter
from paraformer_async.options.service import CUSTOMIZATION_MODEL, CUSTOMIZATION_PATH

__all__ = ["VocabularyService", "VocabularyServiceException"]

_RETRIES = 3
_OTHER = -1


class VocabularyServiceException(ParaformerError):
    """The service has refused an action, or could not be reached."""

    def __init__(self, request_id: str, status_code: int, code: str, error_message: str) -> None:
        self._request_id = request_id
        self._status_code = status_code
        self._code = code
        self._error_message = error_message
        super().__init__(
            f"Request: {request_id}, Status Code: {status_code}, Code: {code}, "
            f"Error Message: {error_message}"
        )


class VocabularyService:
    """
    Lists of hot words, as the service returns them; see `paraformer_async.account` for more.

    Args:
        api_key: The key; by default as for a recognition.
        workspace: Id of the workspace.
        model: The model that manages lists.
        headers: Further headers.
        base_address: Address of the HTTP API.
        request_timeout: Limit of one request in seconds; 30 by default.

    All methods raise `VocabularyServiceException` if the service refuses, or cannot be reached, and
    `InvalidOptionError` if there is no key.
    """

    def __init__(
        self,
        api_key: str | None = None,
        workspace: str | None = None,
        model: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        base_address: str | None = None,
        request_timeout: float | None = None,
    ) -> None:
        self.model: str = CUSTOMIZATION_MODEL if model is None else model
        self._api_key = api_key
        self._workspace = workspace or None
        self._headers = headers or {}
        self._base_address = base_address
        self._timeout = request_timeout
        self._last_request_id: str | None = None

    def create_vocabulary(
        self, target_model: str, prefix: str, vocabulary: Sequence[Mapping[str, Any]]
    ) -> str:
        """Create a list of words, such as `{"text": "…", "weight": 4}`, and return its id."""
        given = {"target_model": target_model, "prefix": prefix, "vocabulary": list(vocabulary)}
        return str(self._call("create_vocabulary", given)["vocabulary_id"])

    def list_vocabularies(
        self, prefix: str | None = None, page_index: int = 0, page_size: int = 10
    ) -> list[dict[str, Any]]:
        """Return one page of the lists, or of those with *prefix*."""
        given = {"prefix": prefix} if prefix else {}
        page = {"page_index": page_index, "page_size": page_size}
        found: list[dict[str, Any]] = self._call("list_vocabulary", given | page)["vocabulary_list"]
        return found

    def query_vocabulary(self, vocabulary_id: str) -> dict[str, Any]:
        """Return a list with its words and its status."""
        return self._call("query_vocabulary", {"vocabulary_id": vocabulary_id})

    def update_vocabulary(
        self, vocabulary_id: str, vocabulary: Sequence[Mapping[str, Any]]
    ) -> None:
        """Replace the words of a list."""
        given = {"vocabulary_id": vocabulary_id, "vocabulary": list(vocabulary)}
        self._call("update_vocabulary", given)

    def delete_vocabulary(self, vocabulary_id: str) -> None:
        """Delete a list."""
        self._call("delete_vocabulary", {"vocabulary_id": vocabulary_id})

    def get_last_request_id(self) -> str | None:
        """Return the id of the last request that succeeded."""
        return self._last_request_id

    def _call(self, action: str, given: Mapping[str, Any]) -> dict[str, Any]:
        document = {"model": self.model, "input": {"action": action, **given}}
        try:
            answer = PORTAL.run(self._post(document, is_read=action.startswith(("list", "query"))))
        except (RequestError, HandshakeError) as error:
            raise VocabularyServiceException(
                error.request_id, error.status, error.error_code, error.error_message
            ) from error
        except ServiceError as error:
            kind = type(error).__name__
            raise VocabularyServiceException("", _OTHER, kind, error.message) from error
        self._last_request_id = answer.get("request_id")
        return answer.get("output") or {}

    async def _post(self, document: Mapping[str, Any], *, is_read: bool) -> dict[str, Any]:
        options = access_of(self._api_key, "base_http_api_url")
        if self._base_address:
            options["endpoint"] = self._base_address
        if self._timeout is not None:
            options["timeout"] = self._timeout
        access = Access(**options, workspace=self._workspace, headers=self._headers)
        async with calling(access) as caller:
            if is_read:
                return await caller.read(
                    CUSTOMIZATION_PATH, document, retries=_RETRIES, backoff=full_jitter
                )
            return await caller.post(CUSTOMIZATION_PATH, document=document)
