"""What a meeting earns: the table row by row, time, flags, sessions and when it settles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.attendance import (
    MESSAGES,
    Case,
    Outcome,
    counted,
    hours_text,
    judge,
    note_title,
    whole_minutes,
)
from shared.intervals import length
from shared.model import AttendanceSettings, Flag, Kind, Slot
from shared.people import Entry, Joined, Reading
from tests.meetings import (
    BOT,
    DAY,
    DEFAULT,
    HIDDEN,
    HOLD_EXTRA,
    HOLD_UNKNOWN,
    LEARNER_ONLY,
    NIGHT,
    NINE,
    OLD_URL,
    TOGETHER,
    URL,
    World,
    a_case,
    a_report,
    assembled,
    choices,
    guest,
    learner,
    manager,
    night,
    of,
    outsider,
    result,
    session,
    signed_in,
    staff,
    tutor,
    verdict,
    worlds,
)

# -- the table ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "settings", "expected"),
    [
        pytest.param(a_case(refused=(URL,)), DEFAULT, ("not_permitted", None), id="refused"),
        pytest.param(a_case(), DEFAULT, ("awaiting_report", None), id="no report yet"),
        pytest.param(
            a_case(session(tutor(), learner(), started=-24 * 60, ended=-23 * 60)),
            DEFAULT,
            ("different_day", None),
            id="only the day before",
        ),
        pytest.param(
            a_case(session(tutor(), learner(), started=24 * 60, ended=25 * 60)),
            DEFAULT,
            ("different_day", None),
            id="only the day after",
        ),
        pytest.param(of(learner()), DEFAULT, ("organizer_absent", None), id="learner waits alone"),
        pytest.param(
            of(learner(), staff()), DEFAULT, ("organizer_absent", None), id="a stand-in is no tutor"
        ),
        pytest.param(of(tutor()), DEFAULT, ("learner_absent", None), id="tutor waits alone"),
        pytest.param(
            of(tutor(), staff()), DEFAULT, ("learner_absent", None), id="only someone else came"
        ),
        pytest.param(
            of(tutor(), manager(), kind=Kind.REVIEW, view=True),
            DEFAULT,
            ("learner_absent", None),
            id="only the manager came",
        ),
        pytest.param(of(tutor(), BOT), DEFAULT, ("learner_absent", None), id="a bot is nobody"),
        pytest.param(
            of(tutor(), learner(), planned=None), DEFAULT, ("no_planned_hours", None), id="no plan"
        ),
        pytest.param(
            of(tutor(), learner(), planned=0), DEFAULT, ("no_planned_hours", None), id="plan of 0"
        ),
        pytest.param(
            of(tutor(), learner(), planned=-1), DEFAULT, ("no_planned_hours", None), id="plan of -1"
        ),
        pytest.param(
            of(tutor(), learner(), planned=1), DEFAULT, ("learner_time", 50), id="plan of 1"
        ),
        pytest.param(
            of(tutor(), learner(), kind=Kind.REVIEW), DEFAULT, ("review", None), id="a review"
        ),
        pytest.param(
            of(tutor(), learner(), kind=Kind.REVIEW),
            AttendanceSettings(reviews_earn_hours=True),
            ("learner_time", 50),
            id="a review where reviews earn",
        ),
        pytest.param(
            of(tutor(), guest("A")), HOLD_UNKNOWN, ("held_for_review", None), id="one unknown, held"
        ),
        pytest.param(
            of(tutor(), guest("A"), guest("B")),
            HOLD_UNKNOWN,
            ("whole_meeting", 60),
            id="two unknown are not one",
        ),
        pytest.param(
            of(tutor(), learner(), guest("A")),
            HOLD_EXTRA,
            ("held_for_review", None),
            id="an extra, held",
        ),
        pytest.param(
            of(tutor(), guest("A"), guest("B")),
            HOLD_EXTRA,
            ("held_for_review", None),
            id="two unknown, held",
        ),
        pytest.param(
            of(tutor(), guest("A"), guest("B")),
            LEARNER_ONLY,
            ("held_for_review", None),
            id="the learner's time, but which is the learner",
        ),
        pytest.param(
            of(tutor(), guest("A")), HOLD_EXTRA, ("assumed_learner", 40), id="no extra to hold"
        ),
        pytest.param(of(tutor(), learner()), DEFAULT, ("learner_time", 50), id="one to one"),
        pytest.param(
            of(tutor(), learner(), BOT), DEFAULT, ("learner_time", 50), id="a bot changes nothing"
        ),
        pytest.param(
            of(tutor(), learner(), manager(), kind=Kind.REVIEW, view=True),
            AttendanceSettings(reviews_earn_hours=True),
            ("learner_time", 50),
            id="a tripartite review",
        ),
        pytest.param(
            of(tutor(), learner(), guest("A")),
            LEARNER_ONLY,
            ("learner_time", 50),
            id="an extra, and the learner's time by setting",
        ),
        pytest.param(of(tutor(), guest("A")), DEFAULT, ("assumed_learner", 40), id="one guest"),
        pytest.param(
            of(tutor(), outsider()), DEFAULT, ("assumed_learner", 30), id="one outside account"
        ),
        pytest.param(
            of(tutor(), guest("A"), staff()),
            DEFAULT,
            ("assumed_learner", 40),
            id="one guest beside someone else",
        ),
        pytest.param(
            of(tutor(), learner(), guest("A")), DEFAULT, ("whole_meeting", 60), id="link shared"
        ),
        pytest.param(
            of(tutor(), learner(), staff()), DEFAULT, ("whole_meeting", 60), id="a colleague came"
        ),
        pytest.param(
            of(tutor(), learner(), manager()),
            DEFAULT,
            ("whole_meeting", 60),
            id="the manager of a meeting was not invited",
        ),
        pytest.param(
            of(tutor(), guest("A"), guest("B")), DEFAULT, ("whole_meeting", 60), id="two guests"
        ),
    ],
)
def test_the_table(
    case: Case, settings: AttendanceSettings, expected: tuple[str, float | None]
) -> None:
    assert result(verdict(case, settings)) == expected


OFF_SLOT: Mapping[str, Any] = {"started": -120, "ended": -60}
ROWS: dict[str, dict[str, Any]] = {
    "not_permitted": {"refused": (URL,)},
    "awaiting_report": {"day": None},
    "different_day": {"day": 24 * 60},
    "organizer_absent": {"tutor": False},
    "learner_absent": {"learner": False, "guests": 0},
    "no_planned_hours": {"planned": None},
    "review": {"kind": Kind.REVIEW},
    "held_for_review": {"learner": False, "guests": 1, "settings": HOLD_UNKNOWN},
    "learner_time": {"learner": True, "guests": 0},
    "assumed_learner": {"learner": False, "guests": 1},
    "whole_meeting": {"learner": True, "guests": 1},
}
"""What makes each row apply, in the law's order; the session is before the slot, so unsettled."""


