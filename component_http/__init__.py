"""HTTP: the LMS's webhooks, and the calls of those who look after the connector.

Webhooks are signed and so need no key; what shows or changes a tenant needs a function key, which
opens all tenants. Modules are imported by the call that needs them: a webhook that starts a cold
process waits for its own only.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable
from typing import Any

import azure.functions as func

bp = func.Blueprint()
log = logging.getLogger(__name__)

OPEN, KEY = func.AuthLevel.ANONYMOUS, func.AuthLevel.FUNCTION
RETRY_AFTER_S = "30"
TENANT = "tenants/{tenantId}"
COMPONENT = TENANT + "/components/{componentId}"


def _answering(
    call: Callable[[func.HttpRequest], Any],
) -> Callable[[func.HttpRequest], func.HttpResponse]:
    """Turns a call's ``Reply``, or the error it raised, into the HTTP answer."""

    @functools.wraps(call)
    def handler(req: func.HttpRequest) -> func.HttpResponse:
        from shared.contract import is_tenant_id
        from shared.telemetry import bound, wordless

        tenant = _named(req, "tenantId")
        # What is no tenant's id is anybody's text, and not for the log.
        with wordless(), bound(**({"tenant": tenant} if is_tenant_id(tenant) else {})):
            return answer(req)

    def answer(req: func.HttpRequest) -> func.HttpResponse:
        from shared.contract import refusal
        from shared.errors import Invalid, RemoteError, Stale, Unavailable

        try:
            reply = call(req)
        except Invalid as error:
            return _problem(error)
        except Stale:
            return _problem(refusal("conflict"))
        except (Unavailable, RemoteError) as error:
            log.warning("request.unavailable", extra={"why": str(error)})
            return _problem(refusal("unavailable"), {"Retry-After": RETRY_AFTER_S})
        body = "" if reply.body is None else json.dumps(reply.body, ensure_ascii=False)
        return func.HttpResponse(body, status_code=reply.status, mimetype="application/json")

    # The worker matches bindings by these, and the wrapped call's are not types it knows.
    handler.__annotations__ = {"req": func.HttpRequest, "return": func.HttpResponse}
    return handler


def _problem(error: Any, headers: dict[str, str] | None = None) -> func.HttpResponse:
    from shared.contract import PROBLEM_TYPE, problem

    status, body = problem(error)
    return func.HttpResponse(body, status_code=status, mimetype=PROBLEM_TYPE, headers=headers)


def _ports() -> Any:
    from shared.wiring import ports

    return ports()


def _named(req: func.HttpRequest, name: str) -> str:
    """A part of the route."""
    return req.route_params.get(name) or ""


# -- the LMS ------------------------------------------------------------------------------


@bp.function_name("component_http")
@bp.route(TENANT + "/components", methods=["POST"], auth_level=OPEN)
@_answering
def component_http(req: func.HttpRequest) -> Any:
    """One component was saved or deleted in the LMS."""
    from component_http.receive import receive

    return receive(_ports(), _named(req, "tenantId"), dict(req.headers), req.get_body())


@bp.function_name("component_batch")
@bp.route(TENANT + "/components/batch", methods=["POST"], auth_level=OPEN)
@_answering
def component_batch(req: func.HttpRequest) -> Any:
    """A list of components, as the LMS has them now."""
    from component_http.receive import receive_batch

    return receive_batch(_ports(), _named(req, "tenantId"), dict(req.headers), req.get_body())


# -- Microsoft Graph ----------------------------------------------------------------------


@bp.function_name("graph_notifications")
@bp.route("graph/notifications", methods=["POST"], auth_level=OPEN)
def graph_notifications(req: func.HttpRequest) -> func.HttpResponse:
    """Events changed; or, with a token, Graph asks whether we are here.

    The token must be back within ten seconds, from a process that this call starts too: so nothing
    is imported for it
    (https://learn.microsoft.com/graph/change-notifications-delivery-webhooks).
    """
    token = req.params.get("validationToken")
    if token is None:
        return _notified(req)
    return func.HttpResponse(
        token, mimetype="text/plain", headers={"X-Content-Type-Options": "nosniff"}
    )


@_answering
def _notified(req: func.HttpRequest) -> Any:
    from component_http.notify import take
    from component_http.receive import Reply

    take(_ports(), req.get_body(), req.headers.get("content-type"))
    return Reply(202, None)


# -- tenants ------------------------------------------------------------------------------


