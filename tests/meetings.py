"""What was held, as the hours rules' tests build it: sessions of people, and the case they make.

A 09:00 to 10:00 meeting in London on 30 April 2026, unless a test says else. Minutes are counted
from 09:00 there (08:00 UTC).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from shared.attendance import Case, Verdict, assemble, judge
from shared.intervals import Interval
from shared.model import (
    AttendanceSettings,
    ComponentId,
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


def night(n: int) -> date:
    return DAY + timedelta(days=n)


def verdict(case: Case, settings: AttendanceSettings = DEFAULT, today: date = NIGHT) -> Verdict:
    return judge(case, settings, today)


def result(found: Verdict) -> tuple[str, float | None]:
    earned = None if found.earned is None else found.earned / timedelta(minutes=1)
    return found.outcome.value, earned


# -- any of them -------------------------------------------------------------------------

pairs = st.tuples(st.integers(0, 120), st.integers(0, 120)).map(lambda t: (min(t), max(t)))
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
