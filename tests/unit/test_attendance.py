"""The hours rule: a 09:00 to 10:00 meeting in London on 30 April 2026, unless a test says else.

Minutes are counted from 09:00 there (08:00 UTC).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import codec
from shared.attendance import (
    MESSAGES,
    Case,
    Decision,
    Heard,
    Outcome,
    Standing,
    Step,
    Tell,
    Verdict,
    assemble,
    counted,
    decide,
    hours_text,
    intersection,
    is_due,
    judge,
    last_night,
    length,
    next_step,
    note_title,
    subtraction,
    union,
    whole_minutes,
)
from shared.errors import Invalid
from shared.model import (
    Attendance,
    AttendanceSettings,
    ComponentId,
    EvidenceId,
    Flag,
    JoinUrl,
    Kind,
    Person,
    Slot,
    Snapshot,
    UserId,
)
from shared.people import (
    Entry,
    Found,
    Identity,
    Interval,
    Joined,
    Known,
    Reading,
    Report,
    cast_of,
    unknown_identities,
)

NINE = datetime(2026, 4, 30, 8, tzinfo=UTC)
DAY = date(2026, 4, 30)
NIGHT = date(2026, 5, 1)
SLOT = Slot(NINE, NINE + timedelta(hours=1))
URL = JoinUrl("https://teams.example/1", UserId("tutor"))
OLD_URL = JoinUrl("https://teams.example/0", UserId("old-tutor"))
DEFAULT = AttendanceSettings()
HOLD_UNKNOWN = AttendanceSettings(unidentified_other="hold")
HOLD_EXTRA = AttendanceSettings(extra_attendee="hold")
LEARNER_ONLY = AttendanceSettings(extra_attendee="learner_time")
TOGETHER = AttendanceSettings(learner_time="with_organizer")


def spell(join: float, leave: float) -> Interval:
    return Interval(NINE + timedelta(minutes=join), NINE + timedelta(minutes=leave))


def spells(*pairs: tuple[float, float]) -> tuple[Interval, ...]:
    return tuple(spell(*pair) for pair in pairs)


def signed_in(id_: str, *pairs: tuple[float, float]) -> Entry:
    return Entry(Joined.SIGNED_IN, id_, f"{id_}@x.example" if id_ else "", id_, spells(*pairs))


def tutor(*pairs: tuple[float, float]) -> Entry:
    return signed_in("tutor", *(pairs or ((0, 60),)))


def learner(*pairs: tuple[float, float]) -> Entry:
    return signed_in("learner", *(pairs or ((0, 50),)))


def manager(*pairs: tuple[float, float]) -> Entry:
    return signed_in("manager", *(pairs or ((0, 60),)))


def staff(*pairs: tuple[float, float]) -> Entry:
    """Somebody the directory knows as another person."""
    return signed_in("staff", *(pairs or ((0, 30),)))


def outsider(*pairs: tuple[float, float]) -> Entry:
    """Somebody signed in whom nobody knows."""
    return signed_in("outsider", *(pairs or ((0, 30),)))


def guest(name: str, *pairs: tuple[float, float]) -> Entry:
    return Entry(Joined.ANONYMOUS, "", "", name, spells(*(pairs or ((0, 40),))))


HIDDEN = Entry(Joined.SIGNED_IN, "", "", "", spells((0, 45)))
BOT = Entry(Joined.APPLICATION, "28:bot", "", "Notes", spells((0, 60)))


@dataclass(frozen=True)
class Meeting:
    """One session, named by its report."""

    entries: tuple[Entry, ...]
    report: str = "r1"
    started: float | None = 0
    ended: float | None = 60
    participants: int = 0
    url: JoinUrl = URL


def session(*entries: Entry, **changes: Any) -> Meeting:
    return Meeting(entries, **changes)


@dataclass(frozen=True)
class World:
    """What a case is assembled from; what a test names replaces the ordinary."""

    meetings: tuple[Meeting, ...] = ()
    kind: Kind = Kind.MEETING
    planned: int | None = 60
    view: bool = False
    refused: tuple[JoinUrl, ...] = ()
    slot: Slot = SLOT
    zone: str = "Europe/London"
    aliases: Known = field(default_factory=Known)


def a_snapshot(world: World) -> Snapshot:
    return Snapshot(
        id=ComponentId("C-1"),
        revision=7,
        kind=world.kind,
        name="Data ethics workshop",
        description="",
        description_is_html=False,
        slot=world.slot,
        online=True,
        cancelled=False,
        deleted=False,
        planned_minutes=world.planned,
        owner=Person("tutor@x.example", "T. Utor", UserId("tutor")),
        learner=Person("learner@x.example", "L. Earner", UserId("learner")),
        manager=Person("manager@x.example", "M. Anager", UserId("manager")),
        mentor=None,
        employer_can_view=world.view,
        seen=None,
        digest="",
    )


def at(minute: float | None) -> datetime | None:
    return None if minute is None else NINE + timedelta(minutes=minute)


def a_report(meeting: Meeting) -> Report:
    return Report(
        meeting.report,
        at(meeting.started),
        at(meeting.ended),
        meeting.participants,
        meeting.entries,
        f"sha of {meeting.report} {meeting.entries}",
    )


def readings(world: World) -> list[Reading]:
    urls = [URL, OLD_URL]
    return [
        Reading(
            url, tuple(a_report(m) for m in world.meetings if m.url == url), url in world.refused
        )
        for url in urls
    ]


def assembled(world: World, read: Iterable[Reading] | None = None) -> Case:
    frozen = a_snapshot(world)
    found = list(readings(world) if read is None else read)
    cast = cast_of(frozen, [URL, OLD_URL], (), world.aliases)
    answers: dict[Identity, Found | None] = {
        one: Found(Known.of([one])) if one.id == "staff" else None
        for one in unknown_identities(found, cast)
    }
    return assemble(frozen, world.slot, world.zone, found, cast, answers)


def a_case(*meetings: Meeting, **changes: Any) -> Case:
    return assembled(World(meetings=meetings, **changes))


def of(*entries: Entry, **changes: Any) -> Case:
    """One ordinary session of these people."""
    return a_case(session(*entries), **changes)


def verdict(case: Case, settings: AttendanceSettings = DEFAULT, today: date = NIGHT) -> Verdict:
    return judge(case, settings, today)


def result(found: Verdict) -> tuple[str, float | None]:
    earned = None if found.earned is None else found.earned / timedelta(minutes=1)
    return found.outcome.value, earned


# -- intervals ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("some", "covered"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([(0, 10), (20, 30)], [(0, 10), (20, 30)], id="apart"),
        pytest.param([(0, 10), (10, 30)], [(0, 30)], id="touching"),
        pytest.param([(5, 30), (0, 10)], [(0, 30)], id="overlapping, out of order"),
        pytest.param([(0, 30), (10, 20)], [(0, 30)], id="one within the other"),
        pytest.param([(5, 5), (10, 20)], [(10, 20)], id="an empty one"),
        pytest.param([(9, 3)], [], id="one that ends before it begins"),
    ],
)
def test_union(some: list[tuple[float, float]], covered: list[tuple[float, float]]) -> None:
    assert union(spells(*some)) == spells(*covered)


@pytest.mark.parametrize(
    ("some", "others", "both", "left"),
    [
        pytest.param([(0, 10)], [], [], [(0, 10)], id="nothing"),
        pytest.param([(0, 10)], [(10, 20)], [], [(0, 10)], id="touching"),
        pytest.param([(0, 10)], [(5, 20)], [(5, 10)], [(0, 5)], id="overlapping"),
        pytest.param([(0, 30)], [(10, 20)], [(10, 20)], [(0, 10), (20, 30)], id="within"),
        pytest.param([(10, 20)], [(0, 30)], [(10, 20)], [], id="covered"),
        pytest.param(
            [(0, 10), (20, 30)], [(5, 25)], [(5, 10), (20, 25)], [(0, 5), (25, 30)], id="a bridge"
        ),
    ],
)
def test_intersection_and_subtraction(
    some: list[tuple[float, float]],
    others: list[tuple[float, float]],
    both: list[tuple[float, float]],
    left: list[tuple[float, float]],
) -> None:
    assert intersection(spells(*some), spells(*others)) == spells(*both)
    assert subtraction(spells(*some), spells(*others)) == spells(*left)


pairs = st.tuples(st.integers(0, 120), st.integers(0, 120)).map(lambda t: (min(t), max(t)))
sets = st.lists(pairs, max_size=5).map(lambda found: spells(*found))


@given(sets, sets)
def test_intersection_and_subtraction_part_a_set(some: Any, others: Any) -> None:
    both, left = intersection(some, others), subtraction(some, others)
    assert length(both) + length(left) == length(some)
    assert union((*both, *left)) == union(some)
    assert intersection(left, others) == ()


@given(sets)
def test_union_never_exceeds_wall_time(some: tuple[Interval, ...]) -> None:
    if some:
        wall = max(i.left_at for i in some) - min(i.joined_at for i in some)
        assert length(some) <= wall
    assert union(union(some)) == union(some)


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


# -- the nightly life ---------------------------------------------------------------------


def night(n: int) -> date:
    return DAY + timedelta(days=n)


def live(*nights: Case, before: Standing | None = None) -> tuple[Standing, list[tuple[str, bool]]]:
    """Run night after night, each three times; what the LMS heard in all."""
    heard = []
    standing = before
    for n, case in enumerate(nights, start=1):
        for _ in range(3):
            found = verdict(case, today=night(n))
            step = next_step(standing, case, found)
            standing = step.standing.filed(EvidenceId(f"e{n}")) if step.evidence else step.standing
            if step.tell is not Tell.NOTHING:
                heard.append((found.outcome.value, found.final))
    assert standing
    return standing, heard


NOTHING, REFUSED = a_case(), a_case(refused=(URL,))
ALONE = a_case(session(tutor((-60, -50)), report="r0", started=-60, ended=-50))
TEST_JOIN = a_case(
    session(tutor((-60, -50)), learner((-60, -50)), report="r0", started=-60, ended=-50)
)
TAUGHT = of(tutor(), learner())
ABSENT = of(tutor())
LONGER = a_case(
    session(tutor(), learner()),
    session(tutor((70, 90)), learner((70, 90)), report="r2", started=70, ended=90),
)
SAME_HOURS = a_case(session(tutor(), learner()), session(tutor((0, 1)), report="r2", ended=1))


@pytest.mark.parametrize(
    ("nights", "heard"),
    [
        pytest.param([TAUGHT], [("learner_time", True)], id="hours at once"),
        pytest.param([NOTHING, TAUGHT, TAUGHT], [("learner_time", True)], id="hours a night late"),
        pytest.param([NOTHING] * 7, [], id="still waiting"),
        pytest.param([NOTHING] * 9, [("no_report", True)], id="no report at all"),
        pytest.param(
            [ALONE, ALONE, TAUGHT],
            [("learner_absent", False), ("learner_time", True)],
            id="a test join, then the lesson",
        ),
        pytest.param(
            [ALONE] * 9, [("learner_absent", False), ("learner_absent", True)], id="told twice"
        ),
        pytest.param([ABSENT] * 9, [("learner_absent", True)], id="final at once, told once"),
        pytest.param([TEST_JOIN] * 7, [], id="hours wait until they settle"),
        pytest.param([TEST_JOIN] * 9, [("learner_time", True)], id="which the nights do"),
        pytest.param(
            [REFUSED, REFUSED, NOTHING, REFUSED, TAUGHT],
            [("not_permitted", False), ("learner_time", True)],
            id="refused, then granted",
        ),
        pytest.param([REFUSED] * 70, [("not_permitted", False)], id="refused to the end"),
        pytest.param(
            [ALONE, REFUSED, ALONE, REFUSED],
            [("learner_absent", False), ("not_permitted", False)],
            id="to and fro",
        ),
        pytest.param([TAUGHT, LONGER, TAUGHT], [("learner_time", True)], id="posted hours stay"),
        pytest.param([ABSENT, LONGER], [("learner_absent", True)], id="final is final"),
    ],
)
def test_what_the_lms_hears(nights: list[Case], heard: list[tuple[str, bool]]) -> None:
    assert live(*nights)[1] == heard


def test_refused_to_the_end_is_final() -> None:
    standing, _ = live(*[REFUSED] * 60)
    assert standing.attendance.final


def test_a_later_report_that_would_change_posted_hours_is_only_evidence() -> None:
    before, _ = live(TAUGHT)
    step = next_step(before, LONGER, verdict(LONGER))
    assert (step.tell, step.evidence, step.late) == (Tell.NOTHING, True, True)
    assert step.standing.attendance == replace(before.attendance, flags=(Flag.LATE_REPORT,))
    assert next_step(step.standing, LONGER, verdict(LONGER)) == Step(step.standing)


@pytest.mark.parametrize(
    ("case", "settings"),
    [
        pytest.param(SAME_HOURS, DEFAULT, id="a report that changes no hours"),
        pytest.param(NOTHING, DEFAULT, id="reports that Teams no longer keeps"),
        pytest.param(REFUSED, DEFAULT, id="a reading refused since"),
        pytest.param(
            TAUGHT, AttendanceSettings(learner_time="with_organizer"), id="settings changed since"
        ),
    ],
)
@pytest.mark.parametrize("asked", [False, True])
def test_nothing_else_touches_posted_hours(
    case: Case, settings: AttendanceSettings, asked: bool
) -> None:
    before, _ = live(TAUGHT)
    found = verdict(case, settings, night(40))
    assert next_step(before, case, found, asked=asked) == Step(before)


def test_a_late_report_after_no_hours_is_flagged() -> None:
    before, _ = live(ABSENT)
    step = next_step(before, TAUGHT, verdict(TAUGHT))
    assert step.late
    assert step.standing.attendance.outcome == "learner_absent"
    assert step.standing.attendance.flags == (Flag.LATE_REPORT,)


def test_a_person_who_asks_again_gets_the_hours_nobody_posted() -> None:
    before, _ = live(*[NOTHING] * 8)
    step = next_step(before, TAUGHT, verdict(TAUGHT, today=night(20)), asked=True)
    assert step.tell is Tell.VERIFIED
    assert step.standing.posted == timedelta(minutes=50)


def test_a_person_who_asks_again_hears_another_no() -> None:
    before, _ = live(*[NOTHING] * 8)
    step = next_step(before, ABSENT, verdict(ABSENT, today=night(20)), asked=True)
    assert (step.tell, step.standing.attendance.outcome) == (Tell.NOT_VERIFIED, "learner_absent")


def test_asking_again_for_the_same_leads_to_nothing() -> None:
    before, _ = live(ABSENT)
    assert next_step(before, ABSENT, verdict(ABSENT), asked=True) == Step(before)
    assert next_step(before, NOTHING, verdict(NOTHING, today=night(400)), asked=True) == Step(
        before
    )


def test_every_verdict_that_changes_something_leaves_evidence() -> None:
    first = next_step(None, NOTHING, verdict(NOTHING))
    assert (first.evidence, first.tell) == (True, Tell.NOTHING)
    again = next_step(first.standing, NOTHING, verdict(NOTHING, today=night(2)))
    assert again == Step(first.standing)
    second = next_step(first.standing, ALONE, verdict(ALONE, today=night(3)))
    assert (second.evidence, second.tell) == (True, Tell.NOT_VERIFIED)


def test_what_is_told_carries_its_sentence() -> None:
    step = next_step(None, ABSENT, verdict(ABSENT))
    assert step.message == MESSAGES[Outcome.LEARNER_ABSENT]


def a_standing(final: bool) -> Standing:
    return Standing(Attendance("learner_absent", final, None, DAY.isoformat(), None))


@pytest.mark.parametrize(
    ("standing", "nights", "due"),
    [
        pytest.param(None, 0, False, id="the day itself"),
        pytest.param(None, 1, True, id="the day after"),
        pytest.param(None, 100, True, id="never looked at"),
        pytest.param(a_standing(False), 8, True, id="not final"),
        pytest.param(a_standing(False), 50, True, id="not final for long"),
        pytest.param(a_standing(True), 8, True, id="final, last night for late reports"),
        pytest.param(a_standing(True), 9, False, id="final, nights over"),
    ],
)
def test_when_the_nightly_run_looks(standing: Standing | None, nights: int, due: bool) -> None:
    assert is_due(standing, DAY, night(nights), 7) is due
    assert last_night(DAY, 7) == night(8)


def test_a_standing_is_stored_and_read_back() -> None:
    standing, _ = live(ALONE, TAUGHT)
    decided = replace(standing, decided=Decision.ACCEPT)
    assert codec.loads(Standing, codec.dumps(decided)) == decided
    assert decided.told == (Heard("learner_absent", False), Heard("learner_time", True))


# -- a person's word ----------------------------------------------------------------------


def names_of(case: Case) -> dict[str, Any]:
    return {person.name: person for person in case.people}


def after(case: Case, settings: AttendanceSettings = DEFAULT, today: date = NIGHT) -> Standing:
    return next_step(None, case, judge(case, settings, today)).standing


@pytest.mark.parametrize(
    ("case", "settings", "participant", "expected", "alias"),
    [
        pytest.param(
            of(tutor(), guest("A")),
            HOLD_UNKNOWN,
            None,
            ("learner_time", 40),
            0,
            id="the only guest",
        ),
        pytest.param(
            of(tutor(), outsider()),
            HOLD_UNKNOWN,
            None,
            ("learner_time", 30),
            1,
            id="the only outside account, remembered",
        ),
        pytest.param(
            of(tutor(), guest("A", (0, 20)), guest("B", (5, 45))),
            HOLD_EXTRA,
            "unidentified 2",
            ("learner_time", 40),
            0,
            id="one of two guests",
        ),
        pytest.param(
            of(tutor(), learner(), guest("A")),
            HOLD_EXTRA,
            None,
            ("learner_time", 50),
            0,
            id="the learner who was identified all along",
        ),
        pytest.param(
            of(tutor(), staff()),
            DEFAULT,
            "someone else 1",
            ("learner_time", 30),
            1,
            id="somebody else after all",
        ),
        pytest.param(
            of(tutor(), HIDDEN), DEFAULT, None, ("learner_time", 45), 0, id="the hidden record"
        ),
        pytest.param(
            of(tutor((10, 60)), guest("A", (0, 40))),
            replace(HOLD_UNKNOWN, learner_time="with_organizer"),
            None,
            ("learner_time", 30),
            0,
            id="settings apply",
        ),
        pytest.param(
            of(tutor((0, 30)), guest("A", (0, 20)), guest("A", (25, 40))),
            HOLD_UNKNOWN,
            None,
            ("learner_time", 35),
            0,
            id="one who re-joined is one person by the person's word",
        ),
        pytest.param(
            of(tutor(), HIDDEN, planned=None),
            DEFAULT,
            None,
            ("no_planned_hours", None),
            0,
            id="the plan is still missing",
        ),
        pytest.param(
            of(tutor(), HIDDEN, kind=Kind.REVIEW),
            DEFAULT,
            None,
            ("review", None),
            0,
            id="a review earns nothing all the same",
        ),
        pytest.param(
            of(tutor(), guest("A", (0, 0.5))),
            HOLD_UNKNOWN,
            None,
            ("under_a_minute", None),
            0,
            id="half a minute",
        ),
        pytest.param(
            of(tutor(), manager(), kind=Kind.REVIEW, view=True),
            AttendanceSettings(reviews_earn_hours=True),
            "invited 1",
            ("learner_time", 60),
            0,
            id="the manager's account, not remembered",
        ),
    ],
)
def test_accepting(
    case: Case,
    settings: AttendanceSettings,
    participant: str | None,
    expected: tuple[str, float | None],
    alias: int,
) -> None:
    before = after(case, settings)
    word = decide(before, case, names_of(case), settings, Decision.ACCEPT, participant)
    assert result(word.verdict) == expected
    assert len(word.alias) == alias
    step = word.step
    assert step.tell is (Tell.VERIFIED if word.verdict.earned else Tell.NOT_VERIFIED)
    assert (step.evidence, step.standing.attendance.final) == (True, True)
    with pytest.raises(Invalid) as refused:
        decide(step.standing, case, names_of(case), settings, Decision.ACCEPT, participant)
    assert (refused.value.status, refused.value.code) == (409, "nothing_to_decide")


def test_accepting_says_so() -> None:
    case = of(tutor(), guest("A"))
    word = decide(after(case, HOLD_UNKNOWN), case, names_of(case), HOLD_UNKNOWN, Decision.ACCEPT)
    assert word.verdict.flags == ()
    assert word.step.message.startswith("A person recognised the learner")
    assert word.participant == names_of(case)["unidentified 1"]


def test_whoever_was_not_accepted_stays_uninvited() -> None:
    case = of(tutor(), guest("A"), guest("B"))
    word = decide(
        after(case, HOLD_EXTRA),
        case,
        names_of(case),
        HOLD_EXTRA,
        Decision.ACCEPT,
        "unidentified 1",
    )
    assert word.verdict.flags == (Flag.UNINVITED_PRESENT,)


def test_a_gate_keeps_its_own_sentence() -> None:
    case = of(tutor(), HIDDEN, planned=None)
    word = decide(after(case), case, names_of(case), DEFAULT, Decision.ACCEPT)
    assert word.step.message == MESSAGES[Outcome.NO_PLANNED_HOURS]


def test_an_accepted_stranger_is_no_longer_uninvited() -> None:
    case = of(tutor(), staff())
    word = decide(after(case), case, names_of(case), DEFAULT, Decision.ACCEPT, "someone else 1")
    assert word.verdict.flags == ()
    assert word.alias == (Identity("staff", "staff@x.example"),)


def test_an_accepted_stranger_is_the_learner_the_next_time() -> None:
    case = of(tutor(), outsider())
    word = decide(after(case, HOLD_UNKNOWN), case, names_of(case), HOLD_UNKNOWN, Decision.ACCEPT)
    later = of(tutor(), outsider(), aliases=Known.of(word.alias))
    assert result(verdict(later, HOLD_UNKNOWN)) == ("learner_time", 30)


@pytest.mark.parametrize(
    ("case", "settings", "participant", "code"),
    [
        pytest.param(of(tutor()), DEFAULT, None, "ambiguous", id="nobody could be the learner"),
        pytest.param(
            of(tutor(), staff()), DEFAULT, None, "ambiguous", id="someone else must be named"
        ),
        pytest.param(
            of(tutor(), guest("A"), guest("B")), HOLD_EXTRA, None, "ambiguous", id="two guests"
        ),
        pytest.param(
            of(tutor(), guest("A"), HIDDEN),
            HOLD_UNKNOWN,
            None,
            "ambiguous",
            id="a guest and a hidden record",
        ),
        pytest.param(
            of(tutor(), guest("A")),
            HOLD_UNKNOWN,
            "unidentified 9",
            "unknown_participant",
            id="who?",
        ),
        pytest.param(
            of(tutor(), guest("A")), HOLD_UNKNOWN, "organizer 1", "unknown_participant", id="tutor"
        ),
        pytest.param(
            of(tutor(), guest("A"), BOT),
            HOLD_UNKNOWN,
            "application 1",
            "unknown_participant",
            id="a bot",
        ),
        pytest.param(
            a_case(
                session(tutor()),
                session(guest("B", (100, 120)), report="r2", started=100, ended=120),
            ),
            DEFAULT,
            "unidentified 1",
            "unknown_participant",
            id="somebody in a session that does not count",
        ),
    ],
)
def test_accepting_nobody_in_particular_is_refused(
    case: Case, settings: AttendanceSettings, participant: str | None, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        decide(after(case, settings), case, names_of(case), settings, Decision.ACCEPT, participant)
    (fault,) = refused.value.faults
    assert (refused.value.status, fault.pointer, fault.code) == (422, "#/participant", code)


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(None, id="never verified"),
        pytest.param(after(TAUGHT), id="hours posted"),
        pytest.param(after(of(learner())), id="organizer absent"),
        pytest.param(after(NOTHING), id="no report yet"),
    ],
)
@pytest.mark.parametrize("decision", Decision)
def test_there_is_nothing_to_decide(before: Standing | None, decision: Decision) -> None:
    with pytest.raises(Invalid) as refused:
        decide(before, TAUGHT, names_of(TAUGHT), DEFAULT, decision)
    assert (refused.value.status, refused.value.code) == (409, "nothing_to_decide")


def test_rejecting_what_is_final_is_evidence_and_nothing_told() -> None:
    before = after(ABSENT)
    word = decide(before, ABSENT, names_of(ABSENT), DEFAULT, Decision.REJECT)
    assert (word.step.tell, word.step.evidence) == (Tell.NOTHING, True)
    assert word.step.standing == replace(before, decided=Decision.REJECT)


def test_rejecting_what_is_not_final_makes_it_final() -> None:
    before = after(ALONE)
    word = decide(before, ALONE, names_of(ALONE), DEFAULT, Decision.REJECT)
    assert word.step.tell is Tell.NOT_VERIFIED
    assert word.step.standing.attendance.final


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("decision", Decision)
def test_no_machine_overrides_a_persons_word(decision: Decision, asked: bool) -> None:
    case = of(tutor(), guest("A"))
    standing = decide(
        after(case, HOLD_UNKNOWN), case, names_of(case), HOLD_UNKNOWN, decision
    ).step.standing
    for settings in (DEFAULT, HOLD_UNKNOWN):
        assert next_step(standing, case, verdict(case, settings), asked=asked) == Step(standing)
    later = a_case(
        session(tutor(), guest("A")),
        session(tutor((70, 90)), learner((70, 90)), report="r2", started=70, ended=90),
    )
    step = next_step(standing, later, verdict(later), asked=asked)
    assert (step.tell, step.late) == (Tell.NOTHING, True)
    assert step.standing.posted == standing.posted


# -- properties ---------------------------------------------------------------------------

entry = st.builds(
    lambda make, found: make(*(found or [(0, 1)])),
    st.sampled_from(
        [
            tutor,
            learner,
            manager,
            staff,
            outsider,
            lambda *p: guest("A", *p),
            lambda *p: guest("B", *p),
            lambda *p: guest("", *p),
            lambda *p: replace(HIDDEN, intervals=spells(*p)),
        ]
    ),
    st.lists(pairs, max_size=3),
)
meetings = st.lists(
    st.builds(
        lambda found, n, start, url: Meeting(tuple(found), f"r{n}", start, start + 60, url=url),
        st.lists(entry, max_size=6),
        st.integers(0, 99),
        st.integers(-2000, 2000),
        st.sampled_from([URL, OLD_URL]),
    ),
    max_size=3,
    unique_by=lambda meeting: meeting.report,
)
choices = st.builds(
    AttendanceSettings,
    unidentified_other=st.sampled_from(["assume_learner", "hold"]),
    extra_attendee=st.sampled_from(["whole_meeting", "learner_time", "hold"]),
    learner_time=st.sampled_from(["own", "with_organizer"]),
    reviews_earn_hours=st.booleans(),
    retry_nights=st.integers(0, 7),
)
worlds = st.builds(
    World,
    meetings=meetings.map(tuple),
    kind=st.sampled_from(Kind),
    planned=st.sampled_from([None, 30, 60]),
    view=st.booleans(),
    refused=st.sampled_from([(), (URL,), (OLD_URL,)]),
)


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


@given(worlds, choices, st.integers(1, 70), st.booleans())
def test_a_verdict_once_adopted_leaves_nothing_to_do(
    world: World, settings: AttendanceSettings, nights: int, asked: bool
) -> None:
    case = assembled(world)
    found = judge(case, settings, night(nights))
    first = next_step(None, case, found)
    assert next_step(first.standing, case, found, asked=asked) == Step(first.standing)


@given(st.lists(st.tuples(worlds, choices, st.booleans()), max_size=8))
def test_hours_are_told_once_and_never_change(
    nights: list[tuple[World, AttendanceSettings, bool]],
) -> None:
    standing: Standing | None = None
    posted = []
    for n, (world, settings, asked) in enumerate(nights, start=1):
        case = assembled(world)
        step = next_step(standing, case, judge(case, settings, night(n)), asked=asked)
        if step.tell is Tell.VERIFIED:
            posted.append(step.standing.posted)
        if posted:
            assert step.standing.posted == posted[0]
        standing = step.standing
    assert len(posted) <= 1