@bp.function_name("tenants")
@bp.route("tenants", methods=["GET"], auth_level=KEY)
@_answering
def tenants(req: func.HttpRequest) -> Any:
    from component_http import operate

    return operate.get_tenants(_ports())


@bp.function_name("tenant")
@bp.route(TENANT, methods=["GET", "PUT"], auth_level=KEY)
@_answering
def tenant(req: func.HttpRequest) -> Any:
    from component_http import operate

    tenant_id = _named(req, "tenantId")
    if req.method == "GET":
        return operate.get_tenant(_ports(), tenant_id)
    kind = req.headers.get("content-type")
    return operate.put_tenant(_ports(), tenant_id, req.get_body(), kind)


@bp.function_name("tenant_check")
@bp.route(TENANT + "/check", methods=["GET"], auth_level=KEY)
@_answering
def tenant_check(req: func.HttpRequest) -> Any:
    """What works and what is missing."""
    from component_http.check import check

    return check(_ports(), _named(req, "tenantId"), dict(req.params))


@bp.function_name("tenant_rotate")
@bp.route(TENANT + "/rotate", methods=["POST"], auth_level=KEY)
@_answering
def tenant_rotate(req: func.HttpRequest) -> Any:
    """New webhook secrets."""
    return _tenant_act(req, "rotate")


@bp.function_name("tenant_release")
@bp.route(TENANT + "/release", methods=["POST"], auth_level=KEY)
@_answering
def tenant_release(req: func.HttpRequest) -> Any:
    """Lift the brake."""
    return _tenant_act(req, "release")


@bp.function_name("tenant_erase")
@bp.route(TENANT + "/erase", methods=["POST"], auth_level=KEY)
@_answering
def tenant_erase(req: func.HttpRequest) -> Any:
    """Forget a person."""
    return _tenant_act(req, "erase")


@bp.function_name("tenant_reverify")
@bp.route(TENANT + "/reverify", methods=["POST"], auth_level=KEY)
@_answering
def tenant_reverify(req: func.HttpRequest) -> Any:
    """Verify the attendance of many again."""
    return _tenant_act(req, "reverify")


@bp.function_name("tenant_adopt")
@bp.route(TENANT + "/adopt", methods=["POST"], auth_level=KEY)
@_answering
def tenant_adopt(req: func.HttpRequest) -> Any:
    """After a restore: take over every marked event."""
    return _tenant_act(req, "adopt")


def _tenant_act(req: func.HttpRequest, act: str) -> Any:
    from component_http import operate

    return operate.TENANT_ACTS[act](_ports(), _named(req, "tenantId"), req.get_body())


# -- components ---------------------------------------------------------------------------


@bp.function_name("components")
@bp.route(TENANT + "/components", methods=["GET"], auth_level=KEY)
@_answering
def components(req: func.HttpRequest) -> Any:
    from component_http import operate

    return operate.list_components(_ports(), _named(req, "tenantId"), dict(req.params))


@bp.function_name("component")
@bp.route(COMPONENT, methods=["GET"], auth_level=KEY)
@_answering
def component(req: func.HttpRequest) -> Any:
    from component_http import operate

    return operate.get_component(_ports(), _named(req, "tenantId"), _named(req, "componentId"))


@bp.function_name("component_act")
@bp.route(COMPONENT + "/{act}", methods=["POST"], auth_level=KEY)
@_answering
def component_act(req: func.HttpRequest) -> Any:
    from component_http import operate
    from shared.contract import refusal

    act = operate.COMPONENT_ACTS.get(_named(req, "act"))
    if act is None:
        raise refusal("not_found")
    return act(_ports(), _named(req, "tenantId"), _named(req, "componentId"), req.get_body())


# -- the connector itself -----------------------------------------------------------------


@bp.function_name("runs")
@bp.route("runs", methods=["GET"], auth_level=KEY)
@_answering
def runs(req: func.HttpRequest) -> Any:
    from component_http import operate

    return operate.list_runs(_ports(), dict(req.params))


@bp.function_name("health")
@bp.route("health", methods=["GET"], auth_level=OPEN)
@_answering
def health(req: func.HttpRequest) -> Any:
    """The process answers; nothing else is touched."""
    from component_http.receive import Reply

    return Reply(200, {"status": "ok"})


@bp.function_name("openapi")
@bp.route("openapi.json", methods=["GET"], auth_level=OPEN)
@_answering
def openapi(req: func.HttpRequest) -> Any:
    from component_http.openapi import document
    from component_http.receive import Reply

    return Reply(200, document())
