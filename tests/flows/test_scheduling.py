"""A component becomes a meeting, and follows the LMS."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.keys import partition
from shared.model import TenantId
from shared.table import Put, rows
from tests.flows.world import ENTRA, LEARNER, TENANT, TUTOR, World


def at(hour: int, minute: int = 0, day: int = 30, month: int = 4) -> str:
    """A local time in London's summer."""
    return f"2026-{month:02}-{day:02}T{hour:02}:{minute:02}:00+01:00"


def test_a_save_inside_the_window_is_a_meeting_within_the_request() -> None:
    world = World()
    answer = world.save()
    assert answer["state"] == "scheduled"
    assert answer["meeting"]["start"] == "2026-04-30T09:00:00+01:00"
    assert answer["opensOn"] == "2026-04-25"
    assert world.told() == ["meeting.scheduled"]
    assert world.task().join_url == answer["meeting"]["joinUrl"]
    assert (world.event.start_zone, world.event.end_zone) == ("Europe/London", "Europe/London")
    assert world.event.start == datetime(2026, 4, 30, 8, 0, tzinfo=UTC)
    assert [a.address for a in world.event.attendees] == [LEARNER["email"]]


def test_before_its_window_it_waits_and_the_sweep_makes_it_on_the_day() -> None:
    world = World(datetime(2026, 4, 24, 22, 59, tzinfo=UTC))
    assert world.save()["state"] == "waiting"
    world.sweep()
    assert world.events() == []
    world.pass_(minutes=1)  # midnight in London
    world.sweep()
    assert len(world.events()) == 1
    assert world.told() == ["meeting.scheduled"]


def test_replaying_everything_changes_nothing() -> None:
    world = World()
    world.save()
    before = world.writes()
    for _ in range(3):
        assert world.lms.repeat(TENANT, "C-1").wait().status == 200
        world.sweep()
        world.catch_up()
        world.night()
    assert world.writes() == before
    assert world.told() == ["meeting.scheduled"]


def test_an_older_revision_is_answered_and_changes_nothing() -> None:
    world = World()
    world.save(name="New")
    delivery = world.lms.outbox.deliveries[-1]
    world.save(name="Newer")
    world.lms.outbox.send(
        world.lms.tenants[TENANT], delivery.path, json.loads(delivery.body)
    ).wait()
    assert world.event.subject == "Newer"


def test_a_revision_used_for_two_saves_is_a_conflict() -> None:
    world = World()
    world.save()
    task = world.task()
    task.name = "Another"
    assert world.lms.repeat(TENANT, "C-1").wait().status == 409


@pytest.mark.parametrize(
    ("notice", "state"),
    [
        pytest.param(timedelta(hours=2, minutes=59, seconds=59), "too_late", id="a second short"),
        pytest.param(timedelta(hours=3), "scheduled", id="exactly three hours"),
        pytest.param(timedelta(hours=3, seconds=1), "scheduled", id="a second more"),
        pytest.param(timedelta(hours=-1), "too_late", id="past"),
    ],
)
def test_lead_time(notice: timedelta, state: str) -> None:
    world = World()
    start = world.clock() + notice
    answer = world.save(start=start.isoformat(), end=(start + timedelta(hours=1)).isoformat())
    assert answer["state"] == state
    told = {"too_late": ["meeting.failed"], "scheduled": ["meeting.scheduled"]}[state]
    assert world.told() == told
    world.sweep()
    assert world.told() == told


def test_seen_in_time_and_made_late_by_a_failure_is_still_scheduled() -> None:
    world = World()
    start = world.clock() + timedelta(hours=4)
    world.graph.faults.add("unavailable", path="/events$", times=None, method="POST")
    answer = world.save(start=start.isoformat(), end=(start + timedelta(hours=1)).isoformat())
    assert (answer["state"], answer["reason"]["code"]) == ("pending", "teams_unavailable")
    world.graph.faults.clear()
    world.pass_(hours=3)
    world.catch_up()
    assert world.show()["state"] == "scheduled"


