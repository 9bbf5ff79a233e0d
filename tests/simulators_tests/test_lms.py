"""The LMS stand-in does the LMS's part of what-it-does 4.2."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks

from tests.simulators import LmsSimulator, SimClock, webhooks
from tests.simulators.posting import Posted
from tests.simulators.wire import Reply

from .client import NOW

COLLEGE = "northern"
INBOUND = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OUTBOUND = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
OLD = "whsec_gKUTw5KgyyYzsRjn0ZlkmYpVIwZWuKNR"
HOOK = f"/hooks/teams/{COLLEGE}"
START = datetime(2026, 4, 30, 8, 0, tzinfo=UTC)
MEETING: dict[str, Any] = {
    "name": "Data ethics",
    "start": START,
    "end": START + timedelta(hours=1),
    "owner": {"email": "tutor@college.example", "name": "T. Utor"},
    "learner": {"email": "learner@work.example", "name": "L. Earner"},
}


class Connector:
    """Answers webhooks with a fixed list of statuses, then 202."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.calls: list[tuple[str, bytes, dict[str, str]]] = []

    def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float
    ) -> Posted:
        assert timeout_s > 0
        self.calls.append((url, body, dict(headers)))
        return Posted(self.statuses.pop(0) if self.statuses else 202, {}, "{}")


@pytest.fixture
def connector() -> Connector:
    return Connector()


@pytest.fixture
def lms(connector: Connector) -> Iterator[LmsSimulator]:
    clock = SimClock()
    clock.set(NOW, frozen=True)
    simulator = LmsSimulator(clock)
    simulator.outbox.post = connector
    simulator.outbox.pauses_s = (0.01,)
    simulator.configure(COLLEGE, "https://connector.example", INBOUND, [OUTBOUND, OLD])
    yield simulator
    simulator.close()


def tell(
    lms: LmsSimulator,
    kind: str,
    *,
    message_id: str = "m1",
    secrets: tuple[str, ...] = (OUTBOUND,),
    at: datetime = NOW,
    **data: Any,
) -> Reply:
    """Post an event the way the connector does."""
    body = json.dumps({"type": kind, "timestamp": NOW.isoformat(), "data": data}).encode()
    headers = webhooks.sign(secrets, message_id, at, body)
    return lms.call("POST", HOOK, None, headers, body)


def scheduled(lms: LmsSimulator, sequence: int = 1, **how: Any) -> Reply:
    url = "https://teams.microsoft.com/l/meetup-join/1"
    return tell(lms, "meeting.scheduled", componentId="C-1", sequence=sequence, joinUrl=url, **how)


# -- webhooks to the connector --------------------------------------------------------------------


def test_saving_raises_the_revision_and_sends_a_signed_snapshot(
    lms: LmsSimulator, connector: Connector
) -> None:
    lms.clock.reset()  # the oracle knows real time only
    first = lms.save(COLLEGE, "C-1", **MEETING)
    assert first.wait().status == 202
    lms.save(COLLEGE, "C-1", plannedMinutes=90).wait()
    urls = {url for url, _, _ in connector.calls}
    assert urls == {f"https://connector.example/api/tenants/{COLLEGE}/components"}
    bodies = [standardwebhooks.Webhook(INBOUND).verify(b, h) for _, b, h in connector.calls]
    assert [one["type"] for one in bodies] == ["component.saved"] * 2
    assert [one["data"]["revision"] for one in bodies] == [1, 2]
    assert bodies[1]["data"] == {
        "id": "C-1",
        "revision": 2,
        "kind": "meeting",
        "name": "Data ethics",
        "description": None,
        "descriptionFormat": "text",
        "start": "2026-04-30T09:00:00+01:00",
        "end": "2026-04-30T10:00:00+01:00",
        "meetOnline": True,
        "cancelled": False,
        "plannedMinutes": 90,
        "owner": MEETING["owner"],
        "learner": MEETING["learner"],
        "employerCanView": False,
        "manager": None,
        "mentor": None,
    }


@pytest.mark.parametrize("status", [0, 301, 404, 408, 410, 429, 500, 503])
def test_what_did_not_arrive_is_sent_again_under_the_same_id(
    lms: LmsSimulator, connector: Connector, status: int
) -> None:
    connector.statuses = [status, 202]
    delivery = lms.save(COLLEGE, "C-1", **MEETING)
    assert delivery.settled.wait(10)
    assert delivery.state == "delivered"
    assert [one.status for one in delivery.attempts] == [status, 202]
    assert len({headers["webhook-id"] for _, _, headers in connector.calls}) == 1
    assert len({body for _, body, _ in connector.calls}) == 1


