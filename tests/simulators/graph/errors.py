"""Graph's error envelope and the errors that have a name (graph-facts 6.4)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..wire import Reply


class GraphError(Exception):
    """An answer other than 2xx."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
        inner: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})
        self.inner = dict(inner or {})

    def reply(self, now: datetime, client_request_id: str | None) -> Reply:
        """The envelope; innerError's date has no zone (graph-facts 9.46)."""
        request_id = str(uuid.uuid4())
        error = {
            "code": self.code,
            "message": self.message,
            "innerError": {
                **self.inner,
                "date": now.strftime("%Y-%m-%dT%H:%M:%S"),
                "request-id": request_id,
                "client-request-id": client_request_id or request_id,
            },
            **self.extra,
        }
        headers = {
            "content-type": "application/json",
            "request-id": request_id,
            **self.headers,
        }
        return Reply.of({"error": error}, self.status, headers)


def bad_request(message: str, code: str = "BadRequest") -> GraphError:
    return GraphError(400, code, message)


def item_not_found() -> GraphError:  # graph-facts 2.4
    return GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def access_denied() -> GraphError:  # graph-facts 1.6
    return GraphError(
        403, "ErrorAccessDenied", "Access is denied. Check credentials and try again."
    )


def odata_disabled() -> GraphError:  # graph-facts 1.6, legacy application access policy
    return GraphError(403, "ErrorAccessDenied", "Access to OData is disabled.")


def role_missing() -> GraphError:  # graph-facts 6.4, 7
    return GraphError(
        403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
    )


def invalid_token(message: str) -> GraphError:
    return GraphError(
        401,
        "InvalidAuthenticationToken",
        message,
        headers={"WWW-Authenticate": 'Bearer realm="", authorization_uri="https://login"'},
    )


def expired_token() -> GraphError:  # graph-facts 6.2
    return invalid_token("Lifetime validation failed, the token is expired.")


def change_key_conflict() -> GraphError:  # graph-facts 1.9
    return GraphError(
        412,
        "ErrorIrresolvableConflict",
        "The send or update operation could not be performed because the change key passed in the "
        "request does not match the current change key for the item.",
    )


def concurrent_save() -> GraphError:  # graph-facts 1.3
    return GraphError(
        409, "ErrorConcurrentItemSave", "The item was saved by another operation. Please retry."
    )


def zone_not_supported(name: str) -> GraphError:  # graph-facts 1.5
    return bad_request(
        f"A valid TimeZone value must be specified. The following TimeZone value is not "
        f"supported: '{name}'.",
        "TimeZoneNotSupportedException",
    )


def too_many_requests(retry_after: str | None) -> GraphError:  # graph-facts 6.2
    return GraphError(
        429,
        "TooManyRequests",
        "Please retry again later.",
        headers={"Retry-After": retry_after} if retry_after else None,
        inner={"code": "429", "message": "Please retry after", "status": "429"},
    )


def application_throttled(retry_after: str | None) -> GraphError:  # graph-facts 6.2
    return GraphError(
        429,
        "ApplicationThrottled",
        "Application is over its MailboxConcurrency limit.",
        headers={"Retry-After": retry_after} if retry_after else None,
    )
