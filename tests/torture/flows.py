"""Every flow of the product, each prepared up to the run that is to be cut."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.graph.protocol import MARKER_ID
from tests.flows.world import LEARNER, TENANT, TUTOR
from tests.simulators.graph.model import PropertyId
from tests.torture.world import MANAGER, MENTOR, NOT_NOW, SECOND_TUTOR, TortureWorld

CLOCKS_GO_BACK = datetime(2026, 10, 23, 22, 50, tzinfo=UTC)
BEFORE_WINDOW = datetime(2026, 4, 24, 12, 0, tzinfo=UTC)
NIGHT = datetime(2026, 5, 1, 2, 30, tzinfo=UTC)
HOUR = [(0, 60)]
A_LEARNER = {"foreign": "L", "email": LEARNER["email"]}


def at(hour: int, minute: int = 0, day: int = 30) -> str:
    """A local time in London's April."""
    return f"2026-04-{day:02}T{hour:02}:{minute:02}:00+01:00"


@dataclass(frozen=True, slots=True)
class Flow:
    """*act* is what is cut; the ordinary runs follow it.

    *again*: a person or the LMS's administrator did it and does it again when it was cut.
    *nights*: how many attendance runs belong to the ordinary runs after it. *same_end*: whether it
    ends in one way only, however it is disturbed.
    """

    name: str
    prepare: Callable[[], TortureWorld]
    act: Callable[[TortureWorld], Any]
    again: bool = False
    nights: int = 0
    same_end: bool = True

    def __str__(self) -> str:
        return self.name


def fresh() -> TortureWorld:
    return TortureWorld()


def booked(**fields: Any) -> TortureWorld:
    """One meeting that stands, and nothing left to do."""
    world = TortureWorld()
    world.save(**fields)
    return world


def in_the_repeated_hour() -> TortureWorld:
    """A meeting in the second of the two hours that read alike."""
    world = TortureWorld(CLOCKS_GO_BACK)
    world.save(start="2026-10-25T01:15:00Z", end="2026-10-25T01:45:00Z")
    return world


def waiting() -> TortureWorld:
    """Saved before its window; the window opens at the next midnight."""
    world = TortureWorld(BEFORE_WINDOW)
    world.save()
    world.pass_(hours=12)
    return world


def many(count: int = 6) -> TortureWorld:
    """Several of two tutors, all due at the next sweep."""
    world = TortureWorld(BEFORE_WINDOW)
    for n in range(count):
        owner = (TUTOR, SECOND_TUTOR)[n % 2]
        learner = {"email": f"learner{n}@work.example", "name": f"L. {n}"}
        hours = {"start": at(8 + n), "end": at(9 + n)}
        world.save(f"M-{n}", owner=owner, learner=learner, **hours)
    world.pass_(hours=12)
    return world


def listed() -> TortureWorld:
    """Flagged before the connector was switched on."""
    world = TortureWorld()
    for n in range(4):
        hours = {"start": at(9 + n), "end": at(10 + n)}
        who = {"owner": TUTOR, "learner": LEARNER, "name": f"B {n}"}
        world.lms.put_silently(TENANT, f"B-{n}", **who, **hours)
    return world


def tutor_moves(world: TortureWorld) -> None:
    world.graph.tutor.moves(world.event, at(14))


def moved_in_teams() -> TortureWorld:
    world = booked()
    tutor_moves(world)
    return world


def cancelled_in_teams() -> TortureWorld:
    world = booked()
    world.graph.tutor.cancels(world.event)
    return world


def moved_by_both() -> TortureWorld:
    """The tutor moved it, and the LMS's save comes before that is seen."""
    world = moved_in_teams()
    world.put(start=at(16), end=at(17))
    return world


def with_guest() -> TortureWorld:
    world = booked(kind="review", employerCanView=True, manager=MANAGER, mentor=MENTOR)
    world.graph.tutor.adds_attendee(world.event, "guest@elsewhere.example")
    world.guests[world.event.key] = {"guest@elsewhere.example"}
    return world


def moved_then_new_owner() -> TortureWorld:
    world = moved_in_teams()
    world.put(owner=SECOND_TUTOR)
    return world


