"""Change notifications: a tutor's move is known within a minute; nothing else depends on them."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest

from component_http import graph_notifications, operate
from component_http.notify import LIMIT, take
from schedule_timer.catch_up import catch_up
from shared import hints
from shared.errors import Invalid
from shared.keys import partition
from shared.model import TenantId, UserId
from shared.subscriptions import LONGEST, PREFIX, Subscription, client_state, tenant_of
from shared.table import rows
from tests.flows.world import ENTRA, HERE, LEARNER, TENANT, TUTOR, World, settings
from tests.simulators.graph.subscriptions import Subscription as Theirs

OTHER = "other@college.example"
KEY = "a-signing-key-for-tests-only"
DAY = timedelta(days=1)


def a_world(**more: Any) -> World:
    """A world that Graph can reach, with one meeting whose calendar is subscribed to."""
    world = World(reachable=True, **more)
    world.save()
    world.sweep()
    world.notify()
    world.pass_(minutes=1)
    world.catch_up()
    return world


def theirs(world: World) -> list[Theirs]:
    """Graph's subscriptions that have not expired, by mailbox."""
    now = world.clock()
    found = [s for s in world.graph.subscriptions.active.values() if s.expires > now]
    return sorted(found, key=lambda one: one.user.upn)


def ours(world: World, tenant: str = TENANT) -> list[Subscription]:
    """What the connector remembers."""
    found = world.ports.store.all(partition(TenantId(tenant)), PREFIX, Subscription)
    return [held.value for _, held in found]


def waiting(world: World) -> list[str]:
    """The kinds of the hints that wait."""
    return [row.key.split("|")[0] for row in rows(world.table, hints.HINTS, "", "\x7f")]


def asked(world: World, kind: str) -> int:
    return world.graph.journal.kinds[kind]


# -- who is subscribed to -------------------------------------------------------------------


def test_a_mailbox_with_meetings_ahead_is_subscribed_to() -> None:
    world = World(reachable=True)
    assert world.sweep()[TENANT].get("subscribed", 0) == 0, "nothing ahead, nothing to hear of"
    world.save()
    assert world.sweep()[TENANT]["subscribed"] == 1
    (made,) = theirs(world)
    assert made.user.upn == TUTOR["email"]
    assert made.resource == f"/users/{made.user.id}/events"
    assert made.changes == {"updated", "deleted"}, (
        "what is created is ours, or none of our business"
    )
    assert made.notification_url == made.lifecycle_url == f"{HERE}/api/graph/notifications"
    assert made.immutable, "notifications name events as we do"
    assert timedelta(days=6) < made.expires - world.clock() < timedelta(days=7)
    assert len(made.client_state or "") <= 128
    (row,) = ours(world)
    assert (row.id, row.user, row.expires) == (made.id, made.user.id, made.expires)


def test_nothing_that_proves_a_notification_is_stored() -> None:
    world = a_world()
    secret = (theirs(world)[0].client_state or "").rpartition(".")[2]
    stored = [row.text for row in rows(world.table, partition(TenantId(TENANT)), "", "\x7f")]
    assert not any(secret in text for text in stored)


@pytest.mark.parametrize(
    ("reachable", "wanted"),
    [
        pytest.param(False, True, id="no public address"),
        pytest.param(True, False, id="the tenant does not want it"),
    ],
)
def test_without_notifications_nothing_is_asked_and_the_sweep_finds_the_move(
    reachable: bool, wanted: bool
) -> None:
    world = World(reachable=reachable)
    world.change_tenant(changeNotifications=wanted)
    world.save()
    world.sweep()
    assert (theirs(world), ours(world)) == ([], [])
    assert not any("subscription" in kind for kind in world.graph.journal.kinds)
    world.graph.tutor.moves(world.event, "2026-05-01T09:00:00Z")
    world.sweep()
    assert world.told() == ["meeting.scheduled", "meeting.rescheduled"]


def test_preview_subscribes_to_nothing() -> None:
    world = World(reachable=True)
    world.change_tenant(mode="preview")
    world.save()
    world.sweep()
    world.pass_(minutes=1)
    world.catch_up()
    assert theirs(world) == []


def test_a_settled_sweep_asks_graph_nothing_about_subscriptions() -> None:
    world = a_world()
    before = dict(world.graph.journal.kinds)
    world.sweep()
    world.catch_up()
    after = dict(world.graph.journal.kinds)
    assert {kind for kind in after if after[kind] != before.get(kind)} == {"list_events"}