def test_seen_in_time_and_never_made_is_missed() -> None:
    world = World()
    start = world.clock() + timedelta(hours=4)
    world.graph.faults.add("unavailable", path="/events$", times=None, method="POST")
    world.save(start=start.isoformat(), end=(start + timedelta(hours=1)).isoformat())
    world.pass_(hours=5)
    world.graph.faults.clear()
    world.sweep()
    shown = world.show()
    assert world.events() == []
    assert (shown["state"], shown["reason"]["code"]) == ("failed", "missed")
    assert world.told() == ["meeting.failed"]


def test_a_reschedule_in_the_lms_moves_the_same_event_also_beyond_the_window() -> None:
    world = World()
    link = world.save()["meeting"]["joinUrl"]
    event = world.event
    answer = world.save(start=at(14, day=29, month=5), end=at(15, day=29, month=5))
    assert answer["state"] == "scheduled"
    assert world.event is event
    assert event.start == datetime(2026, 5, 29, 13, 0, tzinfo=UTC)
    assert answer["meeting"]["joinUrl"] == link
    assert world.told() == ["meeting.scheduled"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"cancelled": True}, id="cancelled"),
        pytest.param({"meetOnline": False}, id="unticked"),
        pytest.param({"start": None, "end": None}, id="undated"),
    ],
)
def test_no_longer_wanted_is_cancelled_in_teams(change: dict[str, Any]) -> None:
    world = World()
    world.save()
    answer = world.save(**change)
    assert answer["state"] == ("cancelled" if "cancelled" in change else "offline")
    assert world.events() == []
    assert world.told() == ["meeting.scheduled"]
    cancellations = [m for m in world.graph.journal.mails if m.kind == "cancellation"]
    assert [mail.to for mail in cancellations] == [LEARNER["email"]]
    world.sweep()
    assert len(world.writes()) == 2


def test_deleted_in_the_lms_is_cancelled_in_teams() -> None:
    world = World()
    world.save()
    assert world.lms.delete(TENANT, "C-1").wait().json()["state"] == "cancelled"
    assert world.events() == []


def test_deleting_what_was_never_heard_of_is_remembered() -> None:
    world = World()
    assert world.lms.delete(TENANT, "C-9").wait().json()["state"] == "cancelled"
    assert world.lms.delete(TENANT, "C-9").wait().json()["revision"] == 2


def test_what_teams_does_not_show_sends_nothing() -> None:
    world = World()
    world.save()
    before = len(world.graph.journal.entries)
    world.save(plannedMinutes=90)
    assert len(world.graph.journal.entries) == before


def test_a_renamed_component_renames_the_event_and_nothing_else() -> None:
    world = World()
    world.save()
    world.save(name="Final review")
    assert world.event.subject == "Final review"
    patch = next(c for c in world.sent if c.method == "PATCH")
    assert set(json.loads(patch.body or b"{}")) == {"subject"}


def test_a_new_agenda_keeps_the_link() -> None:
    world = World()
    link = world.save(description="Bring your log.")["meeting"]["joinUrl"]
    answer = world.save(description="Bring last month's log & a pen.")
    assert answer["meeting"]["joinUrl"] == link
    assert answer["flags"] == []
    assert "a pen" in world.event.content
    assert "Bring your log" not in world.event.content


def test_an_agenda_that_finds_no_place_is_flagged_and_the_link_stays() -> None:
    world = World()
    link = world.save(description="Bring your log.")["meeting"]["joinUrl"]
    world.graph.tutor.rewrites_body(world.event, f"<p>Mine: {link}</p>")
    answer = world.save(description="Other.")
    assert answer["flags"] == ["agenda_not_updated"]
    assert answer["state"] == "scheduled"