def test_each_attempt_has_its_own_timestamp(lms: LmsSimulator, connector: Connector) -> None:
    lms.outbox.pauses_s = (3600,)
    connector.statuses = [503]
    delivery = lms.save(COLLEGE, "C-1", **MEETING)
    delivery.wait()
    lms.clock.advance(timedelta(hours=1))
    assert delivery.settled.wait(10)
    stamps = [int(headers["webhook-timestamp"]) for _, _, headers in connector.calls]
    assert stamps[1] - stamps[0] == 3600


@pytest.mark.parametrize("status", [400, 401, 409, 413, 415, 422])
def test_what_was_refused_is_not_sent_again(
    lms: LmsSimulator, connector: Connector, status: int
) -> None:
    connector.statuses = [status]
    delivery = lms.save(COLLEGE, "C-1", **MEETING)
    assert delivery.settled.wait(10)
    assert (delivery.state, len(delivery.attempts)) == ("refused", 1)


def test_after_three_days_it_gives_up(lms: LmsSimulator, connector: Connector) -> None:
    lms.outbox.pauses_s = (3600,)
    connector.statuses = [503] * 10
    delivery = lms.save(COLLEGE, "C-1", **MEETING)
    delivery.wait()
    lms.clock.advance(timedelta(days=3, seconds=1))
    assert delivery.settled.wait(10)
    assert delivery.state == "given_up"


def test_deleting_cancelling_and_repeating(lms: LmsSimulator, connector: Connector) -> None:
    lms.save(COLLEGE, "C-1", **MEETING).wait()
    for step in (lms.cancel, lms.repeat, lms.delete):
        step(COLLEGE, "C-1").wait()
    bodies = [json.loads(body) for _, body, _ in connector.calls]
    assert [one["data"]["revision"] for one in bodies] == [1, 2, 2, 3]
    assert [one["data"].get("cancelled") for one in bodies] == [False, True, True, None]
    assert bodies[3] == {
        "type": "component.deleted",
        "timestamp": "2026-04-25T08:00:00Z",
        "data": {"id": "C-1", "revision": 3},
    }


def test_the_list_goes_out_in_batches_of_500(lms: LmsSimulator, connector: Connector) -> None:
    for number in range(501):
        lms.put_silently(COLLEGE, f"C-{number}", **MEETING)
    assert connector.calls == []
    for delivery in lms.send_list(COLLEGE):
        delivery.wait()
    assert {url.rpartition("/")[2] for url, _, _ in connector.calls} == {"batch"}
    sizes = [len(json.loads(body)["data"]) for _, body, _ in connector.calls]
    assert sorted(sizes) == [1, 500]


def test_held_webhooks_wait_and_delivered_ones_can_come_twice(
    lms: LmsSimulator, connector: Connector
) -> None:
    delivery = lms.save(COLLEGE, "C-1", held=True, **MEETING)
    later = lms.save(COLLEGE, "C-1", name="Later")
    later.wait()
    assert len(connector.calls) == 1
    lms.outbox.release_held()
    delivery.wait()
    lms.outbox.release(later)
    assert lms.outbox.drain()
    revisions = [json.loads(body)["data"]["revision"] for _, body, _ in connector.calls]
    assert revisions == [2, 1, 2]


def test_saving_again_revives(lms: LmsSimulator, connector: Connector) -> None:
    lms.cancel(COLLEGE, "C-1").wait()
    lms.save(COLLEGE, "C-1", cancelled=False).wait()
    assert lms.component(COLLEGE, "C-1").status == "planned"
    lms.delete(COLLEGE, "C-1").wait()
    lms.save(COLLEGE, "C-1").wait()
    component = lms.component(COLLEGE, "C-1")
    assert (component.deleted, component.status, component.revision) == (False, "planned", 4)
    assert len(connector.calls) == 4


def test_odd_snapshots_can_be_sent(lms: LmsSimulator, connector: Connector) -> None:
    lms.save(COLLEGE, "C-1", meet_online=None, useZoom=True, extra={"colour": "red"}).wait()
    lms.send_raw(COLLEGE, [1, 2]).wait()
    data = json.loads(connector.calls[0][1])["data"]
    assert "meetOnline" not in data
    assert (data["useZoom"], data["colour"]) == (True, "red")
    assert connector.calls[1][1] == b"[1,2]"
    with pytest.raises(TypeError):
        lms.save(COLLEGE, "C-1", colour="red")


