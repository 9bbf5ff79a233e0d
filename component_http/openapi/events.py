"""What we send to a tenant's ``callbackUrl`` (the law, 4.2)."""

from __future__ import annotations

from component_http.openapi.examples import EVENT_DATA, EVENT_EXAMPLES
from component_http.openapi.operations import SIGNED, body_of, operation_of
from component_http.openapi.shapes import (
    HOOK_URL,
    STRING,
    TIME_MEMBERS,
    WORDS,
    Json,
    date_of,
    list_of,
    object_of,
    one_of,
    ref,
    told,
    values_of,
    whole_of,
)
from shared.contract.members import BIGGEST
from shared.model import Flag

_FLAGS = list_of(one_of(values_of(Flag)))
_RECORD: Json = {
    "outcome": STRING,
    "date": date_of(null=True),
    "evidenceId": {"type": ["string", "null"]},
    "flags": _FLAGS,
}
EVENTS: dict[str, tuple[str, Json]] = {
    "meeting.scheduled": (
        "The meeting is in Teams; also sent whenever its link changed.",
        {"joinUrl": HOOK_URL, "organizer": STRING, **TIME_MEMBERS},
    ),
    "meeting.rescheduled": ("The tutor moved the meeting in Teams.", TIME_MEMBERS),
    "meeting.cancelled": (
        "Cancelled in Teams: the task is to be marked cancelled, its link is dead.",
        {"reason": WORDS},
    ),
    "meeting.failed": (
        "A person must do something; once per cause.",
        {"code": STRING, "message": WORDS},
    ),
    "hours.verified": (
        "Hours to be noted, once.",
        {
            **_RECORD,
            "minutes": whole_of(BIGGEST, least=1),
            "note": object_of(
                {
                    "title": STRING | {"pattern": " hours verified$"},
                    "hours": STRING | {"pattern": "^[0-9]+:[0-5][0-9]$"},
                }
            ),
            "noteKey": STRING,
            "evidenceSha256": STRING,
            "final": {"const": True},
        },
    ),
    "hours.not_verified": (
        "No hours, and why; again when it is final.",
        {**_RECORD, "message": WORDS, "final": {"type": "boolean"}},
    ),
}


def schema_name(event: str) -> str:
    return "".join(word.capitalize() for word in event.replace("_", ".").split("."))


def event_schema(event: str) -> Json:
    about, members = EVENTS[event]
    every = {"componentId": STRING, "revision": whole_of(BIGGEST), "sequence": whole_of(BIGGEST)}
    return event_envelope(event, object_of({**every, **members})) | {"description": about}


def event_envelope(event: str, data: Json) -> Json:
    return object_of({"type": {"const": event}, "timestamp": told(), "data": data})


def webhooks() -> Json:
    """What we send to a tenant's ``callbackUrl``."""
    sent = {
        name: _event_call(name, about, EVENT_DATA | EVENT_EXAMPLES[name])
        for name, (about, _) in EVENTS.items()
    }
    sent["connector.ping"] = _event_call(
        "connector.ping", "Nothing at all: sent by a tenant's check.", {}
    )
    return sent


def _event_call(event: str, about: str, data: Json) -> Json:
    example = {"type": event, "timestamp": "2026-04-25T08:00:05Z", "data": data}
    operation = operation_of(
        f"send{schema_name(event)}", "lms", about,
        {
            "2XX": {"description": "Stored by the LMS, within 10 seconds."},
            "410": {"description": "The event is parked at once."},
            "4XX": {"description": "Parked after 24 hours; 408, 425 and 429 are tried longer."},
            "default": {"description": "Tried again with growing pauses for 3 days."},
        },
        description=(
            "Signed; at least once, in order per component, with the same `webhook-id` on every"
            " retry. A `webhook-id` seen before is to be treated as done."
        ),
        security=[],
        parameters=SIGNED,
        requestBody=body_of(ref(schema_name(event)), event=example),
    )  # fmt: skip
    return {"post": operation}
