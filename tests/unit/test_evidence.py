"""The evidence record of a meeting with everybody in it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.attendance import Case, Verdict, assemble, judge
from shared.evidence import (
    Word,
    canonical,
    case_of,
    evidence_id,
    evidence_record,
    names,
    note_key,
    settings_of,
    sha256,
    wants_key,
)
from shared.intervals import Interval
from shared.model import (
    AttendanceSettings,
    ComponentId,
    EvidenceId,
    JoinUrl,
    Kind,
    Person,
    PersonKey,
    Slot,
    Snapshot,
    TenantId,
    UserId,
)
from shared.people import (
    Entry,
    Found,
    Identity,
    Joined,
    Known,
    Reading,
    Report,
    cast_of,
    unknown_identities,
)
from shared.verification import Decision, Step, decide, next_step

NINE = datetime(2026, 4, 30, 8, tzinfo=UTC)
NIGHT = date(2026, 5, 1)
AT = datetime(2026, 5, 1, 2, 30, tzinfo=UTC)
TENANT, COMPONENT = TenantId("northern"), ComponentId("C-1042")
TUTOR = UserId("aaaaaaaa-0000-4000-8000-000000000001")
LEARNER = UserId("bbbbbbbb-0000-4000-8000-000000000002")
STAFF = "cccccccc-0000-4000-8000-000000000003"
URL = JoinUrl(
    "https://teams.microsoft.com/l/meetup-join/19%3ameeting_x%40thread.v2/0"
    f"?context=%7b%22Oid%22%3a%22{TUTOR.upper()}%22%7d",
    TUTOR,
)
OLD_URL = JoinUrl("https://teams.microsoft.com/l/meetup-join/old", UserId("old"))


def spell(join: float, leave: float) -> Interval:
    return Interval(NINE + timedelta(minutes=join), NINE + timedelta(minutes=leave))


def signed_in(id_: str, address: str, name: str, *spells: Interval) -> Entry:
    return Entry(Joined.SIGNED_IN, id_, address, name, spells)


EVERYBODY = (
    signed_in(TUTOR, "tutor@college.example", "Tina Utor", spell(0, 60)),
    signed_in(LEARNER, "learner@work.example", "Leo Earner", spell(5.0123, 50)),
    signed_in("manager-id", "manager@work.example", "Mona Anager", spell(0, 10)),
    signed_in(STAFF, "staff@college.example", "Sten Taff", spell(1, 2)),
    signed_in("foreign-id", "foreign@else.example", "Fred Oreign", spell(3, 20)),
    Entry(Joined.GUEST, "guest-id", "typed@guest.example", "Gus Uest", (spell(4, 30),)),
    Entry(Joined.PHONE, "4:+441632960123", "", "+44 1632 960123", (spell(6, 7),)),
    signed_in("", "", "", spell(8, 9)),
    Entry(Joined.APPLICATION, "28:bot", "", "Note Taker", (spell(0, 60),)),
)
PERSONAL = [
    *(value for e in EVERYBODY for value in (e.id, e.address, e.name) if value),
    "1632",
    "example",
    "entor",
]


def a_snapshot(**changes: Any) -> Snapshot:
    snapshot = Snapshot(
        id=COMPONENT,
        revision=7,
        kind=Kind.MEETING,
        name="One to one with Leo Earner",
        description="about Leo",
        description_is_html=False,
        slot=None,
        online=True,
        cancelled=False,
        deleted=False,
        planned_minutes=60,
        owner=Person("tutor@college.example", "Tina Utor", TUTOR),
        learner=Person("learner@work.example", "Leo Earner", LEARNER),
        manager=Person("manager@work.example", "Mona Anager"),
        mentor=Person("mentor@work.example", "Max Entor"),
        employer_can_view=False,
        seen=None,
        digest="",
    )
    return replace(snapshot, **changes)


def a_case(*entries: Entry, **changes: Any) -> Case:
    report = Report("report-1", NINE, NINE + timedelta(hours=1), len(entries), entries, "d1")
    readings = [Reading(URL, (report,)), Reading(OLD_URL, refused=True)]
    frozen = a_snapshot(**changes)
    cast = cast_of(frozen, [URL, OLD_URL])
    answers = {
        one: Found(Known.of([one])) if one.id == STAFF else None
        for one in unknown_identities(readings, cast)
    }
    slot = Slot(NINE, NINE + timedelta(hours=1))
    return assemble(frozen, slot, "Europe/London", readings, cast, answers)


def keys_of(case: Case) -> dict[str, PersonKey]:
    return {p.name: PersonKey(f"key-{n}") for n, p in enumerate(case.people) if wants_key(p)}


SETTINGS = AttendanceSettings()


def written(
    case: Case, verdict: Verdict | None = None, step: Step | None = None, **more: Any
) -> dict[str, Any]:
    settings = more.pop("settings", SETTINGS)
    verdict = verdict or judge(case, settings, NIGHT)
    step = step or next_step(None, case, verdict)
    more = {"at": AT, "today": NIGHT, "version": "1.0.0", **more}
    keys = keys_of(case)
    return evidence_record(TENANT, COMPONENT, case, verdict, step, settings, keys, **more)


# -- what it holds ------------------------------------------------------------------------


def test_a_record_says_what_was_read_decided_and_why() -> None:
    record = written(a_case(*EVERYBODY[:2]))
    (link, old) = record.pop("asked")
    assert link["refused"] is False
    assert link["reports"] == [{"id": "report-1", "sha256": "d1"}]
    assert link["joinUrlSha256"] == hashlib.sha256(URL.url.encode()).hexdigest()
    assert (old["joinUrl"], old["refused"]) == (OLD_URL.url, True)
    assert record == {
        "schema": 1,
        "tenant": "northern",
        "component": "C-1042",
        "revision": 7,
        "kind": "meeting",
        "scheduled": {
            "date": "2026-04-30",
            "start": "2026-04-30T08:00:00Z",
            "end": "2026-04-30T09:00:00Z",
            "timeZone": "Europe/London",
            "plannedMinutes": 60,
        },
        "sessions": [
            {
                "report": "report-1",
                "date": "2026-04-30",
                "start": "2026-04-30T08:00:00Z",
                "end": "2026-04-30T09:00:00Z",
                "records": 2,
                "participants": 2,
                "counted": True,
            }
        ],
        "unplacedReports": 0,
        "people": [
            {
                "person": "key-0",
                "who": "organizer",
                "rule": "object_id",
                "why": "their Entra object id",
                "rejoined": False,
                "stays": [
                    {
                        "report": "report-1",
                        "intervals": [
                            {"join": "2026-04-30T08:00:00Z", "leave": "2026-04-30T09:00:00Z"}
                        ],
                    }
                ],
            },
            {
                "person": "key-1",
                "who": "learner",
                "rule": "object_id",
                "why": "their Entra object id",
                "rejoined": False,
                "stays": [
                    {
                        "report": "report-1",
                        "intervals": [
                            {
                                "join": "2026-04-30T08:05:00.738000Z",
                                "leave": "2026-04-30T08:50:00Z",
                            }
                        ],
                    }
                ],
            },
        ],
        "settings": {
            "unidentifiedOther": "assume_learner",
            "extraAttendee": "whole_meeting",
            "learnerTime": "own",
            "reviewsEarnHours": False,
            "retryNights": 7,
        },
        "today": "2026-05-01",
        "verdict": {
            "outcome": "learner_time",
            "message": "The learner's own time in the meeting.",
            "seconds": 2699,
            "minutes": 44,
            "final": True,
            "settledBy": "session",
            "flags": [],
            "counted": [
                {
                    "report": "report-1",
                    "intervals": [
                        {"join": "2026-04-30T08:05:00.738000Z", "leave": "2026-04-30T08:50:00Z"}
                    ],
                }
            ],
        },
        "standing": {
            "outcome": "learner_time",
            "seconds": 2699,
            "minutes": 44,
            "final": True,
            "flags": [],
        },
        "late": False,
        "decision": None,
        "at": "2026-05-01T02:30:00Z",
        "version": "1.0.0",
        "previous": None,
    }


def test_a_record_holds_nothing_personal() -> None:
    text = canonical(written(a_case(*EVERYBODY)))
    found = [value for value in PERSONAL if value.lower() in text.lower()]
    assert found == []
    assert "Leo" not in text


def test_known_people_stand_by_their_key_and_the_rest_by_a_number() -> None:
    record = written(a_case(*EVERYBODY, kind=Kind.REVIEW, employer_can_view=True))
    assert [(person["person"], person["who"]) for person in record["people"]] == [
        ("key-0", "organizer"),
        ("key-1", "learner"),
        ("key-2", "invited"),
        ("key-3", "someone else"),
        ("unidentified 1", "unidentified"),
        ("unidentified 2", "unidentified"),
        ("unidentified 3", "unidentified"),
        ("unnamed 1", "unnamed"),
        ("application 1", "application"),
    ]


def test_no_key_names_somebody_unidentified() -> None:
    case = a_case(EVERYBODY[0], EVERYBODY[5])
    verdict = judge(case, SETTINGS, NIGHT)
    everyone = {person.name: PersonKey("leak") for person in case.people}
    record = evidence_record(
        TENANT,
        COMPONENT,
        case,
        verdict,
        next_step(None, case, verdict),
        SETTINGS,
        everyone,
        at=AT,
        today=NIGHT,
        version="1",
    )
    assert record["people"][1]["person"] == "unidentified 1"


def test_the_link_is_kept_without_its_organizers_id() -> None:
    (link, _) = written(a_case(EVERYBODY[0]))["asked"]
    assert link["joinUrl"] == URL.url.replace(TUTOR.upper(), "*")


# -- canonical form -----------------------------------------------------------------------


def test_canonical_text_is_the_same_whatever_the_order() -> None:
    assert canonical({"b": [1, None, "é"], "a": {}}) == '{"a":{},"b":[1,null,"\\u00e9"]}'
    assert canonical({"a": 1, "b": 2}) == canonical({"b": 2, "a": 1})


def test_a_records_digest_is_that_of_its_text() -> None:
    record = written(a_case(*EVERYBODY))
    text = canonical(record)
    assert sha256(record) == hashlib.sha256(text.encode()).hexdigest()
    assert sha256(json.loads(text)) == sha256(record)


def test_the_same_finding_has_the_same_id_whenever_it_is_written() -> None:
    case = a_case(*EVERYBODY)
    first = evidence_id(written(case))
    assert evidence_id(written(case, at=AT + timedelta(hours=1), version="1.1.0")) == first
    assert evidence_id(written(case, previous=EvidenceId("x"))) != first
    assert evidence_id(written(a_case(*EVERYBODY[:2]))) != first
    assert len(first) == 32


def test_a_components_note_has_one_key() -> None:
    key = note_key(TENANT, COMPONENT)
    assert key == note_key(TenantId("northern"), ComponentId("C-1042"))
    assert key != note_key(TENANT, ComponentId("C-1043"))
    assert note_key(TenantId("a"), ComponentId("bc")) != note_key(TenantId("ab"), ComponentId("c"))


# -- a person's decision ------------------------------------------------------------------


def test_a_decision_can_be_carried_out_from_the_record_alone() -> None:
    hold = AttendanceSettings(extra_attendee="hold")
    case = a_case(EVERYBODY[0], EVERYBODY[4], EVERYBODY[5])
    before = next_step(None, case, judge(case, hold, NIGHT)).standing
    stored = case_of(json.loads(canonical(written(case, settings=hold))))
    accepted = decide(
        before, stored, names(stored.people, {}), hold, Decision.ACCEPT, "unidentified 2"
    )
    assert accepted.verdict.earned == timedelta(minutes=26)
    assert accepted.alias == ()
    fresh = decide(before, case, names(case.people, {}), hold, Decision.ACCEPT, "unidentified 1")
    assert fresh.alias == (Identity("foreign-id", "foreign@else.example"),)


def test_known_people_are_accepted_by_their_key_or_their_number() -> None:
    case = a_case(EVERYBODY[0], EVERYBODY[3])
    found = names(case.people, keys_of(case))
    assert found["key-1"] == found["someone else 1"]
    stored = case_of(written(case))
    assert names(stored.people, {})["key-1"].who is found["key-1"].who


def test_a_decision_is_written_down_with_who_and_why() -> None:
    case = a_case(EVERYBODY[0], EVERYBODY[7])
    before = next_step(None, case, judge(case, SETTINGS, NIGHT)).standing
    decided = decide(before, case, names(case.people, {}), SETTINGS, Decision.ACCEPT)
    word = Word(Decision.ACCEPT, "unnamed 1", PersonKey("key-9"), "I saw her there.")
    record = written(case, decided.verdict, decided.step, word=word, previous=EvidenceId("e1"))
    assert record["decision"] == {
        "decision": "accept",
        "participant": "unnamed 1",
        "by": "key-9",
        "reason": "I saw her there.",
    }
    assert record["previous"] == "e1"
    assert record["verdict"]["settledBy"] == "person"


def test_a_late_report_is_written_beside_what_stands() -> None:
    first = a_case(*EVERYBODY[:2])
    standing = next_step(None, first, judge(first, SETTINGS, NIGHT)).standing
    more = a_case(EVERYBODY[0], signed_in(LEARNER, "", "", spell(0, 60)))
    more = replace(more, asked=(replace(more.asked[0], reports=(("report-1", "d2"),)),))
    verdict = judge(more, SETTINGS, NIGHT)
    record = written(more, verdict, next_step(standing, more, verdict))
    assert record["late"] is True
    assert (record["verdict"]["minutes"], record["standing"]["minutes"]) == (60, 44)
    assert record["standing"]["flags"] == ["late_report"]


# -- explained from the record ------------------------------------------------------------


@pytest.mark.parametrize("kind", Kind)
def test_a_record_read_back_is_the_case(kind: Kind) -> None:
    record = json.loads(canonical(written(a_case(*EVERYBODY, kind=kind))))
    assert settings_of(record) == SETTINGS
    assert canonical(written(case_of(record))["sessions"]) == canonical(record["sessions"])


spells = st.lists(
    st.tuples(st.integers(0, 90), st.integers(0, 90)).map(lambda t: spell(min(t), max(t))),
    max_size=2,
).map(tuple)


@given(
    st.lists(st.builds(replace, st.sampled_from(EVERYBODY), intervals=spells), max_size=6),
    st.sampled_from(["assume_learner", "hold"]),
    st.sampled_from(["whole_meeting", "learner_time", "hold"]),
    st.sampled_from(["own", "with_organizer"]),
    st.sampled_from([None, 30]),
    st.sampled_from(Kind),
    st.integers(0, 70),
)
def test_every_verdict_can_be_reached_again_from_its_record(
    entries: list[Entry],
    unidentified: str,
    extra: str,
    time: str,
    planned: int | None,
    kind: Kind,
    nights: int,
) -> None:
    settings = AttendanceSettings(unidentified, extra, time, kind is Kind.REVIEW)
    case = a_case(*entries, planned_minutes=planned, kind=kind)
    today = NIGHT + timedelta(days=nights)
    verdict = judge(case, settings, today)
    text = canonical(written(case, verdict, settings=settings, today=today))
    record = json.loads(text)
    again = judge(case_of(record), settings_of(record), date.fromisoformat(record["today"]))
    assert again == verdict
    for value in PERSONAL:
        assert value not in text