def outcome_of(row: Mapping[str, Any]) -> str:
    there = [tutor()] if row.get("tutor", True) else []
    there += [learner()] if row.get("learner", True) else []
    there += [guest(f"G{n}") for n in range(row.get("guests", 0))]
    day = row.get("day", 0)
    meetings = () if day is None else (session(*there, started=day - 120, ended=day - 60),)
    case = a_case(
        *meetings,
        planned=row.get("planned", 60),
        kind=row.get("kind", Kind.MEETING),
        refused=row.get("refused", ()),
    )
    return verdict(case, row.get("settings", DEFAULT)).outcome.value


ORDER = list(ROWS)
FIRST_BEATS = [
    pytest.param(early, late, id=f"{early} before {late}")
    for n, early in enumerate(ORDER)
    for late in ORDER[n + 1 :]
]


@pytest.mark.parametrize("row", ORDER)
def test_each_row_by_itself(row: str) -> None:
    assert outcome_of(ROWS[row]) == row


@pytest.mark.parametrize(("early", "late"), FIRST_BEATS)
def test_an_earlier_row_beats_every_later_one(early: str, late: str) -> None:
    assert outcome_of({**ROWS[late], **ROWS[early]}) == early


def test_every_outcome_has_a_sentence() -> None:
    assert set(MESSAGES) == set(Outcome)
    assert all(text.endswith(".") and len(text) > 20 for text in MESSAGES.values())