def test_a_new_owner_gets_the_meeting_and_the_old_one_loses_it() -> None:
    world = World()
    old = world.save()["meeting"]["joinUrl"]
    world.graph.add_user(ENTRA, "other@college.example")
    answer = world.save(owner={"email": "other@college.example", "name": "O. Ther"})
    assert answer["state"] == "scheduled"
    assert answer["meeting"]["organizer"] == "other@college.example"
    assert world.event.user.upn == "other@college.example"
    assert answer["meeting"]["joinUrl"] != old
    assert world.told() == ["meeting.scheduled", "meeting.scheduled"]


def test_the_same_owner_under_another_address_changes_nothing() -> None:
    world = World()
    user = world.graph.user(TUTOR["email"])
    world.save()
    world.save(owner={"email": "T.Utor@college.example", "name": "T", "entraId": user.id})
    assert len(world.writes()) == 1


def test_an_owner_without_teams_is_a_reason_told_once_until_mended() -> None:
    world = World()
    world.graph.user(TUTOR["email"]).teams = False
    answer = world.save()
    assert (answer["state"], answer["reason"]["code"]) == ("failed", "owner_without_teams")
    world.sweep()
    assert world.events() == []
    assert world.told() == ["meeting.failed"]
    world.graph.user(TUTOR["email"]).teams = True
    world.sweep()
    assert world.told() == ["meeting.failed", "meeting.scheduled"]


def test_an_owner_nobody_knows_is_a_reason() -> None:
    world = World()
    answer = world.save(owner={"email": "nobody@college.example", "name": "N"})
    assert (answer["state"], answer["reason"]["code"]) == ("failed", "owner_not_found")


def test_blank_addresses_are_stored_and_said() -> None:
    world = World()
    assert world.save(owner={"email": "", "name": ""})["reason"]["code"] == "owner_missing"
    assert (
        world.save("C-2", learner={"email": " ", "name": ""})["reason"]["code"] == "learner_missing"
    )


def test_a_review_invites_manager_and_mentor_when_the_employer_can_view() -> None:
    world = World()
    world.save(
        kind="review",
        employerCanView=True,
        manager={"email": "boss@work.example", "name": "B"},
        mentor={"email": "BOSS@work.example", "name": "M"},
    )
    assert [a.address for a in world.event.attendees] == [LEARNER["email"], "boss@work.example"]


def test_a_lost_answer_is_recovered_within_the_request() -> None:
    world = World()
    world.graph.faults.add("drop_after", method="POST", path="/events$")
    assert world.save()["state"] == "scheduled"
    assert len(world.events()) == 1


def test_a_lost_answer_whose_replay_fails_is_recovered_by_the_catch_up() -> None:
    world = World()
    world.graph.faults.add("drop_after", method="POST", path="/events$")
    world.graph.faults.add("drop", method="POST", path="/events$", times=3)
    assert world.save()["state"] == "pending"
    world.restart()
    world.pass_(minutes=2)
    world.catch_up()
    world.pass_(minutes=3)
    world.catch_up()
    world.sweep()
    assert len(world.events()) == 1
    assert world.told() == ["meeting.scheduled"]


def test_preview_writes_nothing_and_shows_the_plan() -> None:
    world = World()
    world.change_tenant(mode="preview")
    answer = world.save()
    assert (answer["state"], answer["reason"]["code"]) == ("pending", "preview")
    world.sweep()
    world.catch_up()
    world.night()
    assert (world.writes(), world.told()) == ([], [])
    world.change_tenant(mode="live")
    world.sweep()
    assert world.told() == ["meeting.scheduled"]


def test_a_disabled_tenant_is_stored_and_done_when_enabled() -> None:
    world = World()
    world.change_tenant(enabled=False)
    answer = world.save()
    assert (answer["state"], answer["reason"]["code"]) == ("pending", "tenant_disabled")
    world.sweep()
    assert world.events() == []
    world.change_tenant(enabled=True)
    world.sweep()
    assert len(world.events()) == 1