@pytest.mark.parametrize(
    "end",
    [
        pytest.param({"cancelled": True}, id="no meeting ahead any more"),
        pytest.param(None, id="the setting is off"),
    ],
)
def test_what_is_no_longer_wanted_is_removed(end: dict[str, Any] | None) -> None:
    world = a_world()
    if end:
        world.save(**end)
    else:
        world.change_tenant(changeNotifications=False)
    assert world.sweep()[TENANT]["unsubscribed"] == 1
    assert (theirs(world), ours(world)) == ([], [])


def test_a_meeting_that_has_begun_is_no_longer_ahead() -> None:
    world = a_world()
    world.clock.set(datetime(2026, 4, 30, 8, 1, tzinfo=UTC), frozen=True)
    world.sweep()
    assert theirs(world) == []


def test_a_removal_that_fails_is_tried_again() -> None:
    world = a_world()
    world.change_tenant(changeNotifications=False)
    world.graph.faults.add("unavailable", method="DELETE", path="subscriptions", times=None)
    assert world.sweep()[TENANT]["subscriptions_failed"] == 1
    assert len(ours(world)) == 1
    world.graph.faults.clear()
    world.sweep()
    assert (theirs(world), ours(world)) == ([], [])


def test_the_first_meeting_of_a_tutor_is_watched_a_minute_later() -> None:
    world = World(reachable=True)
    world.save()
    world.pass_(minutes=1)
    world.catch_up()
    assert len(theirs(world)) == 1


def test_tutors_of_a_later_sweep_are_added() -> None:
    world = a_world()
    world.graph.add_user(ENTRA, OTHER)
    world.save("C-2", owner={"email": OTHER, "name": "O. Ther"})
    world.sweep()
    assert [one.user.upn for one in theirs(world)] == [OTHER, TUTOR["email"]]


# -- renewing -------------------------------------------------------------------------------


def test_it_is_renewed_daily_and_never_runs_out() -> None:
    world = a_world()
    world.save(start="2026-05-20T09:00:00+01:00", end="2026-05-20T10:00:00+01:00")
    (first,) = theirs(world)
    renewed = 0
    for _ in range(20 * 8):
        world.pass_(hours=3)
        renewed += world.sweep()[TENANT].get("resubscribed", 0)
        (now,) = theirs(world)
        assert now is first
    assert renewed == 20
    assert asked(world, "create_subscription") == 1


@pytest.mark.parametrize(
    "gone",
    [
        pytest.param(lambda world, one: world.graph.subscriptions.active.clear(), id="removed"),
        pytest.param(lambda world, one: setattr(one, "expires", world.clock()), id="expired"),
    ],
)
def test_one_that_is_gone_when_it_is_renewed_is_made_again(gone: Any) -> None:
    world = a_world()
    gone(world, theirs(world)[0])
    world.pass_(days=1)
    world.sweep()
    (made,) = theirs(world)
    assert [row.id for row in ours(world)] == [made.id]


def test_one_that_is_gone_is_made_again_also_when_graph_does_not_list_them() -> None:
    world = a_world()
    world.graph.subscriptions.active.clear()
    world.graph.faults.add("unavailable", method="GET", path="^/subscriptions", times=None)
    world.pass_(days=1)
    world.sweep()
    assert [row.id for row in ours(world)] == [theirs(world)[0].id]


@pytest.mark.parametrize("most", [10_080, 4_230])
def test_a_lifetime_that_is_refused_is_shortened(most: int) -> None:
    world = World(reachable=True)
    world.graph.set_switches(subscription_max_minutes=most)
    world.save()
    for _ in range(3):
        world.sweep()
        (made,) = theirs(world)
        left = made.expires - world.clock()
        assert timedelta(minutes=4_000) < left < timedelta(minutes=most)
        world.pass_(days=1)


def test_another_signing_key_or_address_makes_another_subscription() -> None:
    world = a_world()
    (old,) = theirs(world)
    world.settings = settings(SIGNING_KEY=f"another-signing-key,{KEY}", PUBLIC_BASE_URL=HERE)
    world.restart()
    world.sweep()
    (new,) = theirs(world)
    assert new.client_state != old.client_state
    world.graph.tutor.moves(world.event, "2026-05-01T09:00:00Z")
    world.notify()
    world.catch_up()
    assert world.told()[-1] == "meeting.rescheduled"