# -- time ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "settings", "expected"),
    [
        pytest.param(
            of(tutor((0, 60)), learner((0, 50))),
            DEFAULT,
            ("learner_time", 50),
            id="the law's first",
        ),
        pytest.param(
            of(tutor((0, 60)), guest("A", (0, 50)), guest("B", (10, 50))),
            DEFAULT,
            ("whole_meeting", 60),
            id="the law's second",
        ),
        pytest.param(of(tutor((0, 60))), DEFAULT, ("learner_absent", None), id="the tutor alone"),
        pytest.param(
            of(tutor(), learner((0, 40)), learner((20, 50))),
            DEFAULT,
            ("learner_time", 50),
            id="two devices at once count once",
        ),
        pytest.param(
            of(tutor(), learner((0, 20), (30, 50))),
            DEFAULT,
            ("learner_time", 40),
            id="a drop-out is not counted",
        ),
        pytest.param(
            of(tutor((10, 60)), learner((0, 50))),
            DEFAULT,
            ("learner_time", 50),
            id="time without the tutor is included",
        ),
        pytest.param(
            of(tutor((10, 60)), learner((0, 50))),
            TOGETHER,
            ("learner_time", 40),
            id="unless the setting says otherwise",
        ),
        pytest.param(
            of(tutor((10, 60)), guest("A", (0, 50))),
            TOGETHER,
            ("assumed_learner", 40),
            id="which holds for an assumed learner too",
        ),
        pytest.param(
            of(tutor((0, 60)), learner((0, 30)), guest("A", (0, 300))),
            DEFAULT,
            ("whole_meeting", 60),
            id="a stranger who stays on alone adds nothing",
        ),
        pytest.param(
            of(tutor((0, 30)), learner((20, 45)), guest("A", (40, 90))),
            DEFAULT,
            ("whole_meeting", 45),
            id="the learner's time belongs to the whole meeting",
        ),
        pytest.param(
            of(tutor((0, 20), (40, 60)), guest("A", (0, 60)), guest("B", (0, 60))),
            DEFAULT,
            ("whole_meeting", 40),
            id="the tutor's gap does not, with nobody identified",
        ),
        pytest.param(
            of(tutor((0, 60)), guest("Lea", (0, 20)), guest("Lea", (25, 50))),
            DEFAULT,
            ("assumed_learner", 45),
            id="a guest who re-joins is one person",
        ),
        pytest.param(
            of(tutor((0, 60)), guest("Lea", (0, 20)), guest("Lea", (25, 90))),
            DEFAULT,
            ("assumed_learner", 55),
            id="who counts only while the tutor is there",
        ),
        pytest.param(
            of(tutor((0, 60)), guest("Lea", (0, 90))),
            DEFAULT,
            ("assumed_learner", 90),
            id="unlike one who never left",
        ),
    ],
)
def test_what_counts(
    case: Case, settings: AttendanceSettings, expected: tuple[str, float | None]
) -> None:
    assert result(verdict(case, settings)) == expected


@pytest.mark.parametrize(
    ("seconds", "outcome", "minutes"),
    [
        (0, "under_a_minute", None),
        (59, "under_a_minute", None),
        (59.999, "under_a_minute", None),
        (60, "learner_time", 1),
        (61, "learner_time", 1),
        (119.999, "learner_time", 1),
        (120, "learner_time", 2),
    ],
)
def test_minutes_are_whole_and_rounded_down(
    seconds: float, outcome: str, minutes: int | None
) -> None:
    found = verdict(of(tutor(), learner((0, seconds / 60))))
    assert found.outcome.value == outcome
    assert (found.earned and whole_minutes(found.earned)) == minutes


def test_seconds_are_kept() -> None:
    assert verdict(of(tutor(), learner((0, 50.99)))).earned == timedelta(minutes=50, seconds=59)


def test_a_learner_without_times_earns_nothing() -> None:
    found = verdict(of(tutor(), replace(learner(), intervals=())))
    assert found.outcome is Outcome.UNDER_A_MINUTE


@pytest.mark.parametrize(
    ("minutes", "text"), [(0, "0:00"), (1, "0:01"), (50, "0:50"), (60, "1:00"), (605, "10:05")]
)
def test_hours_text(minutes: int, text: str) -> None:
    assert hours_text(timedelta(minutes=minutes, seconds=59)) == text


def test_note_title() -> None:
    assert note_title("Data ethics  workshop ") == "Data ethics  workshop  hours verified"


