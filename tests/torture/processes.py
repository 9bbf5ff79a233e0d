"""Real processes killed at random: two hosts of the shipped app, and the storage they share.

Both serve one deployment: the LMS's webhooks and Graph's notices reach either, and timers fire on
both at once. The neighbours answer over https from this process, where the LMS and tutors act
meanwhile. A round is a day and a night of one world, each stormy and then at rest; what must hold
then is what `promises` says of any world, and what both hosts answer.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import requests
from azure.data.tables import TableClient

from shared import runs
from shared.config import Settings
from shared.model import fold
from shared.table import _row
from shared.wiring import make_ports
from tests.fakes import MemoryTable
from tests.local.azurite import Azurite
from tests.local.children import free_port
from tests.local.hosting import LocalHost
from tests.local.world import SIGNING_KEY
from tests.simulators.clock import SimClock
from tests.simulators.faults import Effect
from tests.simulators.graph.model import Event
from tests.simulators.lms.model import Component
from tests.simulators.posting import Posted, Poster
from tests.simulators.serve import Simulators
from tests.torture.gate import Gate
from tests.torture.promises import broken_at_rest, is_live, marker_of, ours, record_of
from tests.torture.rest import come_to_rest

MORNING = datetime(2026, 4, 25, 8, 0, tzinfo=UTC)
EVENING = datetime(2026, 4, 25, 22, 0, tzinfo=UTC)
NIGHT = datetime(2026, 4, 26, 2, 30, tzinfo=UTC)
TENANTS = ("northern", "southern")
TONIGHT = ("T-0", "T-1", "T-2")
"""Held this evening; renamed meanwhile, but neither moved nor handed over."""
AHEAD = ("A-0", "A-1", "A-2", "A-3", "A-4", "A-5")
HOURS_AHEAD = (54, 60, 77.5, 100, 118, 122, 150)
"""Far enough for an owner's event to be cancelled once everything works again; the last ones come
into the window tonight or later."""
FUNCTIONS = {"sweep": "schedule_timer", "catch_up": "catch_up_timer", "night": "attendance_timer"}
GRAPH_FAULTS: tuple[Effect, ...] = (
    "drop", "drop_after", "timeout_after", "throttle", "unavailable", "unauthorized",
    "precondition", "conflict",
)  # fmt: skip
LMS_FAULTS: tuple[Effect, ...] = ("drop", "drop_after", "timeout_after", "unavailable", "throttle")
ANSWERS = (0, 200, 202, 503)
"""What a webhook may be answered; 0: the host was killed, or not there."""
NOBODY = "Failed to establish"
"""How it shows that a host was not there at all."""
LAWFUL = ("failed: Unavailable", "failed: output not sent")
"""Why a run may fail: the tables, or the queues, are not there."""
BACKLOG = 20
"""So many webhooks may wait before the LMS's people pause, however slow this machine is."""
IMPATIENT_S = (0.3, 0.6, 1.0)
"""How long the LMS pauses, so that many webhooks meet a kill."""

Act = Callable[[random.Random], None]


