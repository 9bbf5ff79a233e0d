"""What goes in and comes out, as JSON Schemas: messages, answers, tenants, people's calls."""

from __future__ import annotations

from component_http.erase import COUNTED
from component_http.openapi.events import EVENTS, event_envelope, event_schema, schema_name
from component_http.openapi.examples import OUTCOMES, SETTINGS
from component_http.openapi.shapes import (
    CONTROL,
    GUID,
    STRING,
    TIME_MEMBERS,
    WORDS,
    YEAR,
    Json,
    date_of,
    instant_of,
    list_of,
    meanings,
    object_of,
    one_of,
    page_of,
    ref,
    text_of,
    told,
    values_of,
    whole_of,
    yes_no,
)
from shared.callback_address import LONGEST_URL
from shared.contract.calls import LONGEST_REASON
from shared.contract.components import (
    BATCH,
    BATCH_MOST,
    DELETED,
    LONGEST_DESCRIPTION,
    LONGEST_ID,
    MOST_PLANNED_MINUTES,
    SAVED,
)
from shared.contract.members import BIGGEST, LONGEST_ADDRESS, LONGEST_GUID, LONGEST_NAME
from shared.contract.tenants import (
    CLOUDS,
    EXTRA_ATTENDEE,
    LEARNER_TIME,
    MOST_RETRY_NIGHTS,
    MOST_WINDOW_DAYS,
    RETENTION_YEARS,
    UNIDENTIFIED_OTHER,
)
from shared.model import By, Flag, Kind, Mode, State
from shared.reasons import REASONS


def schemas() -> Json:
    return {
        **_message_schemas(),
        **_answer_schemas(),
        **_tenant_schemas(),
        **_operation_schemas(),
        **{schema_name(event): event_schema(event) for event in EVENTS},
        "ConnectorPing": event_envelope("connector.ping", {"type": "object", "maxProperties": 0}),
    }


def _message_schemas() -> Json:
    address = {
        "type": ["string", "null"],
        "maxLength": LONGEST_ADDRESS,
        "pattern": "^\\s*(?:[^@\\s]+@[^@\\s]+)?\\s*$",
        "not": {"type": "string", "pattern": CONTROL},
        "description": "Trimmed and compared case-insensitively. Blank where there is none.",
    }
    person = object_of(
        {
            "email": address,
            "name": text_of(LONGEST_NAME, blank=True, null=True),
        },
        {
            "entraId": {
                "type": ["string", "null"],
                "maxLength": LONGEST_GUID,
                "pattern": f"^(?:\\s*|{GUID})$",
                "description": "Object id in the customer's Entra directory.",
            }
        },
    )
    return {
        "Person": person,
        "Snapshot": _snapshot_schema(),
        "ComponentSaved": _message(SAVED, ref("Snapshot")),
        "ComponentDeleted": _message(DELETED, object_of(_identity())),
        "ComponentsSaved": _message(
            BATCH,
            {
                "type": "array",
                "maxItems": BATCH_MOST,
                "description": "Each is a Snapshot, stored or refused by itself.",
            },
        ),
    }


def _message(name: str, data: Json) -> Json:
    return object_of(
        {"type": {"const": name}, "data": data},
        {"timestamp": instant_of("When the LMS wrote this message.", null=True)},
    )


def _identity() -> Json:
    return {
        "id": {
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_ID,
            "description": "The LMS's id of the component; any characters.",
        },
        "revision": whole_of(BIGGEST, about="Grows with every save; a time stamp in ms will do."),
    }


def _snapshot_schema() -> Json:
    schema = object_of(
        {
            **_identity(),
            "kind": one_of(values_of(Kind)),
            "name": text_of(LONGEST_NAME, about="The title in Teams."),
            "start": instant_of("Null with `end`: the component is not dated.", null=True),
            "end": instant_of("After `start`, at most 24 hours.", null=True),
            "owner": ref("Person"),
            "learner": ref("Person"),
        },
        {
            "meetOnline": yes_no("Whether the component is to be held in Teams."),
            "useZoom": yes_no("The older flag; either makes it online. One of the two is needed."),
            "description": text_of(LONGEST_DESCRIPTION, blank=True, null=True, about="The agenda."),
            "descriptionFormat": one_of(
                ("text", "html"), null=True, about="`text` is the default; `html` is reduced."
            ),
            "cancelled": yes_no("Default false."),
            "plannedMinutes": whole_of(MOST_PLANNED_MINUTES, null=True),
            "employerCanView": yes_no("Whether a review invites manager and mentor too."),
            "manager": {"anyOf": [ref("Person"), {"type": "null"}]},
            "mentor": {"anyOf": [ref("Person"), {"type": "null"}]},
            "seen": whole_of(BIGGEST, null=True, about="Highest event `sequence` applied."),
        },
    )
    both = ("start", "end")
    flags = ("meetOnline", "useZoom")
    return schema | {
        "description": "One save of a component, whole.",
        "allOf": [
            {
                "anyOf": [
                    {"properties": {name: {"type": kind} for name in both}}
                    for kind in ("string", "null")
                ]
            },
            {
                "anyOf": [
                    {"required": [name], "properties": {name: {"type": "boolean"}}}
                    for name in flags
                ]
            },
        ],
    }