# -- flags --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "settings", "flags"),
    [
        pytest.param(of(tutor(), learner()), DEFAULT, (), id="nothing to say"),
        pytest.param(of(tutor(), guest("A")), DEFAULT, (Flag.IDENTITY_ASSUMED,), id="assumed"),
        pytest.param(
            of(tutor(), guest("A"), staff()),
            DEFAULT,
            (Flag.IDENTITY_ASSUMED, Flag.UNINVITED_PRESENT),
            id="assumed, beside someone else",
        ),
        pytest.param(of(tutor(), staff()), DEFAULT, (Flag.UNINVITED_PRESENT,), id="someone else"),
        pytest.param(
            of(tutor(), manager(), kind=Kind.REVIEW, view=True), DEFAULT, (), id="only the invited"
        ),
        pytest.param(
            of(tutor(), learner(), guest("A")), DEFAULT, (Flag.UNINVITED_PRESENT,), id="an extra"
        ),
        pytest.param(
            of(tutor(), learner(), guest("A")),
            LEARNER_ONLY,
            (Flag.UNINVITED_PRESENT,),
            id="an extra, where only the learner counts",
        ),
        pytest.param(
            of(tutor(), guest("A"), guest("B")), DEFAULT, (Flag.UNINVITED_PRESENT,), id="two guests"
        ),
        pytest.param(
            of(tutor((10, 60)), learner((0, 50))),
            DEFAULT,
            (Flag.OUTSIDE_ORGANIZER_TIME,),
            id="before the tutor came",
        ),
        pytest.param(of(tutor((10, 60)), learner((0, 50))), TOGETHER, (), id="which did not count"),
        pytest.param(of(tutor(), learner(), planned=50), DEFAULT, (), id="exactly as planned"),
        pytest.param(
            of(tutor(), learner((0, 50.9)), planned=50), DEFAULT, (), id="less than a minute more"
        ),
        pytest.param(
            of(tutor(), learner((0, 51)), planned=50),
            DEFAULT,
            (Flag.PLANNED_EXCEEDED,),
            id="a minute more than planned",
        ),
        pytest.param(
            a_case(session(tutor(), learner(), participants=2)), DEFAULT, (), id="all shown"
        ),
        pytest.param(
            a_case(session(tutor(), learner(), participants=3)),
            DEFAULT,
            (Flag.RECORDS_MISSING,),
            id="one not shown",
        ),
        pytest.param(
            of(tutor(), learner(), HIDDEN), DEFAULT, (Flag.RECORDS_MISSING,), id="one hidden"
        ),
        pytest.param(
            of(tutor(), learner(), Entry(Joined.UNREADABLE)),
            DEFAULT,
            (Flag.RECORDS_MISSING,),
            id="one unreadable",
        ),
        pytest.param(
            a_case(session(report="r2", started=None, ended=None), session(tutor(), learner())),
            DEFAULT,
            (Flag.RECORDS_MISSING,),
            id="a report of no day",
        ),
        pytest.param(
            a_case(session(learner(), participants=2)),
            DEFAULT,
            (Flag.RECORDS_MISSING,),
            id="when the organizer may be the one not shown",
        ),
    ],
)
def test_flags(case: Case, settings: AttendanceSettings, flags: tuple[Flag, ...]) -> None:
    assert verdict(case, settings).flags == flags


@pytest.mark.parametrize(
    ("case", "outcome"),
    [
        pytest.param(a_case(session(tutor(), participants=1)), "learner_absent", id="all shown"),
        pytest.param(
            a_case(session(tutor(), participants=2)), "held_for_review", id="one not shown"
        ),
        pytest.param(of(tutor(), HIDDEN), "held_for_review", id="one hidden"),
        pytest.param(of(tutor(), Entry(Joined.UNREADABLE)), "held_for_review", id="one unreadable"),
        pytest.param(
            of(tutor(), HIDDEN, guest("A")), "assumed_learner", id="the hidden are nobody"
        ),
    ],
)
def test_missing_records_are_no_absence(case: Case, outcome: str) -> None:
    assert verdict(case).outcome.value == outcome


# -- sessions -----------------------------------------------------------------------------


def test_several_sessions_of_the_day_count_together_over_every_link() -> None:
    case = a_case(
        session(tutor((0, 20)), learner((0, 20)), report="r1", ended=20),
        session(tutor((30, 60)), learner((35, 60)), report="r2", started=30),
        session(
            signed_in("old-tutor", (60, 80)),
            learner((60, 70)),
            report="r3",
            started=60,
            url=OLD_URL,
        ),
    )
    assert result(verdict(case)) == ("learner_time", 55)


def test_a_session_without_the_organizer_does_not_count() -> None:
    case = a_case(
        session(tutor((0, 60)), learner((0, 30))),
        session(learner((100, 160)), guest("A"), report="r2", started=100, ended=160),
    )
    assert [s.report for s in counted(case)] == ["r1"]
    assert result(verdict(case)) == ("learner_time", 30)