class Processes:
    """One deployment and its neighbours, from `start` to `stop`.

    See `world.TortureWorld` for the attributes that the promises look at.
    """

    def __init__(self, folder: Path, seed: str, figures: Counter[str]) -> None:
        self.die = random.Random(seed)
        self.figures = figures
        self.troubles: list[str] = []
        self.clock = SimClock()
        self.clock.set(MORNING)
        self.simulators = Simulators(folder, clock=self.clock, seed=self.die.randrange(1000))
        self.graph, self.lms = self.simulators.graph, self.simulators.lms
        self.azurite = Azurite(
            queues=self.die.random() < 0.25, location=folder / "azurite", durable=True, logs=folder
        )
        self.hosts = [
            LocalHost({}, port=free_port(), log=folder / f"host-{n}.log") for n in range(2)
        ]
        self.processes: Sequence[Gate] = ()
        self.planted: set[Event] = set()
        self.may_remain: set[Event] = set()
        self.guests: dict[str, set[str]] = {}
        self.unsent: set[str] = set()
        self.parked = self.restored = False
        self._memory: MemoryTable | None = None
        self._turns = itertools.cycle(self.hosts)
        self._seed = seed
        self._acts: list[str] = []

    # -- coming and going ------------------------------------------------------------------

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Start all of it, and stop it at the end of the block; a failure shows the logs' ends."""
        try:
            self._start()
            yield self
        except Exception as error:
            error.add_note("\n".join([*self._acts[-20:], *self._last_words()]))
            raise
        finally:
            for host in self.hosts:
                host.stop()
            self.azurite.kill()
            self.simulators.stop()

    def _start(self) -> None:
        self.azurite.start()
        self.simulators.start()
        for host in self.hosts:
            host.env = self._settings()
            host.spawn(clock=self.clock())
        for host in self.hosts:
            host.wait()
        self.looking = self.ports = replace(
            make_ports(Settings.from_env(self._settings())), clock=self.clock
        )
        self.lms.outbox.pauses_s = IMPATIENT_S
        self.lms.outbox.post = self._to_any(self.lms.outbox.post)
        notifier = self.graph.subscriptions.notifier
        notifier.post = self._to_any(notifier.post)
        for tenant in TENANTS:
            self._connect(tenant)

    def _last_words(self) -> Iterator[str]:
        for host in self.hosts:
            yield from ("--- a host", *host.log_text().splitlines()[-40:])

    def _settings(self) -> dict[str, str]:
        queues = {}
        if self.azurite.queue_port:
            queues["WORK_QUEUE__queueServiceUri"] = self.azurite.queue_endpoint
        return {
            **self.simulators.environment(),
            **queues,
            "STATE_CONNECTION_STRING": self.azurite.connection_string,
            "CONNECTOR_CLIENT_SECRET": self.simulators.credentials.client_secret,
            "SIGNING_KEY": SIGNING_KEY,
            "PUBLIC_BASE_URL": self.hosts[0].url,
            "NO_PROXY": "127.0.0.1",
        }

    def _to_any(self, post: Poster) -> Poster:
        """Whichever host, as behind a balancer: another one where nobody listens."""

        def to_any(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Posted:
            answer = Posted(0, {}, NOBODY)
            for host in self.die.sample(self.hosts, 2):
                if NOBODY in answer.text:
                    there = url.replace(self.hosts[0].url, host.url)
                    answer = post(there, body, headers, timeout_s)
            return answer

        return to_any

    def _connect(self, tenant: str) -> None:
        entra = f"8f0c0000-0000-4000-8000-{TENANTS.index(tenant):012}"
        self.simulators.add_tenant(entra)
        for person in self._owners(tenant):
            self.graph.add_user(entra, person["email"])
        made = self.ask(
            "PUT",
            f"/tenants/{tenant}",
            {
                "name": tenant,
                "entraTenantId": entra,
                "timeZone": "Europe/London",
                "callbackUrl": self.simulators.callback_url(tenant),
                "changeNotifications": True,
            },
        )
        self.lms.configure(tenant, self.hosts[0].url, made["inboundSecret"], made["outboundSecret"])

    @staticmethod
    def _owners(tenant: str) -> list[dict[str, str]]:
        return [{"email": f"tutor{n}@{tenant}.example", "name": f"Tutor {n}"} for n in range(2)]

    # -- a world at rest -------------------------------------------------------------------

    def ask(
        self, method: str, path: str, body: object = None, host: LocalHost | None = None
    ) -> dict[str, Any]:
        """A call to a host's own API, the next one's unless told."""
        url = f"{(host or next(self._turns)).url}/api{path}"
        answer = requests.request(method, url, json=body, timeout=60)
        answer.raise_for_status()
        content: dict[str, Any] = answer.json()
        return content

    def run(self, what: str) -> bool:
        """One run to its end, on one host after the other; Graph's notices and webhooks too."""
        self.graph.subscriptions.notifier.flush()
        went = next(self._turns).run(FUNCTIONS[what])
        if not went:
            self.troubles.append(f"{what} failed though nothing else does")
        self.lms.outbox.drain()
        self._memory = None
        return went

    def pass_(self, **time: float) -> None:
        self._go_to(self.clock() + timedelta(**time))

    def _go_to(self, now: datetime) -> None:
        self.clock.set(now)
        for host in self.hosts:
            host.set_clock(now)

    @property
    def memory(self) -> MemoryTable:
        if self._memory is None:
            self._memory = MemoryTable()
            settings = self.ports.settings
            name = f"{settings.state_table_prefix}state"
            with TableClient.from_connection_string(settings.state_connection_string, name) as all_:
                for entity in all_.list_entities():
                    place = entity["PartitionKey"], entity["RowKey"]
                    self._memory._rows[place] = _row(entity)
        return self._memory

    def rows(self, *without: str) -> dict[tuple[str, str], str]:
        """Every row's text, but for partitions named, and what a run's pieces note for it."""
        self._memory = None
        return {
            place: row.text + row.etag
            for place, row in self.memory._rows.items()
            if place[0] not in (*without, runs.PROGRESS)
        }

    def writes(self) -> list[str]:
        return [
            f"{entry.method} {entry.kind}"
            for entry in self.graph.journal.entries
            if entry.method != "GET" and entry.kind != "batch"
        ]

    # -- a storm ---------------------------------------------------------------------------

    def storm(self, kills: int, acts: Mapping[str, tuple[Act, float]]) -> None:
        """*acts*, each in a thread that pauses about so long in between, while this one kills so
        often, and in the end both hosts.

        Children end with the thread that starts them, so that is the caller's.
        """
        die = self.die
        self.graph.faults.randomly(die.uniform(0.05, 0.15), die.randrange(1000), GRAPH_FAULTS)
        self.lms.faults.randomly(0.25, die.randrange(1000), LMS_FAULTS)
        victims: list[LocalHost | Azurite] = [*self.hosts, self.azurite]
        over = threading.Event()
        threads = [
            threading.Thread(target=self._keep, args=(name, *act, over), name=name, daemon=True)
            for name, act in acts.items()
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in range(kills):
                if die.random() < 0.15:
                    self._time_passes()
                self._kill(die.choice(victims))
        finally:
            over.set()
            for thread in threads:
                thread.join()
        for host in self.hosts:
            self._kill(host)  # what they remember shall not help to put things right
        self._calm()

    def _keep(self, name: str, act: Act, pause_s: float, over: threading.Event) -> None:
        die = random.Random(f"{self._seed} {name} {self.clock():%d}")
        while not over.wait(die.uniform(0, 2 * pause_s)):
            try:
                act(die)
            except Exception:  # noqa: BLE001 - in a thread nobody else would hear of it
                self.troubles.append(f"{name}: {traceback.format_exc()}")
                return

    def _kill(self, victim: LocalHost | Azurite) -> None:
        """At any moment, and start it again at once; now and then before it serves."""
        name = "Azurite" if isinstance(victim, Azurite) else "hosts"
        if isinstance(victim, LocalHost) and self.die.random() < 0.9:
            victim.wait()
        self._a_moment_passes()
        victim.kill()
        self.figures[f"kills of {name}"] += 1
        self._note(f"killed {name}")
        if isinstance(victim, LocalHost):
            victim.spawn(clock=self.clock())
        else:
            victim.start()

    def _a_moment_passes(self) -> None:
        """Until Graph was asked a few times more, so that somebody is in the middle of something
        however slow this machine is; not for ever."""
        asked = len(self.graph.journal.entries) + self.die.randrange(1, 12)
        end = time.monotonic() + 3
        while len(self.graph.journal.entries) < asked and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(self.die.uniform(0, 0.04))

    def _time_passes(self) -> None:
        """Claims lapse and hints come due; less than a signature's tolerance."""
        for host in self.hosts:
            host.wait()
        self.pass_(minutes=self.die.uniform(0.5, 3))

    def _calm(self) -> None:
        """Both hosts are up for good, then nothing fails any more, and every webhook is sent."""
        for host in self.hosts:
            host.wait()
        self.pass_(seconds=1)  # for whoever's start took that long
        self.lms.outbox.release_held()
        self.lms.outbox.drain(20)
        self.graph.faults.clear()
        self.lms.faults.clear()
        for _ in range(20):
            if self.lms.outbox.drain() and not self.lms.outbox.waiting():
                return
            self.pass_(seconds=31)  # a Retry-After may have been given
            time.sleep(0.1)
        self.troubles.append("the LMS's webhooks do not come to an end")

    def _note(self, what: str) -> None:
        self._acts.append(f"{self.clock():%d %H:%M:%S.%f} {what}")

    # -- what people and timers do ---------------------------------------------------------

    def the_lms_saves(self, die: random.Random) -> None:
        """Anything that an LMS may save; now and then late, twice, or of old."""
        tenant, lms = die.choice(TENANTS), self.lms
        if lms.outbox.waiting() > BACKLOG:
            return
        name = die.choice([*TONIGHT, *AHEAD, *AHEAD])
        if name not in lms.tenants[tenant].components:
            change = self.new(tenant, name, die)
        else:
            change = self._change(tenant, name, die)
        delivery = lms.save(tenant, name, held=die.random() < 0.1, **change)
        self._note(f"the LMS saves {tenant} {name} {sorted(change)} {delivery.id}")
        match die.choice(["twice", "again", "late", *[""] * 5]):
            case "twice":
                lms.repeat(tenant, name)
            case "again":
                with lms.lock:
                    gone = [one for one in lms.outbox.deliveries if one.state == "delivered"]
                if gone:
                    lms.outbox.release(die.choice(gone))
            case "late":
                lms.outbox.release_held()

    def new(self, tenant: str, name: str, die: random.Random) -> dict[str, Any]:
        """A component's first save."""
        if name in TONIGHT:
            start = MORNING + timedelta(hours=11 + TONIGHT.index(name) / 2)
        else:
            start = MORNING + timedelta(hours=die.choice(HOURS_AHEAD))
        return {
            "name": f"Workshop {name}",
            "description": "Bring last month's log.",
            "owner": die.choice(self._owners(tenant)),
            "learner": {"email": f"{name.lower()}@work.example", "name": "L. Earner"},
            "start": start,
            "end": start + timedelta(minutes=30),
        }

    def _change(self, tenant: str, name: str, die: random.Random) -> dict[str, Any]:
        named: dict[str, Any] = {"name": f"Workshop {name}, {die.randrange(100)}"}
        if name in TONIGHT:
            return named
        start = MORNING + timedelta(hours=die.choice(HOURS_AHEAD))
        moved = {"start": start, "end": start + timedelta(minutes=die.choice([30, 45]))}
        manager = {"email": f"manager@{tenant}.example", "name": "M. Anager"}
        changes: list[dict[str, Any]] = [
            named, moved, moved, {"cancelled": True}, {"cancelled": False}, {"cancelled": False},
            {"description": f"Bring {die.randrange(9)} pens."},
            {"owner": die.choice(self._owners(tenant))},
            {"kind": "review", "employerCanView": die.random() < 0.5, "manager": manager},
            {"meetOnline": die.random() < 0.7}, {**moved, **named, "cancelled": False},
        ]  # fmt: skip
        return die.choice(changes)

    def the_lms_deletes(self, die: random.Random) -> None:
        tenant = die.choice(TENANTS)
        if (name := die.choice(AHEAD)) in self.lms.tenants[tenant].components:
            self._note(f"the LMS deletes {tenant} {name}")
            self.lms.delete(tenant, name)

    def a_tutor_acts(self, die: random.Random) -> None:
        tomorrow, tutor = self.clock() + timedelta(hours=24), self.graph.tutor
        with self.graph.lock:
            events = [e for e in self.graph.live_events() if e.start > tomorrow and marker_of(e)]
            if not events:
                return
            event, what = die.choice(events), die.choice(["moves", "moves", "invites", "ends"])
            self.figures["tutors' acts"] += 1
            self._note(f"a tutor {what} {event.key} {marker_of(event)}")
            guest = f"guest{die.randrange(3)}@elsewhere.example"
            match what:
                case "moves":
                    tutor.moves(event, MORNING + timedelta(hours=die.choice(HOURS_AHEAD) + 0.25))
                case "ends" if die.random() < 0.5:
                    tutor.cancels(event)
                case "ends":
                    tutor.deletes(event)
                case _ if guest not in [a.address for a in event.attendees]:
                    self.guests.setdefault(event.key, set()).add(guest)
                    tutor.adds_attendee(event, guest)

    def timers_fire(self, die: random.Random, names: Sequence[str] = ("sweep", "catch_up")) -> None:
        """The same one on both hosts at once."""
        what = die.choice(names)
        self._note(what)
        for host in self.hosts:
            with contextlib.suppress(requests.RequestException):
                host.run(FUNCTIONS[what], wait=False)
                self.figures["runs on two hosts at once"] += 1

    def somebody_asks(self, die: random.Random) -> None:
        """An operator's calls; refused or cut off, they are not repeated."""
        act = die.choice(["resync", "redeliver", "reverify"])
        path = f"/tenants/{die.choice(TENANTS)}/components/{die.choice(TONIGHT + AHEAD)}/{act}"
        with contextlib.suppress(requests.RequestException):
            self.ask("POST", path, {}, die.choice(self.hosts))

    def meetings_are_held(self) -> None:
        """Tonight's, by whoever comes."""
        with self.graph.lock:
            for event in self.graph.live_events():
                if marker_of(event) and event.start < self.clock() and event.meeting:
                    here: list[Any] = (
                        [(event.user.upn, [(0, 30)])] if self.die.random() < 0.9 else []
                    )
                    known = {"foreign": "L", "email": event.attendees[0].address}
                    if self.die.random() < 0.8:
                        here.append((known, [(0, 15), (10, self.die.randrange(16, 30))]))
                    here += [({"guest": "G"}, [(5, 25)])] * self.die.choice([0, 0, 1])
                    if here:
                        self.graph.attendance.hold(event, here)
                        self.figures["meetings held"] += 1

    # -- a round ---------------------------------------------------------------------------

    def day(self, kills: int) -> None:
        """People at work, and hosts dying, until all is at rest again."""
        for tenant, name in itertools.product(TENANTS, TONIGHT):
            self.lms.save(tenant, name, **self.new(tenant, name, self.die))
        saves = {f"LMS {n}": (self.the_lms_saves, 0.25) for n in range(2)}
        self.storm(
            kills,
            {
                **saves,
                "deletions": (self.the_lms_deletes, 1.0),
                "tutors": (self.a_tutor_acts, 0.15),
                "timers": (self.timers_fire, 0.4),
                "operator": (self.somebody_asks, 0.5),
            },
        )
        self.rest()

    def night(self, kills: int) -> None:
        """The evening's meetings, verified while hosts die; two more nights to look again."""
        self._go_to(EVENING)
        self.meetings_are_held()
        self._go_to(NIGHT)
        runs_ = ("night", "night", "sweep", "catch_up")
        self.storm(
            kills,
            {
                "LMS": (self.the_lms_saves, 0.3),
                "timers": (lambda die: self.timers_fire(die, runs_), 0.3),
                "operator": (self.somebody_asks, 0.3),
            },
        )
        self.rest(nights=2)

    def rest(self, nights: int = 0) -> None:
        """The ordinary runs, and a person who lifts the brake that many cancellations put on."""
        self.run("catch_up")
        self.run("sweep")
        for tenant in TENANTS:
            self.ask("POST", f"/tenants/{tenant}/release", {})
        come_to_rest(self, nights=nights, minutes=5)

    def broken(self) -> list[str]:
        """Which promises do not hold at rest."""
        found = [*self.troubles, *self._badly_answered(), *self._crashes()]
        for tenant in TENANTS:
            self._note_what_may_remain(tenant)
            broken = [*broken_at_rest(self, tenant), *self._answered_otherwise(tenant)]
            found += [f"{tenant}: {one}" for one in broken]
        return found

    def _note_what_may_remain(self, tenant: str) -> None:
        for name in self.lms.tenants[tenant].components:
            record = record_of(self, name, tenant)
            if record and any(flag.value == "old_event_may_remain" for flag in record.flags):
                known = record.booking.event_id if record.booking else ""
                made = ours(self, tenant).get(record.key, [])
                self.may_remain |= {e for e in made if e.immutable_id != known and is_live(e)}

    def _badly_answered(self) -> list[str]:
        return [
            f"webhook {delivery.id} was answered {attempt.status} {attempt.text}"
            for delivery in self.lms.outbox.deliveries
            for attempt in delivery.attempts
            if attempt.status not in ANSWERS
        ]

    def _crashes(self) -> Iterator[str]:
        """Runs that failed otherwise than they may."""
        for host in self.hosts:
            for line in host.log_text().splitlines():
                if " ERROR " in line and "failed: " in line and not any(w in line for w in LAWFUL):
                    yield f"a host logged {line}"

    def _answered_otherwise(self, tenant: str) -> Iterator[str]:
        """How a component, as either host shows it, differs from the LMS and from Teams."""
        for component in self.lms.tenants[tenant].components.values():
            path = f"/tenants/{tenant}/components/{component.id}"
            one, other = (self.ask("GET", path, host=host) for host in self.hosts)
            if one != other:
                yield f"{component.id} is shown as {one} and as {other}"
            yield from (f"{component.id}: {what}" for what in self._unlike(one, component))

    def _unlike(self, shown: dict[str, Any], component: Component) -> Iterator[str]:
        meeting = shown["meeting"]
        if not meeting or datetime.fromisoformat(meeting["start"]) <= self.clock():
            return
        there = [e for e in self.graph.live_events() if e.join_url == meeting["joinUrl"]]
        if shown["state"] == "scheduled" and component.join_url != meeting["joinUrl"]:
            yield f"linked to {component.join_url} in the LMS, shown with {meeting['joinUrl']}"
        if [e.user.upn for e in there] != [fold(meeting["organizer"])]:
            yield f"shown with {meeting['organizer']}, in the calendars of {there}"
        for event in there:
            if event.start != datetime.fromisoformat(meeting["start"]):
                yield f"shown at {meeting['start']}, in Teams at {event.start}"

    # -- telling ---------------------------------------------------------------------------

    def story(self) -> list[str]:
        """What happened, for people."""
        lines = [f"now {self.clock():%d %b %H:%M:%S}", *self._acts]
        for tenant in TENANTS:
            for name in self.lms.tenants[tenant].components:
                with contextlib.suppress(requests.RequestException):
                    shown = self.ask("GET", f"/tenants/{tenant}/components/{name}")
                    lines += [
                        f"{tenant} {name} {line['at'][5:19]} {line['by']}: {line['what']} "
                        f"{line['why']}"
                        for line in shown["history"]
                    ]
        lines += [
            f"lms {one.at:%d %H:%M:%S} {one.tenant} {one.component} {one.type} {one.sequence} → "
            f"{one.status} {one.why}"
            for one in self.lms.received
        ]
        lines += [
            f"graph {e.at:%d %H:%M:%S} {e.method} {e.kind} {e.path} → {e.status} {e.fault or ''}"
            for e in self.graph.journal.entries
            if e.method != "GET" or e.fault
        ]
        for host in self.hosts:
            lines += [line for line in host.log_text().splitlines() if " ERROR " in line]
        return lines

    def count(self) -> None:
        """What the round came to: one in which nothing happens proves nothing."""
        figures, journal = self.figures, self.graph.journal
        sent = list(self.lms.outbox.deliveries)
        lost = [a.text for one in sent for a in one.attempts if a.status == 0]
        figures["webhooks"] += len(sent)
        figures["webhooks cut off"] += sum(NOBODY not in text for text in lost)
        figures["Graph requests"] += journal.metered
        figures["Graph faults"] += sum(entry.fault is not None for entry in journal.entries)
        figures["callbacks"] += len(self.lms.received)
        figures["events made"] += sum(e.is_organizer for e in self.graph.events.values())
        figures["hours posted"] += sum(len(self.lms.notes(tenant)) for tenant in TENANTS)


def round_of(seed: str, figures: Counter[str], by_day: int, by_night: int) -> list[str]:
    """A day and a night with so many kills, and four more; the promises broken, after the story.

    Leaves nothing running and nothing on disk.
    """
    with (
        tempfile.TemporaryDirectory(prefix="processes-") as folder,
        Processes(Path(folder), seed, figures).running() as world,
    ):
        figures["rounds"] += 1
        world.day(by_day)
        found = world.broken()
        if not found:
            world.night(by_night)
            found = world.broken()
        world.count()
        return [f"seed {seed}", *world.story(), *found] if found else []


def campaign(until: float, seed: int) -> Counter[str]:
    """Rounds until the (monotonic) time is over or a promise was broken, which is printed."""
    figures: Counter[str] = Counter()
    broken: list[str] = []
    while time.monotonic() < until and not broken:
        broken = round_of(f"{seed}/{figures['rounds']}", figures, by_day=14, by_night=7)
    if broken:
        print("\n".join(broken))
    named = {f"real processes' {name}": count for name, count in figures.items()}
    return Counter({**named, "violations": int(bool(broken))})