# -- events from the connector --------------------------------------------------------------------


def test_an_event_is_stored_once_and_applied(lms: LmsSimulator) -> None:
    lms.put_silently(COLLEGE, "C-1", **MEETING)
    assert [scheduled(lms).status for _ in range(2)] == [204, 204]
    component = lms.component(COLLEGE, "C-1")
    assert component.join_url == "https://teams.microsoft.com/l/meetup-join/1"
    assert (component.status, component.seen) == ("scheduled", 1)
    assert [one.repeat for one in lms.received] == [False, True]
    assert len(lms.wait_for(COLLEGE, "C-1", "meeting.scheduled")) == 1
    with pytest.raises(TimeoutError):
        lms.wait_for(COLLEGE, "C-1", "hours.verified", timeout_s=0)


@pytest.mark.parametrize(
    ("how", "status", "good"),
    [
        ({"secrets": (OUTBOUND,)}, 204, 1),
        ({"secrets": (OLD,)}, 204, 1),
        ({"secrets": (OUTBOUND, OLD)}, 204, 2),
        ({"secrets": (INBOUND,)}, 401, 0),
        ({"at": NOW - timedelta(minutes=5, seconds=1)}, 401, 0),
        ({"at": NOW + timedelta(minutes=5)}, 204, 1),
    ],
    ids=str,
)
def test_signatures_are_checked(
    lms: LmsSimulator, how: dict[str, Any], status: int, good: int
) -> None:
    lms.put_silently(COLLEGE, "C-1", **MEETING)
    assert scheduled(lms, **how).status == status
    [received] = lms.received
    assert (received.signatures, received.stored) == (good, status == 204)


@pytest.mark.parametrize(
    "headers",
    [{}, {"webhook-signature": "v1"}, {"webhook-signature": "v1,%%% v2,a  v1a,b"}],
    ids=str,
)
def test_hostile_headers_are_a_401(lms: LmsSimulator, headers: dict[str, str]) -> None:
    sent = webhooks.sign([OUTBOUND], "m1", NOW, b"{}")
    if headers:
        sent |= headers
    else:
        sent = {}
    assert lms.call("POST", HOOK, None, sent, b"{}").status == 401
    assert lms.call("POST", "/hooks/teams/nobody", None, sent, b"{}").status == 404


@pytest.mark.parametrize(
    ("kind", "data", "changed"),
    [
        (
            "meeting.rescheduled",
            {"start": "2026-05-02T10:00:00+01:00", "end": "2026-05-02T11:00:00+01:00"},
            {"start": "2026-05-02T10:00:00+01:00", "end": "2026-05-02T11:00:00+01:00"},
        ),
        ("meeting.cancelled", {"reason": "By the tutor"}, {"cancelled": True}),
    ],
)
@pytest.mark.parametrize("sends_seen", [False, True])
def test_moves_and_cancellations_are_saved_so(
    lms: LmsSimulator,
    connector: Connector,
    kind: str,
    data: dict[str, Any],
    changed: dict[str, Any],
    sends_seen: bool,
) -> None:
    account = lms.tenants[COLLEGE]
    account.sends_seen = sends_seen
    lms.put_silently(COLLEGE, "C-1", **MEETING)
    tell(lms, kind, componentId="C-1", sequence=3, **data)
    assert lms.outbox.drain()
    sent = json.loads(connector.calls[0][1])["data"]
    assert {name: sent[name] for name in changed} == changed
    assert (sent["revision"], sent.get("seen")) == (2, 3 if sends_seen else None)


def test_old_sequences_change_nothing(lms: LmsSimulator) -> None:
    lms.put_silently(COLLEGE, "C-1", **MEETING)
    scheduled(lms, sequence=2, message_id="m2")
    tell(lms, "meeting.failed", componentId="C-1", sequence=1, code="too_late")
    assert lms.component(COLLEGE, "C-1").status == "scheduled"
    assert len(lms.events(COLLEGE)) == 2