def test_a_session_of_another_day_does_not_count() -> None:
    far = 24 * 60
    other = session(tutor((far, far + 60)), guest("A"), report="r2", started=far, ended=far + 60)
    case = a_case(session(tutor(), learner()), other)
    assert result(verdict(case)) == ("learner_time", 50)


def test_sessions_that_ran_at_once_count_once() -> None:
    case = a_case(
        session(tutor((0, 60)), learner((0, 60)), guest("A")),
        session(tutor((0, 60)), learner((0, 60)), guest("A"), report="r2"),
    )
    assert result(verdict(case)) == ("whole_meeting", 60)


def test_one_report_read_by_two_links_is_one() -> None:
    meeting = session(tutor(), guest("A"))
    case = a_case(meeting, replace(meeting, url=OLD_URL))
    assert len(case.sessions) == 1
    assert result(verdict(case)) == ("assumed_learner", 40)


def at_utc(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("zone", "start", "began", "on_the_day"),
    [
        pytest.param("Europe/London", "2026-04-30T08:00Z", "2026-04-29T22:59:59Z", False, id="eve"),
        pytest.param(
            "Europe/London", "2026-04-30T08:00Z", "2026-04-29T23:00Z", True, id="local midnight"
        ),
        pytest.param(
            "Europe/London", "2026-04-30T08:00Z", "2026-04-30T22:59:59Z", True, id="last second"
        ),
        pytest.param(
            "Europe/London", "2026-04-30T22:30Z", "2026-04-30T23:05Z", False, id="past midnight"
        ),
        pytest.param(
            "Europe/London", "2026-03-29T00:30Z", "2026-03-29T22:59:59Z", True, id="spring, 23 h"
        ),
        pytest.param(
            "Europe/London", "2026-03-29T00:30Z", "2026-03-29T23:00Z", False, id="spring, over"
        ),
        pytest.param(
            "Europe/London", "2026-10-25T00:30Z", "2026-10-25T23:59:59Z", True, id="autumn, 25 h"
        ),
        pytest.param(
            "Europe/London", "2026-10-25T00:30Z", "2026-10-24T22:59:59Z", False, id="autumn, before"
        ),
        pytest.param(
            "Europe/London", "2026-10-25T00:30Z", "2026-10-24T23:00Z", True, id="autumn, midnight"
        ),
        pytest.param(
            "Asia/Kolkata", "2026-04-30T04:00Z", "2026-04-29T18:30Z", True, id="Kolkata midnight"
        ),
        pytest.param(
            "Asia/Kolkata", "2026-04-30T04:00Z", "2026-04-29T18:29:59Z", False, id="Kolkata eve"
        ),
        pytest.param(
            "Asia/Kolkata", "2026-04-30T04:00Z", "2026-04-30T18:29:59Z", True, id="Kolkata late"
        ),
        pytest.param(
            "Asia/Kolkata", "2026-04-30T04:00Z", "2026-04-30T18:30Z", False, id="Kolkata next day"
        ),
    ],
)
def test_the_day_is_the_local_date_a_session_started_on(
    zone: str, start: str, began: str, on_the_day: bool
) -> None:
    starts, begins = at_utc(start), at_utc(began)
    offset = (begins - NINE) / timedelta(minutes=1)
    case = a_case(
        session(tutor((offset, offset + 60)), learner((offset, offset + 60)), started=offset),
        slot=Slot(starts, starts + timedelta(hours=1)),
        zone=zone,
    )
    far = case.date + timedelta(days=30)
    assert (verdict(case, today=far).outcome is Outcome.LEARNER_TIME) is on_the_day


def test_a_session_that_runs_past_midnight_counts_whole() -> None:
    late = Slot(at_utc("2026-04-30T22:30Z"), at_utc("2026-04-30T23:30Z"))
    start = (late.start - NINE) / timedelta(minutes=1)
    case = a_case(
        session(
            tutor((start, start + 90)),
            learner((start, start + 90)),
            started=start,
            ended=start + 90,
        ),
        slot=late,
    )
    assert result(verdict(case)) == ("learner_time", 90)


# -- settling -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("started", "ended", "final"),
    [
        pytest.param(-30, 0, False, id="ends as the slot starts"),
        pytest.param(-30, 1 / 60, True, id="ends a second later"),
        pytest.param(60, 90, False, id="starts as the slot ends"),
        pytest.param(59 + 59 / 60, 90, True, id="starts a second earlier"),
        pytest.param(10, 20, True, id="within"),
        pytest.param(-10, 90, True, id="around"),
    ],
)
def test_it_settles_when_a_counted_session_overlaps_the_slot(
    started: float, ended: float, final: bool
) -> None:
    meeting = session(
        tutor((started, ended)), learner((started, ended)), started=started, ended=ended
    )
    assert verdict(a_case(meeting)).final is final


