"""Examples: the law's own where it has one."""

from __future__ import annotations

from component_http.openapi.shapes import Json
from shared.attendance import MESSAGES
from shared.contract.components import BATCH, DELETED, SAVED
from shared.reasons import REASONS

OUTCOMES = {outcome.value: message for outcome, message in MESSAGES.items()}
_JOIN_URL = "https://teams.microsoft.com/l/meetup-join/19%3ameeting_NmIx%40thread.v2/0"
_SNAPSHOT: Json = {
    "id": "C-1042",
    "revision": 7,
    "kind": "meeting",
    "name": "Data ethics workshop",
    "description": "Bring last month's log.",
    "descriptionFormat": "text",
    "start": "2026-04-30T09:00:00+01:00",
    "end": "2026-04-30T10:00:00+01:00",
    "meetOnline": True,
    "cancelled": False,
    "plannedMinutes": 60,
    "owner": {"email": "tutor@college.example", "name": "T. Utor"},
    "learner": {"email": "learner@work.example", "name": "L. Earner"},
    "employerCanView": False,
    "manager": None,
    "mentor": None,
}
SAVED_EXAMPLE: Json = {"type": SAVED, "timestamp": "2026-04-01T10:00:00Z", "data": _SNAPSHOT}
DELETED_EXAMPLE: Json = {
    "type": DELETED,
    "timestamp": "2026-04-02T10:00:00Z",
    "data": {"id": "C-1042", "revision": 8},
}
BATCH_EXAMPLE: Json = {"type": BATCH, "data": [_SNAPSHOT]}
_TIMES: Json = {
    "start": "2026-04-30T09:00:00+01:00",
    "end": "2026-04-30T10:00:00+01:00",
    "timeZone": "Europe/London",
}
STATE: Json = {
    "componentId": "C-1042",
    "revision": 7,
    "state": "scheduled",
    "reason": None,
    "opensOn": "2026-04-25",
    "flags": [],
    "meeting": {"joinUrl": _JOIN_URL, "organizer": "tutor@college.example", **_TIMES},
    "attendance": None,
}
PENDING: Json = STATE | {
    "state": "pending",
    "reason": {"code": "throttled", "message": REASONS["throttled"]},
    "meeting": None,
}
_ATTENDANCE: Json = {
    "outcome": "learner_time",
    "final": True,
    "minutes": 50,
    "date": "2026-04-30",
    "evidenceId": "5f0c7a0e9d0b4a0c8a4e2d6c1b3f7e90",
    "flags": [],
}
COMPONENT: Json = STATE | {
    "state": "verified",
    "attendance": _ATTENDANCE,
    "history": [
        {
            "at": "2026-04-25T08:00:05Z",
            "what": "scheduled",
            "why": "Its window opened.",
            "by": "connector",
            "revision": 7,
            "from": None,
            "to": {"start": "2026-04-30T08:00:00Z", "end": "2026-04-30T09:00:00Z"},
        }
    ],
    "evidence": [{"outcome": "learner_time"}],
}
SETTINGS: Json = {
    "name": "Northern College",
    "enabled": True,
    "mode": "live",
    "entraTenantId": "8f0c1a52-7d3e-4b0a-9c64-2f5e8d1b7a90",
    "cloud": "global",
    "timeZone": "Europe/London",
    "windowDays": 5,
    "callbackUrl": "https://lms.example/hooks/teams",
    "attendance": {
        "unidentifiedOther": "assume_learner",
        "extraAttendee": "whole_meeting",
        "learnerTime": "own",
        "reviewsEarnHours": False,
        "retryNights": 7,
    },
    "changeNotifications": True,
    "retentionYears": 7,
}
TENANT: Json = {"tenantId": "northern-college", **SETTINGS, "createdAt": "2026-04-01T09:00:00Z"}
_SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="  # noqa: S105 an example
TENANT_WITH_SECRETS: Json = TENANT | {"inboundSecret": _SECRET, "outboundSecret": _SECRET}
EVENT_DATA: Json = {"componentId": "C-1042", "revision": 7, "sequence": 1}
_EVIDENCE: Json = {
    "date": "2026-04-30",
    "evidenceId": _ATTENDANCE["evidenceId"],
    "flags": [],
}
EVENT_EXAMPLES: dict[str, Json] = {
    "meeting.scheduled": {"joinUrl": _JOIN_URL, "organizer": "tutor@college.example", **_TIMES},
    "meeting.rescheduled": _TIMES,
    "meeting.cancelled": {"reason": "The tutor cancelled the meeting in Teams."},
    "meeting.failed": {"code": "too_late", "message": REASONS["too_late"]},
    "hours.verified": {
        "outcome": "learner_time",
        "minutes": 50,
        "note": {"title": "Data ethics workshop hours verified", "hours": "0:50"},
        "noteKey": "hours-0f3a9c5d7e1b2a4c6d8e0f1a2b3c4d5e",
        "evidenceSha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "final": True,
        **_EVIDENCE,
    },
    "hours.not_verified": {
        "outcome": "learner_absent",
        "message": OUTCOMES["learner_absent"],
        "final": False,
        **_EVIDENCE,
    },
}

RUNS: Json = {
    "items": [
        {
            "id": "2b0f6d1c9e8a4b7f8c3d5e6f7a8b9c0d",
            "function": "schedule_timer",
            "startedAt": "2026-04-25T06:00:00Z",
            "endedAt": "2026-04-25T06:00:12Z",
            "outcome": "done",
            "tenants": {"northern-college": {"looked_at": 12, "scheduled": 3}},
        }
    ],
    "next": None,
}