def test_duplicates_are_removed() -> None:
    """A create whose answer was lost made one that nobody remembers."""
    world = World(reachable=True)
    world.save()
    world.graph.faults.add("drop_after", method="POST", path="^/subscriptions$")
    assert world.sweep()[TENANT]["subscriptions_failed"] == 1
    assert (len(theirs(world)), len(ours(world))) == (1, 0)
    world.sweep()
    assert (len(theirs(world)), len(ours(world))) == (2, 1), "it may be another run's: left alone"
    world.pass_(days=1)
    assert world.sweep()[TENANT]["subscriptions_twice"] == 1
    assert [one.id for one in theirs(world)] == [row.id for row in ours(world)]


def test_where_graph_refuses_duplicates_one_is_left() -> None:
    world = World(reachable=True)
    world.graph.set_switches(duplicate_subscription=409)
    world.save()
    world.graph.faults.add("drop_after", method="POST", path="^/subscriptions$")
    world.sweep()
    world.pass_(hours=3)
    world.sweep()
    assert [one.id for one in theirs(world)] == [row.id for row in ours(world)]


def test_two_tenants_of_one_directory_leave_each_other_theirs() -> None:
    world = a_world()
    world.add_provider("southern")
    world.save("S-1", tenant="southern", name="Another")
    for _ in range(3):
        world.pass_(days=1)
        world.sweep()
    assert len(theirs(world)) == 2
    event = next(e for e in world.events() if e.subject == "Another")
    world.graph.tutor.moves(event, "2026-05-01T09:00:00Z")
    world.notify()
    world.catch_up()
    assert world.told("S-1", "southern")[-1] == "meeting.rescheduled"
    assert world.told() == ["meeting.scheduled"]


def test_another_deployments_subscriptions_are_left_alone() -> None:
    world = a_world()
    theirs(world)[0].notification_url = "https://elsewhere.test/api/graph/notifications"
    world.pass_(days=3)
    world.sweep()
    assert "https://elsewhere.test/api/graph/notifications" in [
        one.notification_url for one in theirs(world)
    ]


# -- failing --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param({"effect": "answer", "status": 403}, id="no permission"),
        pytest.param({"effect": "answer", "status": 400}, id="refused"),
        pytest.param({"effect": "unavailable"}, id="unavailable"),
        pytest.param({"effect": "answer", "status": 201, "body": {"id": 1}}, id="nonsense"),
        pytest.param({"effect": "answer", "status": 201, "body": []}, id="more nonsense"),
        pytest.param({"effect": "drop"}, id="no answer"),
    ],
)
def test_a_failure_disturbs_nothing_and_is_seen(trouble: dict[str, Any]) -> None:
    world = World(reachable=True)
    world.save()
    world.graph.faults.add(path="^/subscriptions", times=None, **trouble)
    world.graph.tutor.moves(world.event, "2026-05-01T09:00:00Z")
    counts = world.sweep()[TENANT]
    assert counts["subscriptions_failed"] >= 1
    assert "error" not in counts
    assert world.told() == ["meeting.scheduled", "meeting.rescheduled"]
    world.graph.faults.clear()
    assert world.sweep()[TENANT]["subscribed"] == 1


def test_what_is_refused_to_all_is_not_asked_for_hundreds() -> None:
    world = World(reachable=True)
    for n in range(45):
        upn = f"tutor{n}@college.example"
        world.graph.add_user(ENTRA, upn)
        world.save(f"C-{n}", owner={"email": upn, "name": "T"})
    world.graph.faults.add("answer", status=403, path="^/subscriptions", times=None)
    world.sweep()
    assert asked(world, "create_subscription") == 20
    world.graph.faults.clear()
    world.sweep()
    assert len(theirs(world)) == 45


def test_one_mailbox_that_cannot_be_subscribed_to_keeps_no_other_from_it() -> None:
    world = World(reachable=True)
    world.graph.add_user(ENTRA, OTHER)
    world.save()
    world.save("C-2", owner={"email": OTHER, "name": "O. Ther"})
    world.graph.user(OTHER).mailbox = "denied"
    world.sweep()
    assert [one.user.upn for one in theirs(world)] == [TUTOR["email"]]


# -- the handshake --------------------------------------------------------------------------


def handshake(token: str) -> func.HttpResponse:
    url = f"{HERE}/api/graph/notifications"
    answer: func.HttpResponse = graph_notifications(
        func.HttpRequest("POST", url, params={"validationToken": token}, body=b"")
    )
    return answer