def test_a_session_without_the_organizer_settles_nothing() -> None:
    assert not verdict(of(learner())).final


@pytest.mark.parametrize(
    ("nights", "retry_nights", "final"),
    [(1, 7, False), (7, 7, False), (8, 7, True), (9, 7, True), (1, 0, True), (1, 1, False)],
)
def test_it_settles_when_the_first_night_and_the_retries_are_over(
    nights: int, retry_nights: int, final: bool
) -> None:
    settings = AttendanceSettings(retry_nights=retry_nights)
    today = DAY + timedelta(days=nights)
    early = a_case(session(tutor((-60, -30)), learner((-60, -30)), started=-60, ended=-30))
    assert verdict(early, settings, today).final is final
    expected = Outcome.NO_REPORT if final else Outcome.AWAITING_REPORT
    assert verdict(a_case(), settings, today).outcome is expected
    assert verdict(a_case(), settings, today).final is final


def test_nothing_settles_before_the_day_is_over() -> None:
    assert not verdict(of(tutor(), learner()), today=DAY).final
    assert verdict(of(tutor(), learner()), today=NIGHT).final


@pytest.mark.parametrize(("days", "final"), [(1, False), (8, False), (59, False), (60, True)])
def test_a_refused_reading_is_tried_for_60_days(days: int, final: bool) -> None:
    found = verdict(a_case(refused=(URL,)), today=DAY + timedelta(days=days))
    assert (found.outcome, found.final) == (Outcome.NOT_PERMITTED, final)


def test_a_refused_old_link_does_not_hold_up_what_another_settled() -> None:
    case = a_case(session(tutor(), learner()), refused=(OLD_URL,))
    assert result(verdict(case)) == ("learner_time", 50)


def test_a_refused_link_counts_while_nothing_is_settled() -> None:
    case = a_case(session(tutor(), started=-60, ended=-30), refused=(OLD_URL,))
    assert verdict(case, today=DAY + timedelta(days=30)).outcome is Outcome.NOT_PERMITTED


# -- properties ---------------------------------------------------------------------------


@given(worlds, choices, st.integers(1, 70))
def test_no_verdict_claims_more_than_the_reports_show(
    world: World, settings: AttendanceSettings, nights: int
) -> None:
    case = assembled(world)
    found = judge(case, settings, night(nights))
    there = [e for m in world.meetings for e in m.entries]
    shown = length(i for e in there for i in e.intervals)
    assert found.earned is None or timedelta(minutes=1) <= found.earned <= shown
    assert (found.earned is not None) is found.outcome.earns
    if found.outcome is Outcome.WHOLE_MEETING and found.earned:
        led = [e for e in there if e.id in ("tutor", "old-tutor", "learner")]
        assert found.earned <= length(i for e in led for i in e.intervals)
    if found.earned:
        assert found.earned <= length(i for s in found.counted for i in s.intervals)


@given(worlds, st.randoms(use_true_random=False))
def test_the_order_of_reports_and_records_is_irrelevant(world: World, random: Any) -> None:
    shuffled = []
    for meeting in random.sample(world.meetings, len(world.meetings)):
        mixed = tuple(random.sample(meeting.entries, len(meeting.entries)))
        shuffled.append((replace(meeting, entries=mixed), a_report(meeting).sha256))
    read = [
        Reading(
            url,
            tuple(replace(a_report(m), sha256=sha) for m, sha in shuffled if m.url == url),
            url in world.refused,
        )
        for url in (OLD_URL, URL)
    ]
    assert assembled(world, read) == assembled(world)


@given(worlds, choices, st.data())
def test_a_second_device_never_adds_to_the_time_it_overlaps(
    world: World, settings: AttendanceSettings, data: st.DataObject
) -> None:
    known = [
        (m, e)
        for m in world.meetings
        for e in m.entries
        if e.id in ("tutor", "learner", "outsider")
    ]
    if not known:
        return
    meeting, one = data.draw(st.sampled_from(known))
    device = replace(one, name="phone", intervals=one.intervals[:1])
    doubled = tuple(
        replace(m, entries=(*m.entries, device)) if m is meeting else m for m in world.meetings
    )
    before = judge(assembled(world), settings, NIGHT)
    twice = judge(assembled(replace(world, meetings=doubled)), settings, NIGHT)
    assert twice == before
