"""Every path of the API (the law, 4.1 and 4.3)."""

from __future__ import annotations

from component_http.erase import COUNTED
from component_http.openapi.examples import (
    BATCH_EXAMPLE,
    COMPONENT,
    DELETED_EXAMPLE,
    PENDING,
    RUNS,
    SAVED_EXAMPLE,
    SETTINGS,
    STATE,
    TENANT,
    TENANT_WITH_SECRETS,
)
from component_http.openapi.operations import (
    NEXT,
    SIGNED,
    acting,
    answer,
    body_of,
    keyed,
    of_component,
    of_tenant,
    operation_of,
    parameter,
    public,
    refusals,
)
from component_http.openapi.shapes import STRING, Json, date_of, one_of, ref, values_of
from shared.contract import BATCH_LIMIT, WEBHOOK_LIMIT
from shared.model import State


def paths() -> Json:
    tenant, component = "/tenants/{tenantId}", "/tenants/{tenantId}/components/{componentId}"
    return {
        f"{tenant}/components": of_tenant(post=_webhook_call(), get=_component_list()),
        f"{tenant}/components/batch": of_tenant(post=_batch_call()),
        "/tenants": {
            "get": keyed(
                "listTenants", "tenants", "All tenants, without secrets.",
                {"200": answer(ref("TenantList"), {"items": [TENANT]})},
            )
        },
        tenant: of_tenant(put=_put_tenant(), get=_get_tenant()),
        f"{tenant}/rotate": of_tenant(
            post=acting(
                "rotateSecrets", "tenants",
                "New webhook secrets; an old one stays valid for 24 hours after it was replaced.",
                answer(ref("TenantWithSecrets"), TENANT_WITH_SECRETS),
            )
        ),
        f"{tenant}/check": of_tenant(get=_check()),
        f"{tenant}/release": of_tenant(
            post=acting(
                "releaseBrake", "tenants",
                "Lift the brake; the next sweep acts on what had vanished by now.",
                answer(ref("Done"), {"released": 6}),
            )
        ),
        f"{tenant}/erase": of_tenant(post=_erase()),
        f"{tenant}/reverify": of_tenant(
            post=acting(
                "reverifyMany", "tenants", "Verify the attendance of many again.",
                answer(ref("Done")),
                body_of(ref("DateRange"), april={"from": "2026-04-01", "to": "2026-04-30"}),
            )
        ),
        f"{tenant}/adopt": of_tenant(
            post=acting(
                "adoptEvents", "tenants", "After a restore: take over every marked event.",
                answer(ref("Done")),
            )
        ),
        component: of_component(
            get=keyed(
                "getComponent", "components", "The state, the history and the evidence.",
                {"200": answer(ref("Component"), COMPONENT), **refusals(404)},
            )
        ),
        **{
            f"{component}/{act}": of_component(
                post=acting(f"{act}Component", "components", about, answer(ref("Component")))
            )
            for act, about in _COMPONENT_ACTS.items()
        },
        f"{component}/decide": of_component(post=_decide()),
        "/runs": {
            "get": keyed(
                "listRuns", "operation", "What every run did, latest first.",
                {"200": answer(ref("RunPage"), RUNS), **refusals(422)},
                [NEXT],
            )
        },
        "/health": {
            "get": public(
                "health", "Liveness, without touching anything.",
                {"200": answer(ref("Health"), {"status": "ok"})},
            )
        },
        "/openapi.json": {
            "get": public("openapi", "This description.", {"200": answer({"type": "object"})})
        },
        "/graph/notifications": {"post": _notifications()},
    }  # fmt: skip


_COMPONENT_ACTS = {
    "resync": "Make LMS and Teams agree on this one now.",
    "reverify": "Verify its attendance again now.",
    "redeliver": "Send its undelivered events again now, the parked ones too.",
}


def _webhook_call() -> Json:
    description = (
        f"At most {WEBHOOK_LIMIT} bytes. The row is stored before anything else is tried. An older"
        " revision changes nothing; the same again answers the present state; the same with other"
        " content is refused. Order of refusal: 413, 401, 415, 400, 422 with every fault."
    )
    return operation_of(
        "receiveComponent", "lms", "A component was saved or deleted in the LMS.",
        {
            "200": answer(ref("ComponentState"), STATE, "The work is done."),
            "202": answer(ref("ComponentState"), PENDING, "Stored; a later run does the work."),
            **refusals(400, 401, 409, 413, 415, 422, 503),
        },
        description=description,
        security=[],
        parameters=SIGNED,
        requestBody=body_of(
            {"oneOf": [ref("ComponentSaved"), ref("ComponentDeleted")]},
            saved=SAVED_EXAMPLE,
            deleted=DELETED_EXAMPLE,
        ),
    )  # fmt: skip