def outbox_waits() -> TortureWorld:
    """Three events the LMS could not take."""
    world = TortureWorld()
    world.lms.faults.add("unavailable", times=None)
    for n in range(3):
        world.save(f"O-{n}", start=at(9 + n), end=at(10 + n))
    world.lms.faults.clear()
    world.pass_(minutes=2)
    return world


def unmade() -> TortureWorld:
    """Graph failed; a hint waits for the catch-up."""
    world = TortureWorld()
    world.graph.faults.add("unavailable", path="/events$", method="POST", times=None)
    world.save()
    world.graph.faults.clear()
    world.pass_(minutes=2)
    return world


def claim_lapsed() -> TortureWorld:
    """The create was carried out, the process died before it heard so, and the claim is over."""
    world = TortureWorld()
    world.graph.faults.add("drop_after", path="/events$", method="POST", times=None)
    world.save()
    world.graph.faults.clear()
    world.restart()
    world.pass_(minutes=3)
    return world


def held(*people: Any, tenant: dict[str, Any] | None = None, **fields: Any) -> TortureWorld:
    """The morning after the meeting of these people."""
    world = TortureWorld()
    if tenant:
        world.change_tenant(**tenant)
    world.save(**fields)
    world.clock.set(datetime(2026, 4, 30, 12, 0, tzinfo=UTC), frozen=True)
    if people:
        world.graph.attendance.hold(world.event, people)
    world.clock.set(NIGHT, frozen=True)
    return world


def lesson(**how: Any) -> TortureWorld:
    return held((TUTOR["email"], HOUR), (A_LEARNER, [(5, 55)]), **how)


def for_a_person() -> TortureWorld:
    """Held for review: somebody must decide."""
    world = held(
        (TUTOR["email"], HOUR),
        ({"guest": "Sam"}, [(0, 50)]),
        tenant={"attendance": {"unidentifiedOther": "hold"}},
    )
    world.run("night")
    return world


def late_report() -> TortureWorld:
    """Hours were posted, and another report appears."""
    world = lesson()
    world.run("night")
    people: list[Any] = [(TUTOR["email"], [(70, 90)]), (A_LEARNER, [(70, 90)])]
    world.graph.attendance.hold(world.event, people)
    world.pass_(days=1)
    return world


def restored() -> TortureWorld:
    """The table was put back to a time before the events were made."""
    world = TortureWorld(BEFORE_WINDOW)
    for n in range(3):
        world.save(f"R-{n}", start=at(9 + n), end=at(10 + n))
    backup = dict(world.memory._rows)
    world.pass_(hours=12)
    world.run("sweep")
    world.memory._rows.clear()
    world.memory._rows.update(backup)
    world.restart()
    world.restored = True
    return world


def with_stray() -> TortureWorld:
    """Exchange made a second event of one create; it was seen once, ten minutes ago."""
    world = booked()
    plant_stray(world)
    world.run("sweep")
    world.pass_(minutes=11)
    return world


def plant_stray(world: TortureWorld) -> None:
    first = world.event
    twin = world.graph.tutor.creates(
        TUTOR["email"], first.subject, first.start, first.end, [LEARNER["email"]]
    )
    key = PropertyId.parse(MARKER_ID)
    twin.properties[key] = first.properties[key]
    world.planted.add(twin)


def without_teams() -> TortureWorld:
    """The owner's licence went after it had been read."""
    world = TortureWorld()
    world.save("Earlier")
    world.save("Earlier", cancelled=True)
    world.graph.user(TUTOR["email"]).teams = False
    return world


def vanished() -> TortureWorld:
    """One of six was cancelled in Teams: not enough for the brake."""
    world = TortureWorld()
    for n in range(6):
        owner = (TUTOR, SECOND_TUTOR)[n % 2]
        world.save(f"V-{n}", owner=owner, start=at(8 + n), end=at(9 + n))
    world.graph.tutor.cancels(world.events()[0])
    return world


def braked() -> TortureWorld:
    """All of one tutor's were cancelled in Teams, and the brake holds them."""
    world = TortureWorld()
    for n in range(3):
        world.save(f"K-{n}", start=at(8 + n), end=at(9 + n))
    for event in world.events():
        world.graph.tutor.cancels(event)
    world.run("sweep")
    return world


