"""The parts that operations are made of: parameters, bodies, answers, refusals."""

from __future__ import annotations

from typing import Any

from component_http.openapi.shapes import STRING, Json, ref
from shared.contract import PROBLEM_TYPE, REFUSALS
from shared.contract.components import LONGEST_ID


def parameters() -> Json:
    return {
        "tenantId": parameter(
            "tenantId", "path", STRING | {"pattern": "^[a-z0-9][a-z0-9-]{0,62}$"}
        ),
        "componentId": parameter(
            "componentId",
            "path",
            {"type": "string", "minLength": 1, "maxLength": LONGEST_ID},
            "Percent-encoded, a slash as %2F.",
        ),
        "next": parameter("next", "query", STRING, "What the last answer's `next` held."),
        "webhookId": parameter(
            "webhook-id",
            "header",
            {"type": "string", "pattern": "^[!-~]{1,255}$"},
            "Unique per message; the same on every retry.",
        ),
        "webhookTimestamp": parameter(
            "webhook-timestamp",
            "header",
            {"type": "string", "pattern": "^[0-9]{1,12}$"},
            "Unix seconds; 5 minutes' tolerance. New on every retry.",
        ),
        "webhookSignature": parameter(
            "webhook-signature",
            "header",
            STRING,
            "`v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`; several, space-separated,"
            " while secrets rotate.",
        ),
    }


def parameter(name: str, place: str, schema: Json, about: str = "") -> Json:
    parameter: Json = {"name": name, "in": place, "schema": schema}
    if place != "query":
        parameter["required"] = True
    return parameter | ({"description": about} if about else {})


def _parameter_ref(name: str) -> Json:
    return {"$ref": f"#/components/parameters/{name}"}


NEXT = _parameter_ref("next")
SIGNED = [_parameter_ref(name) for name in ("webhookId", "webhookTimestamp", "webhookSignature")]


def responses() -> Json:
    """One answer per status of ``REFUSALS``, with an example per code."""
    answers: Json = {}
    for code, (status, title) in REFUSALS.items():
        answer = answers.setdefault(
            f"Problem{status}",
            {
                "description": "",
                "content": {PROBLEM_TYPE: {"schema": ref("Problem"), "examples": {}}},
            },
        )
        answer["description"] = f"{answer['description']} `{code}`: {title}".strip()
        answer["content"][PROBLEM_TYPE]["examples"][code] = {"value": _problem_example(code)}
    answers["Problem503"]["headers"] = {
        "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}
    }
    answers["NoKey"] = {"description": "No function key, or a wrong one. Answered by the host."}
    return answers


def _problem_example(code: str) -> Json:
    status, title = REFUSALS[code]
    body: Json = {"type": "about:blank", "title": title, "status": status, "code": code}
    if code == "invalid":
        detail = "The end must be after the start."
        fault = {"pointer": "#/data/end", "code": "before_start", "detail": detail}
        body["errors"] = [fault]
    return body


def refusals(*statuses: int) -> Json:
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in statuses}


def answer(schema: Json, example: Any = None, about: str = "Done.") -> Json:
    content: Json = {"schema": schema}
    if example is not None:
        content["example"] = example
    return {"description": about, "content": {"application/json": content}}


def body_of(schema: Json, **examples: Any) -> Json:
    named = {name: {"value": value} for name, value in examples.items()}
    return {
        "required": True,
        "content": {"application/json": {"schema": schema, "examples": named}},
    }


def of_tenant(**operations: Json) -> Json:
    return {"parameters": [_parameter_ref("tenantId")], **operations}


def of_component(**operations: Json) -> Json:
    names = ("tenantId", "componentId")
    return {"parameters": [_parameter_ref(name) for name in names], **operations}


def operation_of(name: str, tag: str, summary: str, responses: Json, **more: Any) -> Json:
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        **more,
        "responses": dict(sorted(responses.items())),
    }


def keyed(
    name: str, tag: str, summary: str, responses: Json, parameters: list[Json] | None = None
) -> Json:
    """An operation that needs a function key."""
    more = {"parameters": parameters} if parameters else {}
    answers = {**responses, "401": {"$ref": "#/components/responses/NoKey"}, **refusals(503)}
    return operation_of(name, tag, summary, answers, **more)


def public(name: str, summary: str, responses: Json, **more: Any) -> Json:
    return operation_of(name, "operation", summary, responses, security=[], **more)


def acting(name: str, tag: str, summary: str, done: Json, sent: Json | None = None) -> Json:
    """A POST that does something to what the path names."""
    statuses = (400, 404, 409, 413, 415, 422) if sent else (404, 409)
    operation = keyed(name, tag, summary, {"200": done, **refusals(*statuses)})
    return operation | ({"requestBody": sent} if sent else {})