def _answer_schemas() -> Json:
    reason = object_of({"code": STRING, "message": WORDS})
    state = {
        "componentId": STRING,
        "revision": whole_of(BIGGEST),
        "state": one_of(values_of(State)),
        "reason": {
            "anyOf": [reason, {"type": "null"}],
            "description": f"Why it is not where it should be.\n\n{meanings(REASONS)}",
        },
        "opensOn": date_of(null=True) | {"description": "The local day it becomes schedulable."},
        "flags": list_of(one_of(values_of(Flag))),
        "meeting": {"anyOf": [ref("Meeting"), {"type": "null"}]},
        "attendance": {"anyOf": [ref("Attendance"), {"type": "null"}]},
    }
    undelivered = object_of(
        {"id": STRING, "type": STRING, "parked": {"type": "boolean"}},
    )
    return {
        "Problem": _problem_schema(),
        "ComponentState": object_of(
            state,
            {"undelivered": list_of(undelivered) | {"description": "Events not taken yet."}},
        ),
        "Meeting": object_of(
            {
                "joinUrl": {"type": ["string", "null"]},
                "organizer": {"type": ["string", "null"]},
                **TIME_MEMBERS,
            }
        ),
        "Attendance": object_of(
            {
                "outcome": STRING | {"description": meanings(OUTCOMES)},
                "final": {"type": "boolean"},
                "minutes": whole_of(BIGGEST, null=True, about="Null: no hours."),
                "date": date_of(null=True),
                "evidenceId": {"type": ["string", "null"]},
                "flags": list_of(one_of(values_of(Flag))),
            }
        ),
        "Component": {
            "allOf": [
                ref("ComponentState"),
                object_of(
                    {
                        "history": list_of(ref("HistoryLine")),
                        "evidence": list_of({"type": "object"})
                        | {"description": "Evidence records, append-only."},
                    }
                ),
            ]
        },
        "HistoryLine": object_of(
            {
                "at": told(),
                "what": STRING,
                "why": STRING,
                "by": one_of(values_of(By)),
                "revision": whole_of(BIGGEST),
                "from": {"description": "What changed, before; null where nothing compares."},
                "to": {"description": "And after."},
            }
        ),
        "ComponentPage": page_of(ref("ComponentState")),
        "BatchResults": object_of(
            {
                "results": list_of(
                    object_of(
                        {
                            "id": {"type": ["string", "null"]},
                            "revision": whole_of(BIGGEST, null=True),
                            "status": one_of(("stored", "unchanged", "refused")),
                        },
                        {"errors": list_of(ref("Fault"))},
                    )
                )
            }
        ),
    }


def _problem_schema() -> Json:
    return object_of(
        {
            "type": {"const": "about:blank"},
            "title": WORDS,
            "status": {"type": "integer"},
            "code": STRING | {"description": "Stable. New ones may appear."},
        },
        {"errors": list_of(ref("Fault"), minItems=1)},
    )