def test_hours_become_a_note(lms: LmsSimulator) -> None:
    lms.put_silently(COLLEGE, "C-1", **MEETING)
    note = {"title": "Data ethics hours verified", "hours": "0:50"}
    tell(
        lms,
        "hours.verified",
        componentId="C-1",
        sequence=1,
        note=note,
        minutes=50,
        noteKey="k",
        outcome="learner_time",
        date="2026-04-30",
    )
    [(component, written)] = lms.notes(COLLEGE)
    assert (component, written.title, written.hours) == ("C-1", note["title"], "0:50")


def test_a_ping_is_welcome(lms: LmsSimulator) -> None:
    assert tell(lms, "connector.ping").status == 204


@pytest.mark.parametrize(
    ("effect", "how", "check", "stored"),
    [
        ("answer", {"status": 410}, lambda reply: reply.status == 410, 0),
        ("drop", {}, lambda reply: reply.drop, 0),
        ("drop_after", {}, lambda reply: reply.drop, 1),
        ("answer_after", {"status": 500}, lambda reply: reply.status == 500, 1),
        (
            "redirect",
            {"headers": {"location": "/elsewhere"}},
            lambda reply: (reply.status, reply.headers["location"]) == (302, "/elsewhere"),
            0,
        ),
        ("delay", {"delay_s": 0.01}, lambda reply: reply.status == 204, 1),
    ],
)
def test_the_callback_can_fail(
    lms: LmsSimulator,
    effect: Any,
    how: dict[str, Any],
    check: Callable[[Reply], bool],
    stored: int,
) -> None:
    lms.put_silently(COLLEGE, "C-1", **MEETING)
    lms.faults.add(effect, tenant=COLLEGE, **how)
    assert check(scheduled(lms))
    assert len(lms.events(COLLEGE)) == stored
    assert len(lms.received) == 1
    assert scheduled(lms).status == 204
    assert len(lms.events(COLLEGE)) == 1


# -- the page and the door ------------------------------------------------------------------------


def test_the_page_shows_local_times_and_escapes_everything(lms: LmsSimulator) -> None:
    evil = "<script>alert(1)</script>"
    lms.put_silently(COLLEGE, "C-1", **(MEETING | {"name": evil}))
    lms.put_silently(COLLEGE, evil, **MEETING)
    tell(
        lms,
        "meeting.scheduled",
        componentId="C-1",
        sequence=1,
        joinUrl='javascript:alert("x")',
    )
    tell(lms, evil, message_id=evil, componentId=evil, sequence=2)
    assert tell(lms, evil, message_id="m3", componentId=evil, sequence=evil).status == 400
    reply = lms.call("GET", "/?refresh=5")
    assert reply.status == 200
    html = reply.text
    assert "<script" not in html
    assert 'href="javascript' not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "Thu 30 Apr 2026<br>09:00 – 10:00 BST" in html
    assert "Europe/London" in html


def test_the_page_without_tenants() -> None:
    assert "No training provider" in LmsSimulator().call("GET", "/").text


def test_the_door_does_what_the_methods_do(lms: LmsSimulator, connector: Connector) -> None:
    config = {
        "tenantId": "south",
        "connectorUrl": "https://connector.example/api",
        "inboundSecret": INBOUND,
        "outboundSecret": [OUTBOUND, OLD],
        "timeZone": "Europe/Dublin",
    }
    shown = lms.call("POST", "/_sim/tenants", config).json()
    assert shown["callbackPath"] == "/hooks/teams/south"
    assert INBOUND not in json.dumps(shown)
    path = "/_sim/tenants/south/components/a%2Fb"
    component = {
        "name": "A",
        "start": "2026-04-30T09:00:00+01:00",
        "end": "2026-04-30T10:00:00+01:00",
    }
    sent = lms.call("PUT", path, component).json()
    assert lms.outbox.drain()
    assert lms.call("GET", f"/_sim/sent/{sent['id']}").json()["id"] == sent["id"]
    assert connector.calls[0][0] == "https://connector.example/api/tenants/south/components"
    assert lms.call("GET", path).json()["id"] == "a/b"
    assert lms.call("POST", f"{path}/cancel").status == 200
    assert lms.call("DELETE", path).status == 200
    [task] = lms.call("GET", "/_sim/tenants/south/tasks").json()
    assert (task["deleted"], task["cancelled"], task["revision"]) == (True, True, 3)
    for name in ("notes", "events", "received", "sent"):
        assert lms.call("GET", f"/_sim/tenants/south/{name}").status == 200
    assert lms.call("GET", "/_sim/tenants/nobody/tasks").status == 404
    assert lms.call("PUT", path, {"colour": "red"}).status == 400
