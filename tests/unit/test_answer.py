"""A component as people and the LMS see it (the law, 4.1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.answer import line_json, state_json, state_of
from shared.model import (
    Attendance,
    By,
    EvidenceId,
    Flag,
    Happening,
    Mode,
    Person,
    State,
    Tenant,
)
from shared.reasons import REASONS, sentence
from shared.record import Record
from shared.scheduling.saving import save
from shared.scheduling.step import Act
from shared.verification import Standing
from tests.build import (
    JOIN_URL,
    NEW_TUTOR,
    NINE,
    NOW,
    TEN,
    YESTERDAY,
    a_booked,
    a_booking,
    a_problem,
    a_record,
    a_slot,
    a_snapshot,
    a_tenant,
    an_intent,
    an_lms_event,
    at,
    saved_again,
)

BEFORE_WINDOW = at("2026-04-24 22:59:59")
SECOND = timedelta(seconds=1)


def saved(former: Record, now: datetime = NOW, **changes: Any) -> Record:
    return save(former, saved_again(former, **changes), now)


def verified(
    outcome: str = "learner_time", *, final: bool = True, minutes: float | None = 50.5, **more: Any
) -> Standing:
    earned = None if minutes is None else timedelta(minutes=minutes)
    evidence = EvidenceId("evidence-1")
    return Standing(Attendance(outcome, final, earned, "2026-04-30", evidence, **more))


def failed(code: str, record: Record | None = None) -> Record:
    return replace(record or a_record(), problem=a_problem(code, final=True))


def passing(code: str, record: Record | None = None) -> Record:
    return replace(record or a_record(), problem=a_problem(code))


LIVE, DISABLED, PREVIEW = a_tenant(), a_tenant(enabled=False), a_tenant(mode=Mode.PREVIEW)
PERSON_MUST_ACT = (
    "owner_not_found",
    "owner_without_teams",
    "not_permitted",
    "not_consented",
    "credential_rejected",
    "credential_expired",
    "entra_tenant_not_found",
    "teams_refused",
)
WILL_BE_TRIED = ("throttled", "teams_unavailable", "entra_unavailable")


def row(
    name: str, record: Record, state: State, code: str | None = None, now: datetime = NOW
) -> Any:
    return pytest.param(record, now, (state, code), id=name)


AN_HOUR_BEFORE = NINE.start - timedelta(hours=1)
NO_OWNER = a_record(a_snapshot(owner=Person("", "T.")))
NO_LEARNER = a_record(a_snapshot(learner=Person(" ", "L.")))
LATE = a_record(asked_at=AN_HOUR_BEFORE)
BEING_MADE = a_record(intent=an_intent(Act.CREATE))
MOVED, CANCELLED = saved(a_booked(), slot=TEN), saved(a_booked(), cancelled=True)
HANDED_OVER = saved(a_booked(), owner=NEW_TUTOR)

NOT_MADE = [
    row("before its window", a_record(), State.WAITING, now=BEFORE_WINDOW),
    row("in its window", a_record(), State.PENDING, "due"),
    row("being made", BEING_MADE, State.PENDING, "claimed"),
    row("being made, moved since", BEING_MADE, State.PENDING, "claimed", BEFORE_WINDOW),
    row("between two owners", a_record(replaces=True), State.PENDING, "due", BEFORE_WINDOW),
    row("asked for too late", LATE, State.TOO_LATE, "too_late", AN_HOUR_BEFORE),
    row("and for ever after", failed("too_late", LATE), State.TOO_LATE, "too_late", TEN.end),
    row("a second before its start", a_record(), State.PENDING, "due", NINE.start - SECOND),
    row("at its start", a_record(), State.FAILED, "missed", NINE.start),
    row("no owner", NO_OWNER, State.FAILED, "owner_missing"),
    row("no owner, before its window", NO_OWNER, State.FAILED, "owner_missing", BEFORE_WINDOW),
    row("no learner", NO_LEARNER, State.FAILED, "learner_missing"),
    *(row(code, failed(code), State.FAILED, code) for code in PERSON_MUST_ACT),
    *(row(code, passing(code), State.PENDING, code) for code in WILL_BE_TRIED),
]
NOT_WANTED = [
    row("offline", a_record(a_snapshot(online=False)), State.OFFLINE),
    row("undated", a_record(a_snapshot(slot=None)), State.OFFLINE),
    row("cancelled", a_record(a_snapshot(cancelled=True)), State.CANCELLED),
    row("deleted", a_record(a_snapshot(deleted=True)), State.CANCELLED),
    row(
        "cancelled and offline", a_record(a_snapshot(cancelled=True, online=False)), State.CANCELLED
    ),
    row("cancelled in Teams", a_record(withdrawn=True), State.CANCELLED),
]
STANDS = [
    row("as agreed", a_booked(), State.SCHEDULED),
    row("its window was cut since", a_booked(), State.SCHEDULED, now=BEFORE_WINDOW),
    row("no link yet", a_booked(booking=a_booking(join_url="")), State.PENDING, "link_pending"),
    row("to be moved", MOVED, State.PENDING, "updating"),
    row("to be renamed", saved(a_booked(), name="Renamed"), State.PENDING, "updating"),
    row("to be handed over", HANDED_OVER, State.PENDING, "updating"),
    row(
        "its former owner refuses",
        passing("old_owner_refuses", HANDED_OVER),
        State.PENDING,
        "old_owner_refuses",
    ),
    row("to be cancelled", CANCELLED, State.PENDING, "cancelling"),
    row("being moved", a_booked(intent=an_intent(Act.UPDATE)), State.PENDING, "updating"),
    row("move throttled", passing("throttled", MOVED), State.PENDING, "throttled"),
    row("cancel throttled", passing("throttled", CANCELLED), State.PENDING, "throttled"),
    row("move refused", failed("not_permitted", MOVED), State.FAILED, "not_permitted"),
    row("cancel refused", failed("not_permitted", CANCELLED), State.FAILED, "not_permitted"),
    row("not seen of late", passing("throttled", a_booked()), State.SCHEDULED, "throttled"),
    *(
        row(code, failed(code, a_booked()), State.FAILED, code)
        for code in ("teams_unreadable", "online_meeting_removed", "series_not_supported")
    ),
    row(
        "moved into the past",
        passing("start_in_past", saved(a_booked(), slot=YESTERDAY)),
        State.SCHEDULED,
        "start_in_past",
    ),
]
BEGUN = [
    row("begun", a_booked(), State.SCHEDULED, now=NINE.start + SECOND),
    *(
        row(
            f"{name} after it began",
            saved(a_booked(), NINE.start, **changes),
            State.SCHEDULED,
            now=NINE.start,
        )
        for name, changes in (
            ("cancelled", {"cancelled": True}),
            ("moved", {"slot": a_slot("2026-05-20 08:00")}),
            ("undated", {"slot": None}),
        )
    ),
    row("verified", a_booked(standing=verified()), State.VERIFIED, now=TEN.end),
    row(
        "verified without hours",
        a_booked(standing=verified("learner_absent", minutes=None)),
        State.VERIFIED,
        now=TEN.end,
    ),
    row(
        "not final yet",
        a_booked(standing=verified("learner_absent", minutes=None, final=False)),
        State.SCHEDULED,
        now=TEN.end,
    ),
    row(
        "verified, and deleted since",
        saved(a_booked(standing=verified()), TEN.end, deleted=True),
        State.VERIFIED,
        now=TEN.end,
    ),
]


@pytest.mark.parametrize(("record", "now", "expected"), [*NOT_MADE, *NOT_WANTED, *STANDS, *BEGUN])
def test_the_state_of_a_component(
    record: Record, now: datetime, expected: tuple[State, str | None]
) -> None:
    assert state_of(record, LIVE, now) == expected


HELD, SHOWN = (State.PENDING, "tenant_disabled"), (State.PENDING, "preview")
WAITING, SCHEDULED, OFFLINE = (State.WAITING, None), (State.SCHEDULED, None), (State.OFFLINE, None)


@pytest.mark.parametrize(
    ("record", "now", "disabled", "preview"),
    [
        pytest.param(a_record(), NOW, HELD, SHOWN, id="due"),
        pytest.param(a_record(), BEFORE_WINDOW, HELD, WAITING, id="before its window"),
        pytest.param(MOVED, NOW, HELD, SHOWN, id="to be moved"),
        pytest.param(CANCELLED, NOW, HELD, SHOWN, id="to be cancelled"),
        pytest.param(a_booked(), NOW, SCHEDULED, SCHEDULED, id="nothing to do"),
        pytest.param(a_record(a_snapshot(online=False)), NOW, OFFLINE, OFFLINE, id="offline"),
    ],
)
def test_the_state_in_a_tenant_that_is_not_live(
    record: Record,
    now: datetime,
    disabled: tuple[State, str | None],
    preview: tuple[State, str | None],
) -> None:
    assert state_of(record, DISABLED, now) == disabled
    assert state_of(record, PREVIEW, now) == preview


# -- the whole answer ----------------------------------------------------------------------


def without_empty_lists(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if value != []}


def test_a_scheduled_component_is_the_laws_own_example() -> None:
    record = a_booked(a_snapshot(revision=7), booking=a_booking())
    assert without_empty_lists(state_json(record, a_tenant(), NOW)) == {
        "componentId": "C-1042",
        "revision": 7,
        "state": "scheduled",
        "reason": None,
        "opensOn": "2026-04-25",
        "meeting": {
            "joinUrl": JOIN_URL,
            "organizer": "tutor@college.example",
            "start": "2026-04-30T09:00:00+01:00",
            "end": "2026-04-30T10:00:00+01:00",
            "timeZone": "Europe/London",
        },
        "attendance": None,
    }


@pytest.mark.parametrize(
    ("record", "names"),
    [
        pytest.param(a_record(), {"meeting": None, "opensOn": "2026-04-25"}, id="none yet"),
        pytest.param(
            a_record(a_snapshot(slot=None)), {"meeting": None, "opensOn": None}, id="not dated"
        ),
        pytest.param(
            a_record(a_snapshot(slot=a_slot("2026-07-01 08:00"))),
            {"opensOn": "2026-06-26"},
            id="later",
        ),
        pytest.param(
            a_record(withdrawn=True), {"meeting": None, "state": "cancelled"}, id="in Teams"
        ),
    ],
)
def test_a_component_without_an_event(record: Record, names: dict[str, Any]) -> None:
    answer = state_json(record, a_tenant(), NOW)
    assert {name: answer[name] for name in names} == names


def test_a_meeting_shows_where_the_event_is_not_where_the_lms_wants_it() -> None:
    meeting = state_json(saved(a_booked(), slot=TEN), a_tenant(), NOW)["meeting"]
    assert meeting["start"] == "2026-04-30T09:00:00+01:00"


def test_a_link_that_is_late_is_null() -> None:
    record = a_booked(booking=a_booking(join_url=""))
    answer = state_json(record, a_tenant(), NOW)
    assert answer["meeting"]["joinUrl"] is None
    assert answer["reason"] == {"code": "link_pending", "message": sentence("link_pending")}


def test_times_are_the_tenants() -> None:
    tenant: Tenant = a_tenant(time_zone="Asia/Kolkata")
    meeting = state_json(a_booked(), tenant, NOW)["meeting"]
    assert meeting["start"] == "2026-04-30T13:30:00+05:30"
    assert meeting["timeZone"] == "Asia/Kolkata"


@pytest.mark.parametrize(
    ("standing", "minutes"),
    [
        pytest.param(verified(minutes=50), 50, id="whole"),
        pytest.param(verified(minutes=50.99), 50, id="rounded down"),
        pytest.param(verified("learner_absent", minutes=None), None, id="no hours"),
        pytest.param(verified("under_a_minute", minutes=None), None, id="under a minute"),
    ],
)
def test_what_attendance_says(standing: Standing, minutes: int | None) -> None:
    answer = state_json(a_booked(standing=standing), a_tenant(), TEN.end)
    assert answer["attendance"] == {
        "outcome": standing.attendance.outcome,
        "final": True,
        "minutes": minutes,
        "date": "2026-04-30",
        "evidenceId": "evidence-1",
        "flags": [],
    }


def test_flags_are_named_once_wherever_they_were_raised() -> None:
    standing = verified(flags=(Flag.LATE_REPORT, Flag.IDENTITY_ASSUMED))
    record = a_booked(flags=(Flag.OLD_EVENT_MAY_REMAIN, Flag.LATE_REPORT), standing=standing)
    answer = state_json(record, a_tenant(), TEN.end)
    assert answer["flags"] == ["identity_assumed", "late_report", "old_event_may_remain"]
    assert answer["attendance"]["flags"] == ["identity_assumed", "late_report"]


def test_the_flags_are_the_laws_closed_list() -> None:
    assert {flag.value for flag in Flag} == {
        "identity_assumed",
        "uninvited_present",
        "planned_exceeded",
        "edited_after_start",
        "records_missing",
        "late_report",
        "outside_organizer_time",
        "old_event_may_remain",
        "agenda_not_updated",
    }


def test_the_states_are_the_laws() -> None:
    law = "waiting scheduled pending too_late offline cancelled failed verified"
    assert {state.value for state in State} == set(law.split())


def test_what_the_lms_has_not_taken_is_visible() -> None:
    events = (an_lms_event(1, parked=True, type="meeting.scheduled"), an_lms_event(2))
    assert state_json(a_booked(queue=events), a_tenant(), NOW)["undelivered"] == [
        {"id": "msg_1", "type": "meeting.scheduled", "parked": True},
        {"id": "msg_2", "type": "meeting.rescheduled", "parked": False},
    ]


def test_every_reason_has_a_sentence_of_its_own_for_people() -> None:
    for code, message in REASONS.items():
        assert sentence(code) == message
        assert message.endswith("."), code
        assert message[0].isupper(), code
    assert len(set(REASONS.values())) == len(REASONS)
    assert sentence("a code of a newer version")


def test_every_reason_a_state_may_give_has_a_sentence() -> None:
    given = {param.values[2][1] for param in [*NOT_MADE, *NOT_WANTED, *STANDS, *BEGUN]}
    codes = {*given, "preview", "tenant_disabled"} - {None}
    assert [code for code in codes if code not in REASONS] == []


# -- history -------------------------------------------------------------------------------


def test_a_line_of_history_in_the_contracts_words() -> None:
    line = Happening(NOW, "rescheduled", "Moved in Teams.", By.TEAMS, 7, {"start": "a"}, None)
    assert line_json(line) == {
        "at": "2026-04-25T08:00:00Z",
        "what": "rescheduled",
        "why": "Moved in Teams.",
        "by": "teams",
        "revision": 7,
        "from": {"start": "a"},
        "to": None,
    }