def _tenant_schemas() -> Json:
    nights = whole_of(MOST_RETRY_NIGHTS, null=True, about="Nights to wait for a report.")
    attendance: Json = {
        "unidentifiedOther": one_of(UNIDENTIFIED_OTHER, null=True),
        "extraAttendee": one_of(EXTRA_ATTENDEE, null=True),
        "learnerTime": one_of(LEARNER_TIME, null=True),
        "reviewsEarnHours": yes_no("Funding rules exclude progress reviews. Default false."),
        "retryNights": nights,
    }
    members: Json = {
        "name": text_of(LONGEST_NAME, null=True),
        "enabled": yes_no("Default true. A disabled tenant's webhooks are stored only."),
        "mode": one_of(values_of(Mode), null=True, about="`preview` plans and writes nothing."),
        "entraTenantId": {
            "type": ["string", "null"],
            "pattern": f"^{GUID}$",
            "maxLength": LONGEST_GUID,
        },
        "cloud": one_of(CLOUDS, null=True),
        "timeZone": {
            "type": ["string", "null"],
            "maxLength": 100,
            "pattern": "^[^\\u0000]*$",
            "description": "An IANA name, such as Europe/London.",
        },
        "windowDays": whole_of(MOST_WINDOW_DAYS, null=True, about="Default 5."),
        "callbackUrl": {
            "type": ["string", "null"],
            "format": "uri",
            "maxLength": LONGEST_URL,
            "pattern": "^[Hh][Tt][Tt][Pp][Ss]://",
            "description": "https, on the public internet, no user name, no fragment; any port.",
        },
        "attendance": {**object_of({}, attendance), "type": ["object", "null"]},
        "changeNotifications": yes_no("Default true. Needs `Calendars.Read`."),
        "retentionYears": whole_of(
            RETENTION_YEARS[-1], least=RETENTION_YEARS[0], null=True, about="Default 7."
        ),
    }
    shown: Json = {name: {} for name in SETTINGS}
    settings = object_of({}, members) | {
        "description": (
            "What is left out, or null, keeps its value, and takes its default in a new tenant."
            " A new tenant needs `name`, `entraTenantId`, `timeZone` and `callbackUrl`."
        )
    }
    secret = STRING | {"pattern": "^whsec_"}
    return {
        "TenantSettings": settings,
        "Tenant": {
            "allOf": [
                ref("TenantSettings"),
                object_of({"tenantId": STRING, **shown}, {"createdAt": told(null=True)}),
            ]
        },
        "TenantWithSecrets": {
            "allOf": [
                ref("Tenant"),
                object_of(
                    {
                        "inboundSecret": secret | {"description": "The LMS signs with it."},
                        "outboundSecret": secret | {"description": "We sign with it."},
                    }
                ),
            ]
        },
        "TenantList": object_of({"items": list_of(ref("Tenant"))}),
    }


def _operation_schemas() -> Json:
    item = {
        "item": STRING,
        "status": one_of(("ok", "warning", "missing", "unknown")),
        "code": {"type": ["string", "null"]},
        "detail": {"type": ["string", "null"]},
        "mend": {"type": ["string", "null"], "description": "What to do about it."},
    }
    required_date = date_of() | {"pattern": YEAR}
    return {
        "Fault": object_of(
            {
                "pointer": STRING | {"description": "A JSON pointer as a URI fragment."},
                "code": STRING,
                "detail": WORDS,
            }
        ),
        "Decision": object_of(
            {
                "decision": one_of(("accept", "reject")),
                "by": text_of(LONGEST_NAME, about="Who decides."),
                "reason": text_of(LONGEST_REASON),
            },
            {
                "participant": text_of(
                    LONGEST_ID, null=True, about="The evidence record's name for the person."
                )
            },
        ),
        "DateRange": object_of({"from": required_date, "to": required_date})
        | {"description": "Local dates of the start, both included; `to` not before `from`."},
        "Email": object_of(
            {
                "email": {
                    "type": "string",
                    "maxLength": LONGEST_ADDRESS,
                    "pattern": "^\\s*[^@\\s]+@[^@\\s]+\\s*$",
                    "not": {"pattern": CONTROL},
                }
            }
        ),
        "Check": object_of({"items": list_of(object_of(item))}),
        "Erased": object_of({name: whole_of(BIGGEST) for name in COUNTED})
        | {
            "description": (
                "Rows of people emptied; components cleared, and how many of them lie ahead;"
                " undelivered events and lines of history that named the person; accepted"
                " identities; readings of the directory; components left for another call."
            )
        },
        "Done": {"type": "object", "description": "What was done or begun, in counts."},
        "RunPage": page_of(
            object_of(
                {
                    "id": STRING,
                    "function": STRING,
                    "startedAt": told(),
                    "endedAt": told(null=True),
                    "outcome": STRING,
                    "tenants": {"type": "object"},
                }
            )
        ),
        "Health": object_of({"status": STRING}),
        "Notifications": object_of({"value": list_of({"type": "object"})}),
    }
