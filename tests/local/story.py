"""``python dev.py run``: a tenant's life, told as it happens.

Everything is real but the neighbours: the function app on Microsoft's runtime, Azurite, and
stand-ins for Graph, Entra and the LMS over https. The connector and the stand-ins live at the end
of April 2026; the clock is moved from scene to scene.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import requests

from tests.local.world import World

TENANT, ENTRA = "northern-college", "8f0c0000-0000-4000-8000-000000000001"
TUTOR = {"email": "tutor@northern.example", "name": "Tess Utor"}
LEARNER = {"email": "lee@work.example", "name": "Lee Arner"}
LEE = {"foreign": "Lee Arner", "email": "lee@work.example"}
LONDON = ZoneInfo("Europe/London")


class Story:
    """The scenes, and what they are played with."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._http = requests.Session()
        self._http.trust_env = False

    # -- telling ---------------------------------------------------------------------------

    def scene(self, clock: str, title: str) -> None:
        """Move everybody to a local time and say what happens next."""
        moment = datetime.fromisoformat(clock).replace(tzinfo=LONDON)
        self._world.set_clock(moment)
        print(f"\n{moment:%a %d %b %Y %H:%M}  {title}", flush=True)

    def say(self, text: str) -> None:
        now = self._world.host.now().astimezone(LONDON)
        print(f"   {now:%H:%M:%S}  {text}", flush=True)

    # -- doing -----------------------------------------------------------------------------

    def call(self, method: str, path: str, body: object = None) -> Any:
        answer = self._http.request(
            method, f"{self._world.host.url}/api{path}", json=body, timeout=60
        )
        answer.raise_for_status()
        return answer.json()

    def save(self, component: str, **fields: Any) -> dict[str, Any]:
        """The LMS saves a component; what the connector answered."""
        sims, path = self._world.simulators, f"/tenants/{TENANT}/components/{component}"
        sent = sims.put("lms", path, fields)
        answered = self.until(
            lambda: sims.get("lms", f"/sent/{sent['id']}")["attempts"], "the webhook's answer"
        )
        return dict(json.loads(answered[-1]["text"]))

    def task(self, component: str) -> dict[str, Any]:
        path = f"/tenants/{TENANT}/components/{component}"
        return dict(self._world.simulators.get("lms", path))

    def event(self, component: str) -> dict[str, Any]:
        """The Teams event behind a component's link."""
        link = quote(self.task(component)["join_url"], safe="")
        return dict(self._world.simulators.get("graph", f"/events/{link}"))

    def tutor(self, component: str, act: str, **body: Any) -> None:
        """The tutor does something to the event in Outlook or Teams."""
        self._world.simulators.post("graph", f"/events/{self.event(component)['key']}/{act}", body)

    def hold(self, component: str, *people: Any) -> None:
        link = self.task(component)["join_url"]
        body = {"meeting": link, "people": list(people)}
        self._world.simulators.post("graph", "/meetings/hold", body)

    def timer(self, name: str) -> None:
        if not self._world.host.run(name):
            raise AssertionError(f"{name} failed; see {self._world.host.log}")

    def until(self, ready: Callable[[], Any], what: str, seconds: float = 20) -> Any:
        """Wait for something that happens by itself."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = ready()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"waited in vain for {what}")

    def expect(self, truth: object, what: object) -> None:
        if not truth:
            raise AssertionError(f"the story went wrong: {what}")

    # -- the story -------------------------------------------------------------------------

    def tell(self) -> None:
        self.set_up()
        self.waiting_then_swept()
        self.instant()
        self.rescheduled_in_the_lms()
        self.moved_by_the_tutor()
        self.cancelled_by_the_tutor()
        self.held()
        self.the_next_morning()

    def set_up(self) -> None:
        self.scene("2026-04-24 09:00", "A training provider is connected")
        sims = self._world.simulators
        sims.post("graph", "/tenants", {"id": ENTRA, "name": "Northern College"})
        sims.post("graph", "/users", {"tenant": ENTRA, "upn": TUTOR["email"]})
        sims.post("entra", "/tenants", {"id": ENTRA})
        consent = {"tenantId": ENTRA, "clientId": sims.facts["clientId"]}
        sims.post("entra", "/consents", consent)
        made = self.call(
            "PUT",
            f"/tenants/{TENANT}",
            {
                "name": "Northern College",
                "entraTenantId": ENTRA,
                "timeZone": "Europe/London",
                "windowDays": 5,
                "callbackUrl": f"{sims.url('lms')}/hooks/teams/{TENANT}",
            },
        )
        sims.post(
            "lms",
            "/tenants",
            {
                "tenantId": TENANT,
                "name": "Northern College",
                "connectorUrl": self._world.host.url,
                "inboundSecret": made["inboundSecret"],
                "outboundSecret": made["outboundSecret"],
            },
        )
        self.say("tenant created; its LMS signs with the secret it was shown once")

    def waiting_then_swept(self) -> None:
        self.scene("2026-04-24 10:00", "The LMS saves a meeting for 30 April, 09:00")
        answer = self.save("C-1042", **_component("Data ethics workshop", 30, 9))
        self.expect(answer["state"] == "waiting", answer)
        self.say(f"connector: {answer['state']}, opens on {answer['opensOn']} (window: 5 days)")
        self.scene("2026-04-25 00:00", "The sweep on 25 April")
        self.timer("schedule_timer")
        event = self.event("C-1042")
        self.expect(event["timeZone"] == "Europe/London", event)
        self.say(f"Teams: “{event['subject']}” in {TUTOR['name']}'s calendar")
        self.say(f"       {_local(event['start'])} in {event['timeZone']}, not 08:00 UTC")
        self.say(f"LMS:   link on the task: {self.task('C-1042')['join_url'][:60]}…")

    def instant(self) -> None:
        self.scene("2026-04-25 11:00", "Three more are saved inside the window: done at once")
        for name, title, day, hour in (
            ("C-1043", "Statistics tutorial", 29, 14),
            ("C-1044", "Portfolio surgery", 28, 16),
            ("C-1045", "Mock interview", 29, 10),
        ):
            answer = self.save(name, **_component(title, day, hour))
            self.expect(answer["state"] == "scheduled", answer)
            self.say(f"{title}: {answer['state']} within the webhook's own request")

    def rescheduled_in_the_lms(self) -> None:
        self.scene("2026-04-26 09:00", "The LMS moves the statistics tutorial to 15:00")
        link = self.task("C-1043")["join_url"]
        answer = self.save("C-1043", **_component("Statistics tutorial", 29, 15))
        self.expect(answer["meeting"]["joinUrl"] == link, answer)
        self.say(f"Teams: same event, same link, now {answer['meeting']['start'][11:16]}")

    def moved_by_the_tutor(self) -> None:
        self.scene("2026-04-26 12:00", "Tess drags the workshop to 10:00 in Teams")
        self.tutor("C-1042", "moves", start="2026-04-30T10:00:00+01:00")
        self.until(self._noticed, "Graph's change notification")
        self.say("Graph says that something changed; it is noted, and never believed unread")
        self.scene("2026-04-26 12:01", "A minute later: the catch-up")
        self.timer("catch_up_timer")
        task = self.until(
            lambda: (t := self.task("C-1042"))["revision"] > 1 and t, "the LMS's answering save"
        )
        self.expect(_local(task["start"]).endswith("10:00"), task)
        self.say(f"LMS:   task moved to {_local(task['start'])}; no echo comes back")

    def _noticed(self) -> bool:
        """Whether Graph has told us all it has to tell."""
        return not self._world.simulators.get("graph", "/notifications")["waiting"]

    def cancelled_by_the_tutor(self) -> None:
        self.scene("2026-04-27 09:00", "Tess cancels the portfolio surgery in Teams")
        self.tutor("C-1044", "cancels", comment="I am ill")
        self.until(self._noticed, "Graph's change notification")
        self.scene("2026-04-27 09:01", "A minute later: the catch-up")
        self.timer("catch_up_timer")
        task = self.until(lambda: (t := self.task("C-1044"))["cancelled"] and t, "the task")
        self.say(f"LMS:   task is {task['status']}, never deleted; without notices a sweep sees it")

    def held(self) -> None:
        self.scene("2026-04-29 16:30", "The interview is held by the tutor alone")
        self.hold("C-1045", [TUTOR["email"], [[0, 20]]])
        self.say("The tutorial's link was passed on: two strangers came, 50 and 40 minutes")
        self.hold(
            "C-1043",
            [TUTOR["email"], [[0, 60]]],
            [{"guest": "A"}, [[0, 50]]],
            [{"guest": "B"}, [[10, 50]]],
        )
        self.scene("2026-04-30 12:00", "The workshop is held: tutor 1 h, Lee 50 min on two devices")
        self.hold("C-1042", [TUTOR["email"], [[0, 60]]], [LEE, [[5, 40], [30, 55]]])

    def the_next_morning(self) -> None:
        self.scene("2026-05-01 03:30", "The nightly run")
        self.timer("attendance_timer")
        for name in ("C-1042", "C-1043", "C-1045"):
            shown = self.call("GET", f"/tenants/{TENANT}/components/{name}")
            attendance, task = shown["attendance"], self.task(name)
            if task["notes"]:
                note = task["notes"][0]
                self.say(f"LMS:   “{note['title']}” {note['hours']} ({attendance['outcome']})")
            else:
                why = shown["evidence"][-1]["verdict"]["message"]
                self.say(f"LMS:   {task['name']}: no hours ({attendance['outcome']}): {why}")
        hours = [self.task(n)["notes"][0]["hours"] for n in ("C-1042", "C-1043")]
        self.expect(hours == ["0:50", "1:00"], hours)
        self.expect(not self.task("C-1045")["notes"], "a tutor alone earns nothing")
        for _ in range(2):
            self.timer("attendance_timer")
        notes = [len(self.task(n)["notes"]) for n in ("C-1042", "C-1043", "C-1045")]
        self.expect(notes == [1, 1, 0], notes)
        self.say("run twice more: nothing is posted again; every hour has its evidence record")


def _component(name: str, day: int, hour: int) -> dict[str, Any]:
    return {
        "name": name,
        "description": "Bring last month's log.",
        "start": f"2026-04-{day}T{hour:02}:00:00+01:00",
        "end": f"2026-04-{day}T{hour + 1:02}:00:00+01:00",
        "owner": TUTOR,
        "learner": LEARNER,
        "plannedMinutes": 60,
    }


def _local(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(LONDON):%d %b %H:%M}"


def _pages(world: World) -> dict[str, str]:
    api = f"{world.host.url}/api"
    return {
        "the LMS's tasks, notes and every event": f"{world.simulators.url('lms')}/?tenant={TENANT}",
        "a component, its history and evidence": f"{api}/tenants/{TENANT}/components/C-1042",
        "what every run did": f"{api}/runs",
        "the API's description": f"{api}/openapi.json",
        "logs": str(world.folder),
    }


def main(arguments: list[str]) -> int:
    """Play the story; stay up to be looked at until Ctrl-C, unless told ``--once``."""
    parser = argparse.ArgumentParser(prog="dev.py run", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end when the story is told")
    parser.add_argument("--port", type=int, default=7071, help="of the function app")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    print("starting Azurite, the stand-ins and the function app …", flush=True)
    world = World(clock="2026-04-24T07:00:00Z", port=0 if options.once else options.port)
    with world.running():
        Story(world).tell()
        print(f"\nThat took {time.monotonic() - began:.0f} s. Look at:")
        for what, where in _pages(world).items():
            print(f"  {what:<40} {where}", flush=True)
        if not options.once:
            print("The LMS's certificate was made on the spot: accept it. Ctrl-C ends.", flush=True)
            while True:
                time.sleep(3600)
    return 0
