"""Errors as the outside sees them: ``application/problem+json`` (RFC 9457) with a stable code."""

from __future__ import annotations

import json
from typing import Any

from shared.errors import Fault, Invalid

PROBLEM_TYPE = "application/problem+json"

REFUSALS: dict[str, tuple[int, str]] = {
    "too_large": (413, "The body is larger than this address takes."),
    "bad_signature": (401, "The request carries no valid signature."),
    "not_json": (415, "The body must be JSON: send it as application/json in UTF-8."),
    "malformed": (400, "The body is not well-formed JSON."),
    "invalid": (422, "The body was understood, but cannot be taken as it is."),
    "not_found": (404, "There is no such thing here."),
    "revision_reused": (409, "This revision was used before, with other content."),
    "nothing_to_decide": (409, "Nothing about this component waits for a decision."),
    "entra_tenant_in_use": (409, "Events are live in the Entra tenant; it cannot be changed now."),
    "conflict": (409, "The same thing was changed at the same time; ask again."),
    "unavailable": (503, "Nothing could be stored just now; send it again later."),
}
"""Every way a request is refused: code → (status, title). Codes may be added, never changed."""


def refusal(code: str, faults: tuple[Fault, ...] = ()) -> Invalid:
    """The error to raise for one of ``REFUSALS``."""
    status, title = REFUSALS[code]
    return Invalid(status, code, title, faults)


def refuse_if_any(faults: list[Fault]) -> None:
    """Refuse the request whole (422) with every one of *faults*; pass when there are none."""
    if faults:
        raise refusal("invalid", tuple(faults))


def problem(error: Invalid) -> tuple[int, bytes]:
    """Status and body of the answer to *error*; ``errors`` stands there only with faults."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "code": error.code,
    }
    if error.faults:
        body["errors"] = faults_json(error.faults)
    return error.status, json.dumps(body).encode()


def faults_json(faults: tuple[Fault, ...]) -> list[dict[str, str]]:
    """Faults as the contract writes them."""
    return [
        {"pointer": fault.pointer, "code": fault.code, "detail": fault.detail} for fault in faults
    ]