def test_a_new_zone_sends_future_events_again() -> None:
    world = World()
    world.save()
    world.change_tenant(timeZone="Europe/Paris")
    world.sweep()
    assert world.event.start_zone == "Europe/Paris"
    assert world.event.start == datetime(2026, 4, 30, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "zone"),
    [
        pytest.param("2026-10-25T01:30:00+01:00", "UTC", id="first half past one"),
        pytest.param("2026-10-25T01:30:00+00:00", "UTC", id="second half past one"),
        pytest.param("2026-10-25T02:00:00+00:00", "Europe/London", id="after"),
        pytest.param("2026-03-29T02:30:00+01:00", "Europe/London", id="spring, just after"),
    ],
)
def test_the_hours_the_clocks_change(start: str, zone: str) -> None:
    instant = datetime.fromisoformat(start).astimezone(UTC)
    world = World(instant - timedelta(days=2))
    world.save(start=start, end=(instant + timedelta(hours=3)).isoformat())
    assert world.event.start == instant
    assert world.event.start_zone == zone


def test_a_zone_without_whole_hours() -> None:
    world = World()
    world.change_tenant(timeZone="Asia/Kolkata")
    answer = world.save(start="2026-04-30T09:00:00+05:30", end="2026-04-30T10:00:00+05:30")
    assert answer["meeting"]["start"] == "2026-04-30T09:00:00+05:30"
    assert world.event.start == datetime(2026, 4, 30, 3, 30, tzinfo=UTC)
    assert world.event.start_zone == "Asia/Kolkata"


def test_a_list_stores_each_by_itself_and_schedules_nothing_within_the_request() -> None:
    world = World()
    for n in range(3):
        world.lms.put_silently(
            TENANT, f"B-{n}", name=f"B {n}", owner=TUTOR, learner=LEARNER,
            start=at(9 + n), end=at(10 + n),
        )  # fmt: skip
    (delivery,) = world.lms.send_list(TENANT)
    results = delivery.wait().json()["results"]
    assert [r["status"] for r in results] == ["stored"] * 3
    assert world.events() == []
    world.sweep()
    assert len(world.events()) == 3
    (again,) = world.lms.send_list(TENANT)
    assert [r["status"] for r in again.wait().json()["results"]] == ["unchanged"] * 3


def test_an_event_without_a_meeting_is_cancelled_once() -> None:
    world = World()
    user = world.graph.user(TUTOR["email"])
    world.graph.faults.add(
        "call", path="/events$", method="POST", action=lambda: setattr(user, "teams", False)
    )
    answer = world.save()
    assert (answer["state"], answer["reason"]["code"]) == ("failed", "owner_without_teams")
    assert world.events() == []
    user.teams = True
    before = len(world.writes())
    world.sweep()
    assert len(world.writes()) == before  # the same reading is not believed
    user.teams = False
    world.sweep()
    user.teams = True
    world.sweep()
    assert len(world.events()) == 1


def test_a_row_that_nobody_can_read_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever became of it by hand or by a newer version; its alert names it."""
    world = World(datetime(2026, 4, 24, 22, 59, tzinfo=UTC))
    for component in ("C-1", "C-2"):
        world.save(component)
    world.pass_(minutes=1)
    where = partition(TenantId(TENANT))
    (shelved,) = (row for row in rows(world.table, where, "due|", "due}") if "|C-1" in row.key)
    world.table.commit(where, [Put(replace(shelved, text='{"saved": {"kind": "webinar"}}'))])
    world.sweep()
    assert [len(world.told(one)) for one in ("C-1", "C-2")] == [0, 1]
    told = [(r.component, r.why) for r in caplog.records if r.message == "component.failed"]  # type: ignore[attr-defined]
    assert told == [("C-1", "row_unreadable")]
    world.table.commit(where, [Put(shelved)])
    world.sweep()
    assert [len(world.told(one)) for one in ("C-1", "C-2")] == [1, 1]
