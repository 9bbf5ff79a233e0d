"""Any history hypothesis can think of: two processes, an LMS, tutors, faults, clocks.

After each step what must never be is looked for, and at the end, once everything works again and
the ordinary runs had their time, what must hold at rest.
"""

from __future__ import annotations

import contextlib
import json
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from component_http.notify import take
from shared.errors import Broken, NotAllowed
from shared.ports import Ports
from tests.flows.world import LEARNER, TENANT, TUTOR
from tests.simulators.graph.model import Event
from tests.simulators.lms.outbox import Delivery
from tests.torture.cuts import FAULTS, ITEM_FAULTS
from tests.torture.gate import Effect, Gate, Killed, Twist, Twister
from tests.torture.promises import broken_at_rest, broken_now, is_live, ours, record_of
from tests.torture.rest import come_to_rest
from tests.torture.turns import together
from tests.torture.world import MANAGER, MENTOR, NOT_NOW, SECOND_TUTOR, SWITCHES, TortureWorld

COMPONENTS = ("C-0", "C-1", "C-2")
SEASONS = {
    "an ordinary week": datetime(2026, 4, 25, 8, 0, tzinfo=UTC),
    "before the clocks go forward": datetime(2026, 3, 27, 21, 30, tzinfo=UTC),
    "before the clocks go back": datetime(2026, 10, 23, 22, 50, tzinfo=UTC),
    "at the end of a year": datetime(2026, 12, 30, 23, 40, tzinfo=UTC),
}
BYSTANDER = 2
"""The process that is never disturbed itself."""
OWNERS = (TUTOR, SECOND_TUTOR)
LEARNERS = (LEARNER, {"email": "other@work.example", "name": "O. Ther"})

figures: Counter[str] = Counter()
"""Histories, steps, faults by kind."""

changes = st.one_of(
    st.fixed_dictionaries({"name": st.sampled_from(["Ethics", "Data", "Ärger & <b>Maß</b>"])}),
    st.fixed_dictionaries({"description": st.sampled_from(["Bring a pen.", "Nothing.", None])}),
    st.fixed_dictionaries({"cancelled": st.booleans()}),
    st.fixed_dictionaries({"meetOnline": st.booleans()}),
    st.fixed_dictionaries({"owner": st.sampled_from(OWNERS)}),
    st.fixed_dictionaries({"learner": st.sampled_from(LEARNERS)}),
    st.fixed_dictionaries(
        {
            "kind": st.just("review"),
            "employerCanView": st.booleans(),
            "manager": st.sampled_from([None, MANAGER]),
            "mentor": st.sampled_from([None, MENTOR, LEARNER]),
        }
    ),
)
hours_ahead = st.sampled_from(
    [1, 2.99, 3, 3.5, 8, 20, 26, 27, 28, 30, 54, 100, 119.5, 120.5, 150, 300]
)
"""From the beginnings in spring and autumn, 26 to 28 are in the hour that is skipped or repeats."""
disturbances = st.one_of(
    st.none(),
    st.none(),
    st.tuples(st.sampled_from(["killed before", "killed after"]), st.integers(0, 25)),
    st.tuples(st.sampled_from([way.name for way in FAULTS]), st.integers(0, 25)),
    st.tuples(st.sampled_from(["sweep", "catch up", "save", "tutor", "slow"]), st.integers(0, 25)),
)

together_acts = st.sampled_from(
    ["sweep", "sweep", "catch_up", "catch_up", "night", "save", "repeat", "notices", "resync"]
)