@pytest.mark.parametrize("token", ["abc", "Validation: Testing +/% 1&2", "<script>", "é", ""])
def test_the_token_comes_back_as_it_was(token: str) -> None:
    answer = handshake(token)
    assert answer.status_code == 200
    assert answer.mimetype == "text/plain"
    assert answer.get_body().decode() == token
    assert answer.headers["X-Content-Type-Options"] == "nosniff", "whoever wrote the token"


def test_the_handshake_imports_nothing_and_needs_no_settings() -> None:
    """From a cold process, within ten seconds: whatever the rest of the app waits for."""
    program = """if True:
        import sys
        import azure.functions as func
        import function_app
        from component_http import graph_notifications
        before = set(sys.modules)
        request = func.HttpRequest("POST", "/", params={"validationToken": "t"}, body=b"")
        assert graph_notifications(request).get_body() == b"t"
        print([name for name in sys.modules if name not in before])
        print([name for name in ("shared.wiring", "shared.table", "msal") if name in sys.modules])
        """
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={}
    )
    assert done.stdout.splitlines() == ["[]", "[]"]


# -- notifications --------------------------------------------------------------------------


def test_a_move_is_told_by_the_next_catch_up() -> None:
    world = a_world()
    world.graph.tutor.moves(world.event, "2026-05-01T09:00:00Z")
    world.notify()
    world.catch_up()
    assert world.told() == ["meeting.scheduled", "meeting.rescheduled"]
    assert world.task().start == datetime(2026, 5, 1, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize("leaves", ["gone", "flagged"])
def test_a_cancellation_is_told_by_the_next_catch_up(leaves: Any) -> None:
    world = a_world()
    world.graph.tutor.cancels(world.event, leaves=leaves)
    world.notify()
    world.catch_up()
    assert world.told() == ["meeting.scheduled", "meeting.cancelled"]
    assert world.task().cancelled


def test_a_lost_notification_costs_time_and_nothing_else() -> None:
    world = a_world()
    world.deaf = True
    world.graph.tutor.moves(world.event, "2026-05-01T09:00:00Z")
    world.notify()
    world.catch_up()
    assert world.told() == ["meeting.scheduled"]
    world.sweep()
    assert world.told() == ["meeting.scheduled", "meeting.rescheduled"]


def test_doubled_late_and_shuffled_notifications_tell_nothing_twice() -> None:
    world = a_world()
    world.graph.set_switches(
        notification_duplicates=1.0, notifications_shuffled=True, notification_batch=1
    )
    for day in (1, 2, 3):
        world.graph.tutor.moves(world.event, f"2026-05-0{day}T09:00:00Z")
    world.sweep()
    for _ in range(3):
        world.notify()
        world.catch_up()
        world.pass_(minutes=1)
    assert world.told() == ["meeting.scheduled", "meeting.rescheduled"]
    assert waiting(world) == []


def test_our_own_echoes_cost_one_read_each_and_lead_to_nothing() -> None:
    world = a_world()
    for n in range(40):
        world.save(f"E-{n}", name=f"E {n}")
    world.graph.journal.clear()
    before = (world.writes(), len(world.lms.received), len(world.lms.outbox.deliveries))
    world.notify()
    assert waiting(world).count("changed") == 40
    world.catch_up()
    assert asked(world, "get_event") == 40
    assert asked(world, "batch") <= 14, "three at a time of one mailbox"
    assert (world.writes(), len(world.lms.received), len(world.lms.outbox.deliveries)) == before
    assert waiting(world) == []


def test_a_tutors_private_events_are_not_read() -> None:
    world = a_world()
    mine = world.graph.tutor.creates(
        TUTOR["email"], "Dentist", "2026-04-28T09:00:00Z", "2026-04-28T10:00:00Z"
    )
    world.graph.tutor.moves(mine, "2026-04-29T09:00:00Z")
    world.notify()
    assert waiting(world) == ["changed"]
    world.graph.journal.clear()
    world.catch_up()
    assert [entry.path for entry in world.graph.journal.entries] == []
    assert waiting(world) == []


def test_many_changes_are_followed_in_one_catch_up() -> None:
    world = a_world()
    for n in range(120):
        world.save(f"M-{n}", name=f"M {n}")
    world.notify()
    world.catch_up()
    for event in world.events():
        world.graph.tutor.moves(event, "2026-05-02T09:00:00Z")
    world.notify()
    world.catch_up()
    assert all(world.told(f"M-{n}")[-1] == "meeting.rescheduled" for n in range(120))


def test_changes_of_many_tutors_are_followed_too() -> None:
    world = World(reachable=True)
    for n in range(25):
        upn = f"tutor{n}@college.example"
        world.graph.add_user(ENTRA, upn)
        world.save(f"C-{n}", owner={"email": upn, "name": "T"})
    world.sweep()
    for event in world.events():
        world.graph.tutor.moves(event, "2026-05-02T09:00:00Z")
    world.notify()
    world.catch_up()
    assert all(world.told(f"C-{n}")[-1] == "meeting.rescheduled" for n in range(25))


def test_a_batch_that_mixes_tenants_reaches_each() -> None:
    world = a_world()
    south = "8f0c0000-0000-4000-8000-000000000002"
    world.graph.add_tenant(south)
    world.graph.add_user(south, "tutor@south.example")
    world.add_provider("southern", south)
    world.save("S-1", tenant="southern", owner={"email": "tutor@south.example", "name": "T"})
    world.sweep()
    world.notify()
    world.catch_up()
    for event in world.events():
        world.graph.tutor.moves(event, "2026-05-02T09:00:00Z")
    world.notify()
    last = world.graph.subscriptions.notifier.deliveries[-1]
    assert len({one["tenantId"] for one in last.value}) == 2, "one POST for both"
    world.catch_up()
    assert world.told()[-1] == "meeting.rescheduled"
    assert world.told("S-1", "southern")[-1] == "meeting.rescheduled"


def test_an_event_that_cannot_be_read_now_is_read_again() -> None:
    world = a_world()
    world.graph.tutor.moves(world.event, "2026-05-01T09:00:00Z")
    world.notify()
    world.graph.faults.add("unavailable", method="GET", path="/events/", times=None)
    world.catch_up()
    world.graph.faults.clear()
    world.pass_(minutes=1)
    world.catch_up()
    assert world.told() == ["meeting.scheduled", "meeting.rescheduled"]


def test_a_change_noted_while_another_is_followed_is_not_forgotten() -> None:
    world = a_world()
    world.graph.tutor.moves(world.event, "2026-05-01T09:00:00Z")
    world.notify()

    def again() -> None:
        world.graph.tutor.moves(world.event, "2026-05-03T09:00:00Z")
        world.notify()

    world.lms.faults.add("call", action=again)
    world.catch_up()
    world.catch_up()
    assert world.told() == ["meeting.scheduled", "meeting.rescheduled", "meeting.rescheduled"]
    assert world.task().start == datetime(2026, 5, 3, 9, 0, tzinfo=UTC)


def test_an_event_handed_over_since_is_none_of_the_notifications() -> None:
    world = a_world()
    world.graph.add_user(ENTRA, OTHER)
    world.graph.tutor.moves(world.event, "2026-05-01T09:00:00Z")
    world.save(owner={"email": OTHER, "name": "O. Ther"})
    world.notify()
    world.catch_up()
    assert len(world.events()) == 1
    assert world.event.start == datetime(2026, 5, 1, 9, 0, tzinfo=UTC)


# -- lifecycle ------------------------------------------------------------------------------


def test_a_subscription_that_wants_authorizing_again_is_renewed() -> None:
    world = a_world()
    (one,) = theirs(world)
    world.pass_(hours=1)
    world.graph.subscriptions.send_lifecycle(one.id, "reauthorizationRequired")
    world.notify()
    world.catch_up()
    assert one.expires == world.clock() + LONGEST
    assert asked(world, "renew_subscription") == 1


def test_a_subscription_that_was_removed_is_made_again_and_all_is_looked_at() -> None:
    world = a_world()
    (one,) = theirs(world)
    world.deaf = True
    world.graph.tutor.moves(world.event, "2026-05-01T09:00:00Z")
    world.notify()
    world.deaf = False
    world.graph.subscriptions.send_lifecycle(one.id, "subscriptionRemoved")
    world.notify()
    world.catch_up()
    assert world.told() == ["meeting.scheduled", "meeting.rescheduled"]
    (new,) = theirs(world)
    assert new.id != one.id


def test_missed_notifications_are_made_up_for_by_a_sweep() -> None:
    world = a_world()
    (one,) = theirs(world)
    world.deaf = True
    world.graph.tutor.moves(world.event, "2026-05-01T09:00:00Z")
    world.notify()
    world.deaf = False
    world.graph.subscriptions.send_lifecycle(one.id, "missed")
    world.notify()
    world.catch_up()
    assert world.told() == ["meeting.scheduled", "meeting.rescheduled"]


def test_attendance_that_a_person_asked_for_is_not_lost_to_a_sweep_that_is_due_too() -> None:
    world = a_world()
    world.clock.set(datetime(2026, 5, 1, 2, 30, tzinfo=UTC), frozen=True)
    world.night()
    world.graph.hold_meeting(
        world.event, [(TUTOR["email"], [(0, 60)]), (LEARNER["email"], [(0, 50)])]
    )
    operate.reverify_many(world.ports, TENANT, b'{"from": "2026-04-30", "to": "2026-04-30"}')
    operate.release(world.ports, TENANT, b"")
    world.catch_up()
    assert world.hours() == [("Data ethics workshop hours verified", "0:50")]


# -- what is not ours -----------------------------------------------------------------------


def a_notification(state: Any, user: str = "u-1", event: str = "e-1", **more: Any) -> Any:
    return {
        "subscriptionId": "s-1",
        "changeType": "updated",
        "resource": f"Users/{user}/Events/{event}",
        "resourceData": {"id": event},
        "clientState": state,
        **more,
    }


def said(world: World, *items: Any) -> list[str]:
    """The hints that a POST of these leaves."""
    take(world.ports, json.dumps({"value": items}).encode(), "application/json")
    return waiting(world)


GOOD = client_state(KEY, TenantId(TENANT), UserId("u-1"))


def test_one_that_is_ours_leaves_a_hint() -> None:
    assert said(World(), a_notification(GOOD)) == ["changed"]
    assert said(World(), a_notification(GOOD, user="U-1")) == ["changed"], "ids have no case"


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(a_notification(None), id="no client state"),
        pytest.param(a_notification(""), id="an empty one"),
        pytest.param(a_notification(7), id="a number"),
        pytest.param(a_notification("northern"), id="only the tenant"),
        pytest.param(a_notification(GOOD[:-1]), id="cut short"),
        pytest.param(a_notification(GOOD + "A"), id="too long"),
        pytest.param(a_notification(GOOD.replace("northern", "southern")), id="another tenant's"),
        pytest.param(a_notification(GOOD, user="u-2"), id="another mailbox"),
        pytest.param(
            a_notification(client_state("wrong-key-of-somebody", TenantId(TENANT), UserId("u-1"))),
            id="another key",
        ),
        pytest.param(a_notification("\ud800.é.x"), id="no text at all"),
        pytest.param({}, id="nothing"),
        pytest.param([], id="a list"),
        pytest.param(None, id="null"),
        pytest.param("x", id="a word"),
        pytest.param({"clientState": GOOD}, id="no event"),
        pytest.param({"clientState": GOOD, "resource": 1, "resourceData": []}, id="odd parts"),
        pytest.param({"clientState": GOOD, "lifecycleEvent": "new"}, id="an unknown event"),
    ],
)
def test_forged_and_odd_ones_are_answered_and_lead_nowhere(
    item: Any, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    assert said(world, item) == []
    assert said(world, item, a_notification(GOOD)) == ["changed"], "the others count"
    assert TUTOR["email"] not in caplog.text
    assert LEARNER["email"] not in caplog.text


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        pytest.param(b"", "application/json", 400, id="empty"),
        pytest.param(b"{", "application/json", 400, id="cut short"),
        pytest.param(b"[]", "application/json", 400, id="a list"),
        pytest.param(b'{"value": {}}', "application/json", 400, id="no list"),
        pytest.param(b'{"value": []}', "text/plain", 415, id="not said to be JSON"),
        pytest.param(b" " * (LIMIT + 1), "application/json", 413, id="too large"),
    ],
)
def test_what_is_no_notification_is_refused(body: bytes, kind: str, status: int) -> None:
    with pytest.raises(Invalid) as refused:
        take(World().ports, body, kind)
    assert refused.value.status == status


def test_an_older_key_is_good_until_it_is_taken_off() -> None:
    assert tenant_of(("new", KEY), GOOD, "u-1") == TENANT
    assert tenant_of(("new",), GOOD, "u-1") is None


def test_the_longest_names_fit() -> None:
    state = client_state(KEY, TenantId("t" * 63), UserId("u" * 100))
    assert len(state) == 120
    assert tenant_of((KEY,), state, "u" * 100) == "t" * 63


def test_a_hint_for_a_tenant_that_is_gone_or_disabled_is_dropped() -> None:
    world = a_world()
    world.graph.tutor.moves(world.event, "2026-05-01T09:00:00Z")
    world.notify()
    world.change_tenant(enabled=False)
    catch_up(world.ports)
    assert waiting(world) == []