def parked() -> TortureWorld:
    """The LMS said 410: its events wait for a person."""
    world = TortureWorld()
    world.lms.faults.add("answer", status=410, times=1)
    world.save()
    world.parked = True
    return world


def next_day(world: TortureWorld) -> None:
    world.run("night")


def new_zone(world: TortureWorld) -> None:
    with contextlib.suppress(*NOT_NOW):
        world.change_tenant(timeZone="Europe/Paris")
    world.run("sweep")


def _pump(world: TortureWorld) -> None:
    world.settle_mail()


def _list(world: TortureWorld) -> None:
    world.lms.send_list(TENANT)
    world.settle_mail()
    world.run("sweep")


def _adopt(world: TortureWorld) -> None:
    world.ask("adopt")


def _release(world: TortureWorld) -> None:
    world.ask("release")
    world.run("catch_up")


def _delete(world: TortureWorld) -> None:
    world.lms.delete(TENANT, "C-1")
    world.settle_mail()


def _runs(what: str) -> Callable[[TortureWorld], Any]:
    return lambda world: world.run(what)


def _saves(**fields: Any) -> Callable[[TortureWorld], Any]:
    return lambda world: world.save(**fields)


def _asks(act: str, **body: Any) -> Callable[[TortureWorld], Any]:
    return lambda world: world.ask(act, **body)


WITHOUT_EMPLOYER = {"employerCanView": False}
THE_FIRST_TIME = {"start": "2026-10-25T01:15:00+01:00", "end": "2026-10-25T01:45:00+01:00"}
DECISION = {"decision": "accept", "by": "boss@college.example", "reason": "It was Sam."}

FLOWS = [
    Flow("instant create", fresh, _saves()),
    Flow("sweep create", waiting, _runs("sweep")),
    Flow("sweep of many", many, _runs("sweep")),
    Flow("list, then sweep", listed, _list),
    Flow("create after a failure", unmade, _runs("catch_up")),
    Flow("a lapsed claim", claim_lapsed, _runs("catch_up")),
    Flow("reschedule", booked, _saves(start=at(14), end=at(15))),
    Flow("an hour earlier by the same clock", in_the_repeated_hour, _saves(**THE_FIRST_TIME)),
    Flow("rename", booked, _saves(name="Data ethics, part two")),
    Flow("agenda change", booked, _saves(description="Bring nothing at all.")),
    Flow("other people", with_guest, _saves(**WITHOUT_EMPLOYER)),
    Flow("cancel", booked, _saves(cancelled=True)),
    Flow("untick", booked, _saves(meetOnline=False)),
    Flow("delete", booked, _delete),
    Flow("owner change", booked, _saves(owner=SECOND_TUTOR)),
    Flow("owner change of a moved one", moved_then_new_owner, _pump),
    Flow("moved in Teams", moved_in_teams, _runs("sweep")),
    Flow("cancelled in Teams", cancelled_in_teams, _runs("sweep")),
    Flow("moved on both sides", moved_by_both, _pump, same_end=False),
    Flow("several vanished", vanished, _runs("sweep")),
    Flow("brake released", braked, _release, again=True),
    Flow("no Teams after all", without_teams, _saves()),
    Flow("a new zone", booked, new_zone, again=True),
    Flow("hours", lesson, next_day, nights=1),
    Flow("nobody came", lambda: held((TUTOR["email"], HOUR)), next_day, nights=9),
    Flow("no report", held, next_day, nights=9),
    Flow("a late report", late_report, next_day, nights=1),
    Flow("decide", for_a_person, _asks("decide", **DECISION), again=True, nights=1),
    Flow("reverify", lesson, _asks("reverify"), again=True, nights=1),
    Flow("outbox", outbox_waits, _runs("catch_up")),
    Flow("redeliver", parked, _asks("redeliver"), again=True),
    Flow("adopt", restored, _adopt, again=True, same_end=False),
    Flow("strays", with_stray, _runs("sweep")),
]
BY_NAME = {flow.name: flow for flow in FLOWS}