class Histories(RuleBasedStateMachine):
    """One history; see the module."""

    world: TortureWorld

    @initialize(
        season=st.sampled_from(list(SEASONS)),
        switches=st.fixed_dictionaries({name: st.sampled_from(v) for name, v in SWITCHES.items()}),
        rows=st.sampled_from([None, None, 1, 2]),
        seen=st.booleans(),
        reachable=st.booleans(),
        booked=st.integers(0, len(COMPONENTS)),
        hours=st.sampled_from([4, 54, 54, 118]),
    )
    def begin(
        self,
        season: str,
        switches: dict[str, Any],
        rows: int | None,
        seen: bool,
        reachable: bool,
        booked: int,
        hours: int,
    ) -> None:
        figures["histories"] += 1
        self.world = world = TortureWorld(SEASONS[season], reachable=reachable)
        world.graph.set_switches(**switches)
        world.rows_a_page = rows
        world.lms.tenants[TENANT].sends_seen = seen
        self.all_ports: list[Ports] = [world.ports, world.process(), world.process()]
        self.held: list[Delivery] = []
        self.weather: random.Random | None = None
        self.rate = 0.0
        for n, component in enumerate(COMPONENTS[:booked]):
            start = world.clock().replace(second=0) + timedelta(hours=hours + n)
            end = start + timedelta(hours=1)
            world.save(component, owner=OWNERS[n % 2], start=start, end=end)

    # -- who does it, and how it goes ------------------------------------------------------

    def _as(
        self, process: int, disturbed: tuple[str, int] | None, do: Callable[[], object]
    ) -> None:
        """*do* in one of the two processes, disturbed there."""
        figures["steps"] += 1
        self.world.ports = self.all_ports[process]
        self._disturbed(process, disturbed, do)()
        self._bury()

    def _disturbed(
        self, process: int, disturbed: tuple[str, int] | None, do: Callable[[], object]
    ) -> Callable[[], None]:
        gate = self.world.gate_of(self.all_ports[process])

        def act() -> None:
            gate.twist = self._twister(gate, disturbed)
            with contextlib.suppress(Killed, *NOT_NOW):
                do()
            gate.twist = None

        return act

    def _bury(self) -> None:
        """A process that was killed is replaced."""
        world = self.world
        for process, ports in enumerate(self.all_ports):
            if world.gate_of(ports).dead:
                self.all_ports[process] = world.process()
        world.ports = self.all_ports[0]

    def _twister(self, gate: Gate, disturbed: tuple[str, int] | None) -> Twister:
        begin = len(gate.trace)
        once = [disturbed]

        def twist(effect: Effect) -> Twist | None:
            chosen = once[0]
            if chosen and effect.number >= begin + chosen[1]:
                made = self._twist(chosen[0], gate, effect)
                if made:
                    once[0] = None
                    figures[f"fault {chosen[0]}"] += 1
                    return made
            if self.weather and self.weather.random() < self.rate:
                way = self.weather.choice([w for w in FAULTS if effect.kind in w.kinds])
                figures[f"fault {way.name}"] += 1
                return way.make(self.world, gate)
            return None

        return twist

    def _twist(self, name: str, gate: Gate, effect: Effect) -> Twist | None:
        if name == "killed before":
            return Twist(name, before=gate.kill, carried_out=False)
        if name == "killed after":
            return Twist(name, after=gate.kill)
        for way in FAULTS:
            if way.name == name:
                return way.make(self.world, gate) if effect.kind in way.kinds else None
        return Twist(name, before=lambda: self._meanwhile(name))

    def _meanwhile(self, name: str) -> None:
        """A third process, the LMS or a tutor, in the middle of this one's step."""
        world = self.world
        with world.as_(self.all_ports[BYSTANDER]):
            match name:
                case "sweep":
                    world.run("sweep")
                case "catch up":
                    world.run("catch_up")
                case "save":
                    for component in list(world.lms.tenants[TENANT].components)[:1]:
                        world.hand_over(world.put(component, name="Meanwhile"))
                case "tutor":
                    for event in self._events()[:1]:
                        start = event.start + timedelta(hours=1)
                        world.graph.tutor.moves(event, start)
                case _:
                    world.pass_(minutes=3)

    def _events(self) -> list[Event]:
        return [e for e in self.world.events() if e.start > self.world.clock()]

    # -- the LMS ---------------------------------------------------------------------------

    @rule(
        component=st.sampled_from(COMPONENTS),
        change=changes,
        hours=st.none() | hours_ahead,
        how=st.sampled_from(["now", "now", "held", "silently"]),
        process=st.integers(0, 1),
        disturbed=disturbances,
    )
    def saves(
        self,
        component: str,
        change: dict[str, Any],
        hours: float | None,
        how: str,
        process: int,
        disturbed: tuple[str, int] | None,
    ) -> None:
        world = self.world
        if hours is None and component not in world.lms.tenants[TENANT].components:
            hours = 54
        if hours is not None:
            start = world.clock().replace(second=0, microsecond=0) + timedelta(hours=hours)
            change = {**change, "start": start, "end": start + timedelta(hours=1)}
        delivery = world.put(component, held=True, **change)
        if how == "now":
            self._as(process, disturbed, lambda: self._send(delivery))
        elif how == "held":
            self.held.append(delivery)

    def _send(self, *deliveries: Delivery) -> None:
        for delivery in deliveries:
            if not delivery.in_hand:
                self.world.lms.outbox.release(delivery)
                self.world.hand_over(delivery)
        self.world.settle_mail()

    @precondition(lambda self: bool(self.held))
    @rule(which=st.integers(0, 9), process=st.integers(0, 1), disturbed=disturbances)
    def a_late_webhook_arrives(
        self, which: int, process: int, disturbed: tuple[str, int] | None
    ) -> None:
        delivery = self.held.pop(which % len(self.held))
        self._as(process, disturbed, lambda: self._send(delivery))

    @precondition(lambda self: bool(self.world.lms.outbox.deliveries))
    @rule(back=st.integers(1, 6), process=st.integers(0, 1), disturbed=disturbances)
    def a_webhook_arrives_again(
        self, back: int, process: int, disturbed: tuple[str, int] | None
    ) -> None:
        deliveries = self.world.lms.outbox.deliveries
        delivery = deliveries[-min(back, len(deliveries))]
        if delivery.state != "held":
            self._as(process, disturbed, lambda: self._send(delivery))

    @rule(component=st.sampled_from(COMPONENTS), process=st.integers(0, 1), disturbed=disturbances)
    def deletes(self, component: str, process: int, disturbed: tuple[str, int] | None) -> None:
        if component in self.world.lms.tenants[TENANT].components:
            delivery = self.world.lms.delete(TENANT, component)
            self._as(process, disturbed, lambda: self._send(delivery))

    @rule(process=st.integers(0, 1), disturbed=disturbances)
    def sends_the_whole_list(self, process: int, disturbed: tuple[str, int] | None) -> None:
        deliveries = self.world.lms.send_list(TENANT)
        self._as(process, disturbed, lambda: self._send(*deliveries))

    # -- tutors ----------------------------------------------------------------------------

    @precondition(lambda self: bool(self._events()))
    @rule(
        which=st.integers(0, 5),
        what=st.sampled_from(
            [
                "moves", "moves", "moves", "cancels", "flags", "deletes", "retitles", "invites",
                "uninvites", "declines", "calendar", "renews", "past",
            ]
        ),
        hours=hours_ahead,
    )  # fmt: skip
    def a_tutor_edits(self, which: int, what: str, hours: float) -> None:
        figures["steps"] += 1
        world, tutor = self.world, self.world.graph.tutor
        events = self._events()
        event = events[which % len(events)]
        someone = next(iter(event.attendees), None)
        guest = f"guest{which}@elsewhere.example"
        match what:
            case "moves":
                start = world.clock().replace(second=0, microsecond=0) + timedelta(hours=hours)
                tutor.moves(event, start)
            case "past":
                tutor.moves(event, world.clock() - timedelta(hours=2))
            case "cancels":
                tutor.cancels(event)
            case "flags":
                tutor.cancels(event, leaves="flagged")
            case "deletes":
                tutor.deletes(event)
            case "retitles":
                tutor.retitles(event, "The tutor's own title")
            case "invites":
                world.guests.setdefault(event.key, set()).add(guest)
                if guest not in [a.address for a in event.attendees]:
                    tutor.adds_attendee(event, guest)
            case "uninvites" if someone:
                tutor.removes_attendee(event, someone.address)
                world.guests.get(event.key, set()).discard(someone.address)
            case "declines" if someone:
                tutor.attendee_responds(event, someone.address)
            case "calendar":
                tutor.moves_to_calendar(event)
            case "renews":
                tutor.renews_link(event)

    # -- timers and people -----------------------------------------------------------------

    @rule(
        what=st.sampled_from(["sweep", "sweep", "catch_up", "catch_up", "night"]),
        process=st.integers(0, 1),
        disturbed=disturbances,
    )
    def a_timer_fires(self, what: str, process: int, disturbed: tuple[str, int] | None) -> None:
        self._as(process, disturbed, lambda: self.world.run(what))

    @rule(
        whats=st.tuples(together_acts, together_acts),
        order=st.lists(st.integers(0, 1), max_size=60),
        disturbed=disturbances,
    )
    def two_are_at_work(
        self, whats: tuple[str, str], order: list[int], disturbed: tuple[str, int] | None
    ) -> None:
        """Both processes at the same time, effect by effect in that order."""
        figures["steps"] += 1
        figures["at once"] += 1
        works = [
            (self.all_ports[me], self._disturbed(me, None if me else disturbed, self._work(what)))
            for me, what in enumerate(whats)
        ]
        together(self.world, order, *works)
        self._bury()

    def _work(self, what: str) -> Callable[[], object]:
        world = self.world
        names = list(world.lms.tenants[TENANT].components)
        match what:
            case "save" | "repeat" if names:
                new = {"name": f"Save {len(world.lms.outbox.deliveries)}"} if what == "save" else {}
                delivery = world.put(names[0], held=True, **new)
                return lambda: self._send(delivery)
            case "save" | "repeat":
                return lambda: world.run("sweep")
            case "notices":
                return self._deliver_notices
            case "resync":
                return lambda: world.ask("resync", names[0] if names else "C-0")
        return lambda: world.run(what)

    @precondition(lambda self: bool(self.world.letterbox.letters))
    @rule(
        lost=st.booleans(), doubled=st.booleans(), process=st.integers(0, 1), disturbed=disturbances
    )
    def notices_arrive(
        self, lost: bool, doubled: bool, process: int, disturbed: tuple[str, int] | None
    ) -> None:
        letters = self.world.letterbox.letters
        if lost:
            del letters[::2]
        if doubled:
            letters += letters
        self._as(process, disturbed, self._deliver_notices)

    def _deliver_notices(self) -> None:
        """All that Graph has to say, in its batches; what is not taken is said again."""
        world = self.world
        letters, world.letterbox.letters = world.letterbox.letters, []
        body = json.dumps({"value": letters[::-1]}).encode()
        try:
            take(world.ports, body, "application/json")
        except NOT_NOW:
            world.letterbox.letters += letters

    @rule(
        act=st.sampled_from(["resync", "redeliver", "reverify", "decide", "release", "rotate"]),
        component=st.sampled_from(COMPONENTS),
        process=st.integers(0, 1),
        disturbed=disturbances,
    )
    def a_person_acts(
        self, act: str, component: str, process: int, disturbed: tuple[str, int] | None
    ) -> None:
        said: dict[str, Any] = {}
        if act == "decide":
            said = {"decision": "accept", "by": "boss@college.example", "reason": "I know."}
        if act == "rotate":
            self._as(process, disturbed, lambda: self._rotated(self.world.ask("rotate")))
        else:
            self._as(process, disturbed, lambda: self.world.ask(act, component, **said))

    def _rotated(self, answer: Any) -> None:
        """The new secrets reach the LMS; until then the old ones are good."""
        if answer:
            account = self.world.lms.tenants[TENANT]
            account.inbound_secrets = [answer["inboundSecret"]]
            account.outbound_secrets = [answer["outboundSecret"], *account.outbound_secrets]

    @rule(process=st.integers(0, 1))
    def a_process_ends(self, process: int) -> None:
        figures["steps"] += 1
        self.world.gate_of(self.all_ports[process]).dead = True
        self.all_ports[process] = self.world.process()

    @rule(
        fields=st.sampled_from(
            [
                {"mode": "preview"}, {"mode": "live"}, {"mode": "live"},
                {"enabled": False}, {"enabled": True}, {"enabled": True},
                {"windowDays": 0}, {"windowDays": 10}, {"timeZone": "Europe/Paris"},
                {"timeZone": "Europe/London"}, {"timeZone": "Asia/Kolkata"},
                {"attendance": {"unidentifiedOther": "hold"}},
                {"attendance": {"extraAttendee": "learner_time"}},
                {"attendance": {"reviewsEarnHours": True}},
            ]
        )
    )  # fmt: skip
    def the_tenant_changes(self, fields: dict[str, Any]) -> None:
        def change() -> None:
            self.world.change_tenant(**fields)
            for ports in self.all_ports:
                ports.tenants.forget(self.world.tenant)

        self._as(0, None, change)

    # -- time and weather ------------------------------------------------------------------

    @rule(
        by=st.sampled_from(
            [
                {"seconds": 59}, {"minutes": 1}, {"minutes": 2}, {"minutes": 5}, {"minutes": 16},
                {"hours": 1}, {"hours": 3}, {"hours": 12}, {"hours": 25}, {"days": 3},
            ]
        ),
    )  # fmt: skip
    def time_passes(self, by: dict[str, float]) -> None:
        figures["steps"] += 1
        self.world.pass_(**by)

    @rule(
        rate=st.sampled_from([0.0, 0.05, 0.3]),
        items=st.sampled_from([0.0, 0.1]),
        seed=st.integers(0, 1000),
    )
    def the_weather_changes(self, rate: float, items: float, seed: int) -> None:
        figures["steps"] += 1
        self.weather, self.rate = random.Random(seed), rate
        self.world.graph.faults.clear()
        if items:
            self.world.graph.faults.randomly(items, seed, ITEM_FAULTS, retry_after=0.01)

    @rule(how=st.sampled_from(["up", "up", "down", "refuses", "gone", "loses answers"]))
    def the_lms_is(self, how: str) -> None:
        figures["steps"] += 1
        self.world.lms.faults.clear()
        match how:
            case "down":
                self.world.lms.faults.add("unavailable", times=None)
            case "refuses":
                self.world.lms.faults.add("answer", status=422, times=None)
                self.world.parked = True
            case "gone":
                self.world.lms.faults.add("answer", status=410, times=2)
                self.world.parked = True
            case "loses answers":
                self.world.lms.faults.add("drop_after", times=3)

    @rule(how=st.sampled_from(["fine", "fine", "no answer", "AADSTS7000229", "AADSTS7000222"]))
    def entra_is(self, how: str) -> None:
        figures["steps"] += 1
        self.world.tokens_fail = {
            "fine": None,
            "no answer": Broken("entra", "no_answer"),
        }.get(how, NotAllowed("entra", how))

    @rule(
        who=st.integers(0, 1),
        how=st.sampled_from(["ok", "ok", "missing", "denied", "failing", "no teams", "no policy"]),
    )
    def a_mailbox_is(self, who: int, how: str) -> None:
        figures["steps"] += 1
        user = self.world.graph.user(OWNERS[who]["email"])
        user.teams = how != "no teams"
        if how == "no policy":
            self.world.graph.revoke_policy(user)
        else:
            self.world.graph.grant_policy(user)
        user.mailbox = how if how in ("missing", "denied", "failing") else "ok"  # type: ignore[assignment]

    @rule(
        which=st.integers(0, 5),
        guests=st.integers(0, 2),
        tutor=st.booleans(),
        learner=st.booleans(),
        minutes=st.integers(1, 70),
    )
    def a_meeting_is_held(
        self, which: int, guests: int, tutor: bool, learner: bool, minutes: int
    ) -> None:
        """At its time: the clock goes to its end."""
        world = self.world
        events = [e for e in self._events() if e.meeting]
        if not events:
            return
        figures["steps"] += 1
        event = events[which % len(events)]
        people: list[Any] = [({"guest": f"G{n}"}, [(1, minutes)]) for n in range(guests)]
        if tutor:
            people.append((event.user.upn, [(0, minutes)]))
        if learner and event.attendees:
            known = {"foreign": "L", "email": event.attendees[0].address}
            people.append((known, [(0, minutes / 2), (minutes / 3, minutes)]))
        world.clock.set(event.end + timedelta(hours=1), frozen=True)
        if people and is_live(event):
            world.graph.attendance.hold(event, people)

    # -- what must hold --------------------------------------------------------------------

    @invariant()
    def nothing_is_broken(self) -> None:
        if not hasattr(self, "world"):
            return
        self._note_what_may_be()
        broken = broken_now(self.world)
        assert not broken, "\n".join([*broken, "", *self.world.story()])

    def _note_what_may_be(self) -> None:
        world = self.world
        for name in world.lms.tenants[TENANT].components:
            record = record_of(world, name)
            if record is None:
                continue
            world.parked |= any(event.parked for event in record.queue)
            known = record.booking.event_id if record.booking else ""
            made = ours(world).get(record.key, [])
            left = {e for e in made if e.immutable_id != known and is_live(e)}
            if any(flag.value == "old_event_may_remain" for flag in record.flags):
                world.may_remain |= left
            elif not record.intent:
                # Gone with its mailbox, which counts as cancelled; should that come back, it does.
                world.may_remain |= {e for e in left if e.user.mailbox == "missing"}

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        self.weather, world.tokens_fail = None, None
        world.graph.faults.clear()
        world.lms.faults.clear()
        for owner in OWNERS:
            user = world.graph.user(owner["email"])
            user.mailbox, user.teams = "ok", True
            world.graph.grant_policy(user)
        world.graph.switches.concurrent_save_every = 0
        world.restart()
        world.change_tenant(mode="live", enabled=True)
        self._rotated(world.ask("rotate"))  # for one whose answer was lost
        for delivery in self.held:
            self._send(delivery)
        for name in list(world.lms.tenants[TENANT].components):
            self._send(world.put(name))
        come_to_rest(world)
        world.ask("release")
        for name in world.lms.tenants[TENANT].components:
            world.ask("redeliver", name)
        come_to_rest(world, nights=2)
        self._note_what_may_be()
        broken = broken_at_rest(world)
        self._count()
        assert not broken, "\n".join([*broken, "", *world.story()])

    def _count(self) -> None:
        """What the histories came to: ones in which nothing happens prove nothing."""
        world = self.world
        figures["graph requests"] += world.graph.journal.metered
        figures["events made"] += len([e for e in world.graph.events.values() if e.is_organizer])
        for component in world.lms.tenants[TENANT].components.values():
            figures["hours posted"] += len(component.notes)
            figures["events told"] += len(world.told(component.id))
            with contextlib.suppress(*NOT_NOW):
                figures[f"end {world.show(component.id)['state']}"] += 1


AT_ONCE = settings(
    max_examples=50,
    stateful_step_count=40,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def campaign(until: float, first: int) -> Counter[str]:
    """Histories, fifty to a seed, until the (monotonic) time is over or one is broken: the shortest
    like it is printed."""
    figures.clear()
    now = first
    while time.monotonic() < until and not figures["violations"]:
        try:
            run_state_machine_as_test(seed(now)(Histories), settings=AT_ONCE)
        except Exception as broken:  # noqa: BLE001 - whatever it is, it is the finding
            print(f"seed {now}:", *traceback.format_exception_only(broken), sep="\n")
            figures["violations"] += 1
        now += 1
    return figures