def _batch_call() -> Json:
    results = {
        "results": [{"id": "C-1042", "revision": 7, "status": "stored", "errors": []}],
    }
    return operation_of(
        "receiveComponents", "lms", "A list of components, as the LMS has them now.",
        {
            "200": answer(ref("BatchResults"), results, "What became of each, in the order sent."),
            **refusals(400, 401, 413, 415, 422, 503),
        },
        description=(
            f"At most {BATCH_LIMIT} bytes. Each is stored or refused by itself; nothing is"
            " scheduled within the request."
        ),
        security=[],
        parameters=SIGNED,
        requestBody=body_of(ref("ComponentsSaved"), saved=BATCH_EXAMPLE),
    )  # fmt: skip


def _component_list() -> Json:
    return keyed(
        "listComponents", "components", "Components as they stand, a page at a time.",
        {
            "200": answer(ref("ComponentPage"), {"items": [STATE], "next": None}),
            **refusals(404, 422),
        },
        [
            parameter("state", "query", one_of(values_of(State))),
            parameter("outcome", "query", STRING, "An attendance outcome."),
            parameter("from", "query", date_of(), "First local date of the start, included."),
            parameter("to", "query", date_of(), "Last local date of the start, included."),
            parameter("id", "query", STRING, "The component's id."),
            NEXT,
        ],
    )  # fmt: skip


def _put_tenant() -> Json:
    operation = keyed(
        "putTenant", "tenants", "Create or change a tenant.",
        {
            "200": answer(ref("Tenant"), TENANT, "Changed."),
            "201": answer(
                ref("TenantWithSecrets"),
                TENANT_WITH_SECRETS,
                "Created. The secrets are shown here and after rotation only.",
            ),
            **refusals(400, 409, 413, 415, 422),
        },
    )  # fmt: skip
    return operation | {
        "requestBody": body_of(
            ref("TenantSettings"), whole=SETTINGS, part={"windowDays": 7, "mode": "preview"}
        )
    }


def _get_tenant() -> Json:
    return keyed(
        "getTenant", "tenants", "A tenant, without secrets.",
        {"200": answer(ref("Tenant"), TENANT), **refusals(404)},
    )  # fmt: skip


def _check() -> Json:
    fine = {
        "item": "token",
        "status": "ok",
        "code": None,
        "detail": "Microsoft Entra gives the connector tokens for this tenant.",
        "mend": None,
    }
    missing = {
        "item": "teams: tutor@college.example",
        "status": "missing",
        "code": "owner_without_teams",
        "detail": "The calendar does not allow Teams meetings: a licence is missing.",
        "mend": "Connect-MicrosoftTeams\nGet-CsOnlineUser -Identity '…' | Format-List",
    }
    operation = keyed(
        "checkTenant", "tenants", "What works and what is missing, item by item.",
        {"200": answer(ref("Check"), {"items": [fine, missing]}), **refusals(404, 422)},
        [
            parameter(
                "organizer", "query", STRING,
                "Also check this organiser: an e-mail address, or an object id.",
            )
        ],
    )  # fmt: skip
    operation["description"] = (
        "Everything is tried: a new token, the calendar of each organiser with meetings ahead, a"
        " look-up of one of their meetings, a signed `connector.ping` to the LMS. Nothing is"
        " written. What belongs to an organiser has their address behind the item's name. `mend`"
        " are commands for PowerShell or the Azure CLI, with the real ids."
    )
    return operation


def _erase() -> Json:
    counts = dict.fromkeys(COUNTED, 0) | {"people": 1, "components": 12, "ahead": 1, "history": 3}
    operation = acting(
        "erasePerson", "tenants", "Erase a person's data.",
        answer(ref("Erased"), counts),
        body_of(ref("Email"), person={"email": "learner@work.example"}),
    )  # fmt: skip
    operation["responses"]["202"] = answer(
        ref("Erased"), counts | {"left": 2}, "Some components are left: call again."
    )
    operation["description"] = (
        "Name, address and object id go from every component that names the person, and their own"
        " row is emptied; evidence, which names them by a key, stays as it is. What the LMS saves"
        " later is kept, so erase there first. A component still ahead then says `learner_missing`"
        " or `owner_missing`: its event stays in Teams until the LMS cancels it or names somebody."
    )
    return operation


def _decide() -> Json:
    decision = {
        "decision": "accept",
        "participant": "unidentified 1",
        "by": "M. Anager",
        "reason": "Joined from a phone; the learner confirmed it.",
    }
    return acting(
        "decideComponent", "components",
        "Decide about attendance that is `held_for_review` or `learner_absent`.",
        answer(ref("Component")),
        body_of(ref("Decision"), accepted=decision),
    )  # fmt: skip


def _notifications() -> Json:
    return operation_of(
        "receiveNotifications", "operation", "Microsoft Graph tells that events changed.",
        {
            "200": {
                "description": "The validation token, handed back.",
                "content": {"text/plain": {"schema": STRING}},
            },
            "202": {"description": "Taken. What it says is read from Graph, never believed."},
            **refusals(400, 413, 415, 503),
        },
        security=[],
        parameters=[parameter("validationToken", "query", STRING)],
        requestBody={"content": {"application/json": {"schema": ref("Notifications")}}},
    )  # fmt: skip
