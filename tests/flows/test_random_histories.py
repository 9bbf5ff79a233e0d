"""Random histories of both sides, which must always end with both sides equal.

A history is a seeded list of acts: the LMS saves (its webhooks arrive late, twice, in any order),
the tutor edits, sweeps and catch-ups run, notifications are lost, doubled and late, processes end,
time passes, calls fail or meet a world that changes while they are under way. Then everything that
is under way arrives, a few runs follow, and what the law promises at rest must hold. Nothing here
runs in a thread of its own, so a seed is the same history each time; one that fails prints it.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from component_http import operate
from shared import hints
from shared.brake import ROW, Brake
from shared.keys import component_key, partition
from shared.model import ComponentId
from shared.record import Record
from shared.table import rows
from tests.flows.world import ENTRA, HERE, LEARNER, TENANT, TUTOR, Letterbox, World
from tests.simulators import webhooks
from tests.simulators.graph.model import Event
from tests.simulators.lms.model import Component
from tests.simulators.lms.outbox import Delivery
from tests.simulators.lms.simulator import LmsSimulator

OTHER = {"email": "other@college.example", "name": "O. Ther"}
SECOND = {"email": "second@work.example", "name": "S. Econd"}
NAMES = ("C-1", "C-2", "C-3")
FIRST_DAY = datetime(2026, 4, 28, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SWITCHES = [
    ("if_match", "ignored"),
    ("after_cancel", "flagged"),
    ("marker_filter_with_start", "refused"),
    ("marker_filter_with_orderby", "refused"),
    ("marker_index_lag_s", 600.0),
    ("events_lists", "default_calendar"),
    ("transaction_ids", "ignored"),
    ("duplicate_transaction_status", 409),
    ("copies_carry_marker", True),
    ("join_url_after_reads", 1),
]


class HoldingLms(LmsSimulator):
    """Every webhook waits until the history lets it go."""

    def _send(
        self, account: Any, kind: str, data: Any, *, path: str = "", held: bool = False
    ) -> Delivery:
        del held
        return super()._send(account, kind, data, path=path, held=True)


class StillWorld(World):
    """A world in which nothing happens by itself."""

    lms_kind = HoldingLms

    def __init__(self, seed: int) -> None:
        super().__init__(reachable=seed % 3 != 0)
        self.letterbox = Letterbox(self)
        self.graph.subscriptions.notifier = self.letterbox
        self.graph.add_user(ENTRA, OTHER["email"])
        self.change_tenant(windowDays=60)

    def settle_mail(self) -> None:
        """Webhooks go when the history says so."""


class History:
    """One seeded history: acts, and what must be true at its end."""

    def __init__(self, seed: int, *, seen: bool) -> None:
        self.die = random.Random(seed)
        self.world = StillWorld(seed)
        self.world.lms.tenants[TENANT].sends_seen = seen
        self.seen = seen
        self.told: list[str] = []
        self.slots = 0
        self.words = 0
        self.guests: dict[str, set[str]] = {}
        self.delivered: list[Delivery] = []
        switches = {name: value for name, value in SWITCHES if self.die.random() < 0.2}
        if "transaction_ids" in switches:
            # A second event that the tutor puts where no list reaches is beyond anybody's reach.
            switches.pop("events_lists", None)
        self.note("switches", switches)
        self.world.graph.set_switches(**switches)
        for name in NAMES[: self.die.randint(1, 3)]:
            self.lms_saves(name, owner=TUTOR, learner=LEARNER, name="First", **self.a_slot())

    # -- what may happen -------------------------------------------------------------------

    def play(self, acts: int) -> None:
        choices = [
            (self.lms_edits, 6),
            (self.a_webhook_arrives, 9),
            (self.the_tutor_edits, 8),
            (self.a_sweep, 4),
            (self.a_catch_up, 5),
            (self.notifications_arrive, 4),
            (self.time_passes, 3),
            (self.a_restart, 1),
            (self.a_call_goes_wrong, 2),
            (self.the_lms_is_down, 1),
            (self.the_lms_is_up, 2),
            (self.a_whole_list, 1),
        ]
        kinds, weights = zip(*choices, strict=True)
        for act in self.die.choices(kinds, weights, k=acts):
            act()

    def note(self, *what: object) -> None:
        self.told.append(f"{len(self.told):3} {' '.join(map(str, what))}")

    def a_slot(self) -> dict[str, str]:
        """A slot that nobody has used: else "repeats the old start" would be a matter of luck."""
        self.slots += 1
        start = FIRST_DAY + self.slots * HOUR
        return {"start": start.isoformat(), "end": (start + HOUR).isoformat()}

    def a_component(self) -> Component:
        return self.die.choice(list(self.world.lms.tenants[TENANT].components.values()))

    def lms_saves(self, component: str, **fields: Any) -> None:
        """Now and then without a webhook: it is lost, and a list heals that."""
        known = component in self.world.lms.tenants[TENANT].components
        if known and self.die.random() < 0.05:
            self.note("LMS saves", component, fields, "and the webhook is lost")
            self.world.lms.put_silently(TENANT, component, **fields)
            return
        self.note("LMS saves", component, fields)
        self.world.lms.save(TENANT, component, **fields)

    def a_whole_list(self) -> None:
        self.note("LMS sends the whole list")
        self.world.lms.send_list(TENANT)

    def lms_edits(self) -> None:
        one = self.a_component()
        self.words += 1
        word = f"W{self.words}"
        used = list(self.world.lms.events(TENANT, one.id))
        old = [e["data"] for e in used if "start" in e["data"]]
        edits: list[dict[str, Any]] = [
            self.a_slot(),
            self.a_slot(),
            {"name": word},
            {"name": word},
            {"description": word},
            {"plannedMinutes": self.words},
            {"cancelled": not one.cancelled},
            {"cancelled": False, **self.a_slot()},
            {"owner": OTHER if one.owner == TUTOR else TUTOR},
            {"learner": SECOND if one.learner == LEARNER else LEARNER},
            {"meetOnline": not one.meet_online},
        ]
        if old:
            back = self.die.choice(old)
            edits.append({"start": back["start"], "end": back["end"]})
        if self.die.random() < 0.05:
            self.note("LMS deletes", one.id)
            self.world.lms.delete(TENANT, one.id)
            return
        self.lms_saves(one.id, **self.die.choice(edits))

    def a_webhook_arrives(self) -> None:
        """One that is under way, mostly the oldest; or one that had arrived before, again."""
        waiting = [d for d in self.world.lms.outbox.deliveries if d.state == "held"]
        if self.delivered and self.die.random() < 0.1:
            self.deliver(self.die.choice(self.delivered))
        elif waiting:
            late = self.die.random() < 0.4
            self.deliver(self.die.choice(waiting) if late else waiting[0])

    def deliver(self, delivery: Delivery) -> None:
        world, tenant = self.world, self.world.lms.tenants[TENANT]
        signed = webhooks.sign(tenant.inbound_secrets, delivery.id, world.clock(), delivery.body)
        headers = {"content-type": "application/json", **signed}
        posted = world.lms.outbox.post(tenant.api + delivery.path, delivery.body, headers, 10.0)
        revision = delivery.body.decode().partition('"revision":')[2].partition(",")[0]
        self.note("webhook arrives, revision", revision.strip("}"), "->", posted.status)
        assert posted.status in (200, 202), posted.text
        delivery.state = "delivered"
        self.delivered.append(delivery)

    def the_tutor_edits(self) -> None:
        events = self.world.events()
        if events:
            self.edit(self.die.choice(events))

    def edit(self, event: Event) -> None:
        tutor = self.world.graph.tutor
        self.words += 1
        word = f"T{self.words}"
        kind = self.die.choice(
            ["moves", "moves", "moves", "cancels", "flags", "deletes", "retitles", "adds",
             "removes", "calendar", "declines", "back"]
        )  # fmt: skip
        self.note("tutor", kind, event.key)
        match kind:
            case "moves":
                slot = self.a_slot()
                self.told[-1] += f" to {slot['start']}"
                tutor.moves(event, slot["start"], slot["end"])
            case "back" if self.seen:  # without `seen` nobody can tell which move was answered
                tutor.moves(event, FIRST_DAY + HOUR, FIRST_DAY + 2 * HOUR)
            case "cancels":
                tutor.cancels(event)
            case "flags":
                tutor.cancels(event, leaves="flagged")
            case "deletes":
                tutor.deletes(event)
            case "retitles":
                tutor.retitles(event, word)
            case "adds":
                tutor.adds_attendee(event, f"{word}@else.example")
                self.guests.setdefault(event.key, set()).add(f"{word}@else.example")
            case "removes" if event.attendees:
                gone = self.die.choice(event.attendees).address
                tutor.removes_attendee(event, gone)
                self.guests.get(event.key, set()).discard(gone)
            case "calendar" if event.calendar.is_default:
                tutor.moves_to_calendar(event)
            case "declines" if event.attendees:
                tutor.attendee_responds(event, self.die.choice(event.attendees).address)

    def a_sweep(self) -> None:
        self.note("sweep")
        self.note("sweep ->", self.world.sweep())

    def a_catch_up(self) -> None:
        self.note("catch-up")
        self.note("catch-up ->", self.world.catch_up())

    def notifications_arrive(self) -> None:
        """Some of those that wait, in any order; some are lost, some come again."""
        box = self.world.letterbox
        self.die.shuffle(box.letters)
        now, box.letters = box.letters[:5], box.letters[5:]
        kept = [one for one in now if self.die.random() > 0.15]
        box.letters += [one for one in now if self.die.random() < 0.1]
        if kept:
            self.note("notifications", [one.get("changeType") for one in kept])
            body = json.dumps({"value": kept}).encode()
            url = f"{HERE}/api/graph/notifications"
            assert box.post(url, body, {"content-type": "application/json"}, 3.0).status == 202

    def time_passes(self) -> None:
        minutes = self.die.choice([1, 2, 5, 15, 60])
        self.note(minutes, "minutes pass")
        self.world.pass_(minutes=minutes)

    def a_restart(self) -> None:
        self.note("restart")
        self.world.restart()

    def a_call_goes_wrong(self) -> None:
        """One of the next calls is lost, fails, or meets a tutor who edits at that moment."""
        effect = self.die.choice(
            ["drop", "drop_after", "unavailable", "timeout_after", "precondition", "call", "call"]
        )
        method = self.die.choice(["GET", "POST", "PATCH"])
        self.note("a", method, "will", effect)
        how: dict[str, Any] = {"method": method, "path": "/events", "nth": self.die.randint(1, 2)}
        if effect == "call":
            how["action"] = self.the_tutor_edits
        self.world.graph.faults.add(effect, **how)  # type: ignore[arg-type]

    def the_lms_is_down(self) -> None:
        effect = self.die.choice(["unavailable", "drop", "drop_after"])
        self.note("the LMS will", effect)
        times = self.die.choice([1, 2, None])
        self.world.lms.faults.add(effect, times=times)  # type: ignore[arg-type]

    def the_lms_is_up(self) -> None:
        self.world.lms.faults.clear()

    # -- coming to rest --------------------------------------------------------------------

    def come_to_rest(self) -> None:
        """Whatever is under way arrives, and the runs of half a day follow."""
        world = self.world
        self.note("-- coming to rest --")
        world.graph.faults.clear()
        world.lms.faults.clear()
        self.a_whole_list()
        for _ in range(14):
            held = [d for d in world.lms.outbox.deliveries if d.state == "held"]
            for delivery in held:
                self.deliver(delivery)
            world.pass_(minutes=65)
            self.a_sweep()
            self.a_catch_up()
            brake = world.ports.store.read(partition(world.tenant), ROW, Brake)
            if brake and brake.value.pulled_at:
                self.note("release")
                operate.release(world.ports, TENANT, b"")
            if not held and not self.is_under_way():
                return
        raise AssertionError(f"never at rest: {self.is_under_way()}")

    def is_under_way(self) -> list[str]:
        world = self.world
        waiting = [d.id for d in world.lms.outbox.deliveries if d.state == "held"]
        waiting += [row.key for row in rows(world.table, hints.HINTS, "", "\x7f")]
        return waiting

    # -- what must be true -----------------------------------------------------------------

    def record(self, name: str) -> Record:
        key = component_key(ComponentId(name))
        stored = self.world.ports.store.get(self.world.tenant, key)
        assert stored
        return stored.record

    def check(self) -> None:
        for task in self.world.lms.tenants[TENANT].components.values():
            self.check_component(task)
            self.check_told(task.id)
        self.check_still()

    def check_component(self, task: Component) -> None:
        record = self.record(task.id)
        events = [e for e in self.world.events() if f"/{task.id}/" in str(e.properties.values())]
        assert record.saved.revision == task.revision
        wanted = bool(task.meet_online) and not task.cancelled and not task.deleted
        assert record.wants_meeting == wanted, "both sides agree on whether there is a meeting"
        if not wanted:
            assert events == []
            return
        (event,) = events
        booking = record.booking
        assert booking
        assert record.slot
        assert (event.start, event.end) == (task.start, task.end), "one time on both sides"
        assert (record.slot.start, booking.slot.start) == (event.start, event.start)
        assert event.subject == task.name
        assert event.user.upn == task.owner["email"]
        assert event.join_url == booking.join_url == task.join_url
        assert event.immutable_id == booking.event_id
        invited = {a.address for a in event.attendees}
        guests = self.guests.get(event.key, set())
        if self.world.graph.switches.if_match == "ignored":
            # One added between our read and our write of the attendees is lost unseen.
            guests &= invited
        assert invited == {task.learner["email"]} | guests
        assert record.problem is None
        assert record.intent is None
        assert record.queue == ()

    def check_told(self, name: str) -> None:
        """Each change once: nothing is told a second time under another id."""
        events = self.world.lms.events(TENANT, name)
        assert [e["data"]["sequence"] for e in events] == list(range(1, len(events) + 1))
        last: tuple[Any, ...] = ()
        for event in events:
            data = event["data"]
            said: tuple[Any, ...] = (
                event["type"],
                data.get("start"),
                data.get("joinUrl"),
                data.get("code"),
            )
            if event["type"] in ("meeting.rescheduled", "meeting.cancelled"):
                said = (*said, data["revision"])  # the LMS may have moved or revived it in between
            assert said != last, f"told twice: {said}"
            last = said

    def check_still(self) -> None:
        """Further runs do nothing at all."""
        world = self.world
        before = (world.writes(), len(world.lms.received), self.revisions())
        for _ in range(2):
            world.sweep()
            world.pass_(minutes=2)
            world.catch_up()
        assert (world.writes(), len(world.lms.received), self.revisions()) == before

    def revisions(self) -> list[int]:
        return [one.revision for one in self.world.lms.tenants[TENANT].components.values()]


def run(seed: int, *, seen: bool, acts: int = 30) -> History:
    history = History(seed, seen=seen)
    try:
        history.play(acts)
        history.come_to_rest()
        history.check()
    except Exception as error:
        told = "\n".join(history.told)
        error.add_note(f"seed {seed}, seen={seen}\n{told}")
        raise
    return history


@pytest.mark.parametrize("seen", [False, True], ids=["without seen", "with seen"])
@pytest.mark.parametrize("tens", range(10))
def test_both_sides_end_equal(tens: int, seen: bool) -> None:
    for seed in range(tens * 10, tens * 10 + 10):
        run(seed, seen=seen)
