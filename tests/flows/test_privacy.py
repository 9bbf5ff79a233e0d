"""Personal data and secrets: where they may stand, and nowhere else (the law, promise 6).

A provider's life is lived once among recognisable people (``WatchedWorld``), with everything going
wrong that can, and every error repeating all it knows. Then all that left the code is searched.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from azure.data.tables import TableClient

from schedule_timer.sweep import SWEEP
from shared.errors import Stale
from shared.fan_out import carry_out, give_up, hand_out, read
from shared.table import AzureTable
from tests.flows.needles import Needles
from tests.flows.test_identity import certificate
from tests.flows.watched import (
    AGENDA,
    GUEST,
    IP,
    LEARNER,
    MANAGER,
    MENTOR,
    NAMES,
    OTHER_LEARNER,
    PHONE,
    REASON,
    SECOND,
    STRANGER,
    TUTOR,
    TUTOR_UPN,
    WatchedWorld,
)
from tests.flows.world import ENTRA, TENANT
from tests.simulators import Simulators

PEOPLE = {"tutor", "second", "learner", "other", "manager", "mentor"}
IDS = {"tutor's id", "second's id"}
"""Object ids by which events are managed: they say nothing to anybody outside the directory."""
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "written",
    [
        str,
        str.upper,
        quote,
        html.escape,
        json.dumps,
        lambda text: json.dumps(json.dumps({"name": text})),
        lambda text: repr(text.encode().hex()),
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.b64encode(f"a{text}b".encode()).decode(),
        lambda text: base64.urlsafe_b64encode(f"ab{text}".encode()).decode(),
    ],
)
def test_a_needle_is_found_however_it_is_written(written: Callable[[str], str]) -> None:
    needles = Needles()
    needles.add("tutor", TUTOR["name"])
    assert needles.found_in("hay", f"hay {written(TUTOR['name'])} hay") == {"tutor"}
    assert needles.found_in("hay", f"hay {written('somebody else')} hay") == set()


# -- a life --------------------------------------------------------------------------------


def play(world: WatchedWorld, folder: Path) -> None:
    set_up(world)
    book(world)
    change(world)
    refuse(world)
    graph_fails(world)
    lms_fails(world)
    entra_fails(world, folder)
    storage_fails(world)
    cannot_be_read(world)
    recover(world)
    hand_over(world)
    hold_meetings(world)
    look_after(world)


def at(hour: int, day: int = 30) -> str:
    return f"2026-04-{day:02}T{hour:02}:00:00+01:00"


def echo(world: WatchedWorld) -> dict[str, Any]:
    """An error that repeats all it knows, in every member."""
    said = " ".join(text for texts in world.needles.texts.values() for text in sorted(texts))
    return {
        "error": {"code": said, "message": said, "innerError": {"request-id": said}},
        "error_description": f"AADSTS7000215: {said}",
    }


def set_up(world: WatchedWorld) -> None:
    world.simulators.add_tenant(ENTRA)
    tutor = world.graph.add_user(ENTRA, TUTOR_UPN, mail=TUTOR["email"], display_name=TUTOR["name"])
    second = world.graph.add_user(ENTRA, SECOND["email"], display_name=SECOND["name"])
    world.needles.add("tutor's id", tutor.id)
    world.needles.add("second's id", second.id)
    body = {
        "name": "Northern College",
        "entraTenantId": ENTRA,
        "timeZone": "Europe/London",
        "callbackUrl": world.simulators.callback_url(TENANT),
        "changeNotifications": True,
    }
    for name, content in (("tenant", body), ("tenant_rotate", {"now": True})):
        _, told = world.call(name, content, tenantId=TENANT)
        inbound, outbound = told["inboundSecret"], told["outboundSecret"]
        world.needles.add("secret", *(one.removeprefix("whsec_") for one in (inbound, outbound)))
    world.lms.configure(TENANT, "https://connector.test/api", inbound, outbound)


def book(world: WatchedWorld) -> None:
    people: dict[str, Any] = {"learner": LEARNER, "manager": MANAGER, "mentor": MENTOR}
    review: dict[str, Any] = {"kind": "review", "employerCanView": True, "description": AGENDA}
    world.save("C-1", name=NAMES[0], owner=TUTOR, start=at(9), end=at(10), **review, **people)
    world.save("C-2", name=NAMES[1], owner=TUTOR, learner=OTHER_LEARNER, start=at(11), end=at(12))
    world.save(f"of {LEARNER['email']}", name=NAMES[2], owner=SECOND, learner=LEARNER)
    for n in range(3):
        more = {"start": at(13 + n), "end": at(14 + n), "owner": TUTOR, "learner": LEARNER}
        world.lms.put_silently(TENANT, f"B-{n}", name=NAMES[0], **more)
    world.lms.send_list(TENANT)
    world.settle_mail()
    fault = world.graph.faults.add(
        "answer", path="/subscriptions", times=None, status=500, body=echo(world)
    )
    world.sweep()
    world.graph.faults.remove(fault)
    world.sweep()


def change(world: WatchedWorld) -> None:
    tutor = world.graph.tutor
    events = {event.subject: event for event in world.events()}
    tutor.adds_attendee(events[NAMES[1]], STRANGER["email"], name=STRANGER["name"])
    tutor.moves(events[NAMES[1]], at(15))
    world.notify()
    world.catch_up()
    world.save("C-1", description=f"{AGENDA} {MENTOR['email']}", mentor=None)
    tutor.cancels(events[NAMES[2]])
    world.sweep()
    for owner in (SECOND, TUTOR):
        world.save("B-0", owner=owner)
    world.sweep()


def refuse(world: WatchedWorld) -> None:
    """Everything that a call is refused for."""
    said = json.dumps(echo(world)).encode()
    world.call("component_http", said, JSON, tenantId=TENANT)
    world.call("component_http", said, JSON, tenantId=LEARNER["email"])
    world.call("component_http", said * 300, JSON, tenantId=TENANT)
    fields = {
        "id": LEARNER["email"], "revision": LEARNER["name"], "kind": MENTOR["name"], "name": 5,
        "start": LEARNER["email"], "end": AGENDA, "meetOnline": GUEST, "owner": TUTOR["name"],
        "learner": {"email": LEARNER["name"], "name": 7}, "manager": [MANAGER["email"]],
        "description": [AGENDA], LEARNER["email"]: 1,
    }  # fmt: skip
    for name, type_, wrong in (
        ("component_http", "component", fields),
        ("component_batch", "components", [fields]),
    ):
        for kind, body in (
            ("application/json", b"{" + said),
            ("application/json", json.dumps({"type": LEARNER["name"], "data": 1}).encode()),
            ("application/json", json.dumps({"type": f"{type_}.saved", "data": wrong}).encode()),
            (LEARNER["email"], said),
        ):
            world.call(name, body, world.signed(body, {"content-type": kind}), tenantId=TENANT)
    about: Any = {"tenantId": TENANT}
    asked = {"state": GUEST, "from": AGENDA, "next": REASON}
    world.call("component", **about, componentId=LEARNER["email"])
    world.call("components", params=asked, **about)
    world.call("component_act", echo(world), **about, componentId="C-1", act="decide")
    world.call("tenant_check", params={"organizer": TUTOR["name"]}, **about)
    world.call("tenant_erase", {"email": LEARNER["name"]}, **about)
    world.call("tenant_reverify", {"from": LEARNER["name"]}, **about)
    world.call("tenant", {"name": 1, "timeZone": MENTOR["name"], "callbackUrl": AGENDA}, **about)
    world.call("graph_notifications", {"value": [{"clientState": IP, "resource": GUEST}]})
    world.call("graph_notifications", LEARNER["email"].encode())
    held = world.lms.tenants[TENANT].components["C-1"]
    held.revision -= 1  # a revision that was used before
    world.save("C-1", name=NAMES[2])


def disturbed(world: WatchedWorld, faults: Any, effect: Any, n: int, **how: Any) -> None:
    """A webhook for what there is and for what is new, and a sweep, all the while."""
    fault = faults.add(effect, times=None, **how)
    hours = {"start": at(8 + n), "end": at(9 + n)}
    world.save("C-2", name=f"{NAMES[1]} {n}", **hours)
    world.save(f"F-{n}", name=NAMES[2], owner=TUTOR, learner=OTHER_LEARNER, **hours)
    world.sweep()
    faults.remove(fault)
    world.pass_(minutes=3)


def graph_fails(world: WatchedWorld) -> None:
    """Each item, or the whole of what is sent."""
    said, faults = echo(world), world.graph.faults
    about = {"body": said, "headers": {"request-id": LEARNER["email"], "retry-after": "0"}}
    for n, status in enumerate((400, 403, 404, 412, 429)):
        disturbed(world, faults, "answer", n, path="/users/", status=status, **about)
    disturbed(world, faults, "answer", 5, status=500, **about)
    disturbed(world, faults, "drop_after", 6)
    world.catch_up()


def lms_fails(world: WatchedWorld) -> None:
    about = {"body": echo(world), "headers": {"location": quote(GUEST)}}
    disturbed(world, world.lms.faults, "answer", 7, status=302, **about)
    disturbed(world, world.lms.faults, "drop", 8)


def entra_fails(world: WatchedWorld, folder: Path) -> None:
    """With each kind of credential; half an answer holds a whole token."""
    pem, _ = certificate(folder, world.simulators)
    lines = pem.read_text().splitlines()
    world.needles.add("secret", *lines[1 : lines.index("-----END PRIVATE KEY-----")])
    faults = world.simulators.entra.faults
    for credential in (
        {"client_secret": world.settings.client_secret},
        {"certificate_path": str(pem)},
        {"identity_client_id": world.simulators.credentials.identity_client_id},
    ):
        world.restart_with(**credential)
        world.save("C-1", name=f"{NAMES[0]} by {next(iter(credential))}")
        for status, body in ((400, echo(world)), (200, json.dumps(echo(world))[:-1])):
            world.restart_with(**credential)
            fault = faults.add("answer", path="token", times=None, status=status, body=body)
            world.sweep()
            faults.remove(fault)
    world.restart()


def storage_fails(world: WatchedWorld) -> None:
    """Nobody listens where the table was."""
    told = world.settings.state_connection_string
    there = re.sub(r"(TableEndpoint=\S+?:)\d+", r"\g<1>1", told)
    hasty: dict[str, Any] = {"retry_total": 1, "retry_backoff_factor": 0.01}
    table = world.kept.table
    world.kept.table = AzureTable(
        TableClient.from_connection_string(there, "gone", **hasty), **hasty
    )
    world.call("component", tenantId=TENANT, componentId="C-1")
    world.save("C-1", name=NAMES[0])
    world.sweep()
    world.kept.table = table
    for commits in range(4):
        world.kept.commits_left = commits
        world.save("C-1", name=f"{NAMES[0]} {commits}")
    world.kept.commits_left = None
    world.catch_up()


def cannot_be_read(world: WatchedWorld) -> None:
    """A row full of personal data that nobody can make anything of."""
    with world.spoiled("C-2", LEARNER["name"]):
        world.call("component", tenantId=TENANT, componentId="C-2")
        world.save("C-2", name=NAMES[1])
        world.sweep()
        world.night()


def recover(world: WatchedWorld) -> None:
    world.pass_(hours=1)
    world.catch_up()
    world.sweep()


def hand_over(world: WatchedWorld) -> None:
    """A sweep by way of the queue, one of whose messages is given up."""
    world.orders = hand_out(world.ports, SWEEP)
    for n, message in enumerate(world.orders):
        order = read(message.encode())
        assert order
        (carry_out if n else give_up)(world.ports, order, SWEEP)


def hold_meetings(world: WatchedWorld) -> None:
    everybody: list[Any] = [
        (TUTOR_UPN, [(0, 60)]),
        ({"foreign": LEARNER["name"], "email": LEARNER["email"]}, [(0, 50)]),
        ({"foreign": STRANGER["name"], "email": STRANGER["email"]}, [(0, 50)]),
        ({"guest": GUEST, "overrides": {"ipAddress": IP}}, [(5, 40)]),
        ({"phone": PHONE}, [(5, 40)]),
    ]
    two: list[Any] = [(TUTOR_UPN, [(0, 60)]), ({"guest": GUEST}, [(0, 30)])]
    world.clock.set(datetime(2026, 4, 30, 20, 0, tzinfo=UTC), frozen=True)
    for n, event in enumerate(world.events()):
        if event.meeting is not None:
            world.needles.add("join", event.meeting.join_url)
            world.graph.hold_meeting(event, (everybody, two, two[:1])[n % 3])
    world.clock.set(datetime(2026, 5, 1, 2, 30, tzinfo=UTC), frozen=True)
    about = {"status": 403, "body": echo(world), "times": 3}
    world.graph.faults.add("answer", path="attendanceReports", **about)
    for day in (1, 2, 12):
        world.clock.set(datetime(2026, 5, day, 2, 30, tzinfo=UTC), frozen=True)
        world.night()


def look_after(world: WatchedWorld) -> None:
    about: Any = {"tenantId": TENANT}
    accept = {"decision": "accept", "by": SECOND["email"], "reason": REASON}
    for component in ("C-1", "C-2", "B-0", "B-1", "F-1", "nothing"):
        which = {**about, "componentId": component}
        world.call("component", **which)
        for act, body in (
            ("resync", {}), ("reverify", {}), ("redeliver", {}), ("decide", accept),
            ("decide", {**accept, "participant": "unidentified 1"}),
        ):  # fmt: skip
            world.call("component_act", body or {"now": True}, **which, act=act)
    world.call("components", **about)
    world.call("runs")
    world.call("tenants")
    world.call("tenant_check", **about)
    world.call("tenant_check", params={"organizer": TUTOR["email"]}, **about)
    for act in ("adopt", "release"):
        world.call(f"tenant_{act}", {"now": True}, **about)
    world.call("tenant_reverify", {"from": "2026-04-30", "to": "2026-04-30"}, **about)
    world.settle_mail()


# -- the life is lived once ------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, azurite: str) -> Iterator[WatchedWorld]:
    folder = tmp_path_factory.mktemp("simulators")
    with Simulators(folder) as simulators:
        lived = WatchedWorld(simulators, azurite)
        with lived.listening():
            play(lived, folder)
        yield lived


def where(world: WatchedWorld, texts: Sequence[str]) -> list[tuple[set[str], str]]:
    """Which of *texts* hold what they should not."""
    if not world.needles.found_in(*texts):
        return []
    return [(found, text) for text in texts if (found := world.needles.found_in(text))]


def test_everything_happened(world: WatchedWorld) -> None:
    """Else the tests below would find nothing because there is nothing."""
    told = "\n".join(world.log.texts)
    for event in (
        "component.failed", "lms_event.refused", "lms_event.unreached", "notifications.ignored",
        "request.unavailable", "run.finished", "subscriptions.failed", "tenant_night.finished",
        "tenant_run.crashed", "tenant_sweep.finished", "webhook.unfinished", "work.poisoned",
        "Token response is not in json format",
    ):  # fmt: skip
        assert event in told, event
    statuses = {status for _, status, _ in world.answers}
    assert statuses >= {200, 201, 202, 400, 401, 404, 409, 413, 415, 422, 503}
    assert len(world.crashes) >= 3
    kinds = {type(error).__name__ for error in world.errors}
    assert kinds >= {"Broken", "Changed", "Invalid", "NotAllowed", "NotFound", "Refused",
                     "Stale", "Throttled", "Unavailable"}  # fmt: skip
    hours = {
        note.title for one in world.lms.tenants[TENANT].components.values() for note in one.notes
    }
    assert len(hours) >= 2
    evidence = [row.text for _, row in world.kept.written if row.key.startswith("evidence|")]
    assert any("unidentified 1" in text for text in evidence)
    history = "\n".join(row.text for _, row in world.kept.written if "history" in row.key)
    assert all(word in history for word in ("scheduled", "failed", "rescheduled")), history


def test_no_log_tells_of_anybody(world: WatchedWorld) -> None:
    assert where(world, world.log.texts) == []
    assert where(world, world.log.raw) == []


def test_nothing_is_printed(world: WatchedWorld) -> None:
    assert world.printed.getvalue() == ""


def test_no_error_tells_of_anybody(world: WatchedWorld) -> None:
    """The host logs what a function raises: its words and where it was raised."""
    assert where(world, world.crashes) == []
    ours = [error for error in world.errors if not isinstance(error, Stale)]
    assert where(world, [f"{error} {error!r}" for error in ours]) == []
    # These name the row's key, and with it the organizer whose calendar it watches.
    stale = [str(error) for error in world.errors if isinstance(error, Stale)]
    assert world.needles.found_in(*stale) <= IDS


def test_no_refusal_tells_of_anybody(world: WatchedWorld) -> None:
    refused = [text for _, status, text in world.answers if status >= 400]
    assert len(refused) > 30
    assert where(world, refused) == []


STATE = {"tutor", "second", "join", "learner"} | IDS
"""A component's link and organizer; and the LMS's own id for it, which here holds an address."""
ANSWERS = {
    "component": STATE | PEOPLE,
    "components": STATE,
    "component_act": STATE,
    "component_http": STATE,
    "component_batch": {"learner"},
    # Secrets are shown where they are made (the law, 4.3).
    "tenant": {"secret"},
    "tenant_rotate": {"secret"},
    # Organizers whose calendars were tried, and what Microsoft says of them.
    "tenant_check": {"tutor", "second"},
}


def test_answers_tell_what_the_contract_says_and_no_more(world: WatchedWorld) -> None:
    for name in {name for name, _, _ in world.answers}:
        given = [text for one, status, text in world.answers if one == name and status < 400]
        found = world.needles.found_in(*given)
        assert found <= ANSWERS.get(name, set()), name


def test_a_queue_message_tells_of_nobody(world: WatchedWorld) -> None:
    assert world.orders
    assert where(world, world.orders) == []


COMPONENT = PEOPLE | IDS | {"stranger", "names", "agenda", "join"}
"""What the LMS and Teams say of a component; the stranger is whom a tutor invited."""
ROWS: dict[str, set[str]] = {
    # The component itself, and its copies on the shelves that a sweep reads.
    "component": COMPONENT, "open": COMPONENT, "due": COMPONENT, "ahead": COMPONENT,
    # A person each: what evidence names by key.
    "person": PEOPLE | IDS,
    # Who an address leads to in the directory; whose calendar is watched.
    "organizer": {"tutor", "second"} | IDS, "subscription": IDS,
    # What the LMS is told is told from the component's row. Evidence names people by keys, and
    # every link that was asked (the law, 3).
    "evidence": {"join", "names"} | IDS,
    # A person's own words on a decision.
    "history": {"reason"},
    # Where to look again: by key, and by the ids that Graph's notifications hold.
    "changed": IDS, "strays": IDS, "stray": IDS,
}  # fmt: skip


def test_each_kind_of_row_holds_what_it_is_for_and_no_more(world: WatchedWorld) -> None:
    written: dict[str, list[str]] = {}
    for place, row in world.kept.written:
        kind = (
            row.key.partition("|")[0] if place.startswith("tenant|") or place == "hints" else place
        )
        written.setdefault(kind, []).append(row.text + json.dumps(dict(row.marks)))
    held = {kind: world.needles.found_in(*set(texts)) for kind, texts in written.items()}
    beyond = {kind: found - ROWS.get(kind, set()) for kind, found in held.items()}
    assert {kind: found for kind, found in beyond.items() if found} == {}
    assert not any("secret" in found for found in held.values())


def test_no_key_tells_of_anybody(world: WatchedWorld) -> None:
    """Keys stand in logs, in the platform's audit, in other people's calendars."""
    keys = {row.key for _, row in world.kept.written}
    assert world.needles.found_in(*keys) <= IDS


# -- and when somebody is to be forgotten ----------------------------------------------------


def test_who_is_erased_is_in_no_row_any_more(world: WatchedWorld) -> None:
    """Left are the ids that events are managed by, words about components, and the LMS's ids."""
    with world.listening():
        before = world.needles.found_in(*(row.text for _, row in world.rows()))
        assert before >= PEOPLE
        for person in (TUTOR, SECOND, LEARNER, OTHER_LEARNER, MANAGER, MENTOR, STRANGER):
            status, _ = world.call("tenant_erase", {"email": person["email"]}, tenantId=TENANT)
            assert status == 200
    lms_id = f"of {LEARNER['email']}"
    left = [f"{row.text} {dict(row.marks)}".replace(lms_id, "") for _, row in world.rows()]
    assert world.needles.found_in(*left) <= IDS | {"names", "agenda", "join", "reason"}
    assert where(world, world.log.texts) == []
    assert where(world, world.log.raw) == []
