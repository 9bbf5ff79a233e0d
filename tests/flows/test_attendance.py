"""A meeting is held, and the morning after its hours reach the LMS, each with evidence."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared import evidence
from shared.errors import Invalid
from tests.flows.world import ENTRA, LEARNER, TENANT, TUTOR, World

HOUR = [(0, 60)]


def held(*people: tuple[Any, Any], **component: Any) -> World:
    """A world on the morning after a meeting of an hour with these people in it."""
    world = World()
    world.save(**component)
    world.clock.set(datetime(2026, 4, 30, 12, 0, tzinfo=UTC), frozen=True)
    if people:
        world.graph.attendance.hold(world.event, list(people))
    world.clock.set(datetime(2026, 5, 1, 2, 30, tzinfo=UTC), frozen=True)
    return world


@pytest.mark.parametrize(
    ("spells", "outcome", "hours"),
    [
        pytest.param(
            [("tutor", HOUR), ("learner", [(5, 55)])], "learner_time", "0:50", id="fifty minutes"
        ),
        pytest.param(
            [("tutor", HOUR), ("guest", [(0, 50)]), ("guest", [(0, 40)])],
            "whole_meeting", "1:00", id="two strangers",
        ),
        pytest.param([("tutor", HOUR)], "learner_absent", None, id="tutor alone"),
        pytest.param([("learner", HOUR)], "organizer_absent", None, id="learner alone"),
        pytest.param(
            [("tutor", HOUR), ("learner", [(0, 30)]), ("learner", [(20, 50)])],
            "learner_time", "0:50", id="two devices",
        ),
        pytest.param(
            [("tutor", HOUR), ("guest", [(10, 50)])], "assumed_learner", "0:40", id="one guest"
        ),
        pytest.param(
            [("tutor", HOUR), ("learner", [(0, 0.9)])], "under_a_minute", None, id="54 seconds"
        ),
    ],
)  # fmt: skip
def test_hours(spells: list[Any], outcome: str, hours: str | None) -> None:
    who: dict[str, Any] = {
        "tutor": TUTOR["email"],
        "learner": {"foreign": "L", "email": LEARNER["email"]},
        "guest": {"guest": "Somebody"},
    }
    world = held(*[(who[name], times) for name, times in spells])
    world.night()
    shown = world.show()
    # Without a session that counts it stays open until the retry nights are over.
    final = outcome != "organizer_absent"
    assert shown["state"] == ("verified" if final else "scheduled")
    assert (shown["attendance"]["outcome"], shown["attendance"]["final"]) == (outcome, final)
    expected = [("Data ethics workshop hours verified", hours)] if hours else []
    assert world.hours() == expected
    before = world.told()
    for _ in range(2):
        world.night()
    assert world.told() == before
    (record,) = shown["evidence"]
    (last,) = [e for e in world.lms.events(TENANT, "C-1") if e["type"].startswith("hours.")]
    assert last["data"]["evidenceId"] == record["id"]
    stored = {k: v for k, v in record.items() if k not in ("id", "sha256")}
    assert evidence.sha256(stored) == record["sha256"]
    assert last["data"].get("evidenceSha256", record["sha256"]) == record["sha256"]
    assert LEARNER["email"] not in json.dumps(stored)
    assert TUTOR["email"] not in json.dumps(stored)


def test_no_report_is_awaited_told_when_the_nights_are_over() -> None:
    world = held()
    for night in range(9):
        world.night()
        state = world.show()["attendance"]
        assert state["outcome"] == ("no_report" if night >= 7 else "awaiting_report")
        world.pass_(days=1)
    assert world.told() == ["meeting.scheduled", "hours.not_verified"]
    assert world.show()["state"] == "verified"


def test_a_late_report_on_the_third_night_still_earns() -> None:
    world = held()
    world.night()
    world.pass_(days=2)
    world.graph.attendance.hold(
        world.event, [(TUTOR["email"], HOUR), ({"foreign": "L", "email": LEARNER["email"]}, HOUR)]
    )
    world.night()
    assert world.hours() == [("Data ethics workshop hours verified", "1:00")]


def test_a_report_after_the_hours_were_posted_is_kept_as_evidence_and_changes_nothing() -> None:
    learner = {"foreign": "L", "email": LEARNER["email"]}
    world = held((TUTOR["email"], HOUR), (learner, [(0, 50)]))
    world.night()
    world.graph.attendance.hold(world.event, [(TUTOR["email"], [(70, 90)]), (learner, [(70, 90)])])
    world.pass_(days=1)
    world.night()
    shown = world.show()
    assert world.hours() == [("Data ethics workshop hours verified", "0:50")]
    assert "late_report" in shown["attendance"]["flags"]
    assert len(shown["evidence"]) == 2


def test_held_on_another_day_is_said_and_earns_nothing() -> None:
    world = World()
    world.save()
    world.clock.set(datetime(2026, 4, 29, 12, 0, tzinfo=UTC), frozen=True)
    day = -24 * 60
    world.graph.attendance.hold(
        world.event, [(TUTOR["email"], [(day, day + 60)]), (LEARNER["email"], [(day, day + 60)])]
    )
    world.clock.set(datetime(2026, 5, 1, 2, 30, tzinfo=UTC), frozen=True)
    world.night()
    assert world.show()["attendance"]["outcome"] == "different_day"
    assert world.show()["attendance"]["final"] is False


def test_without_the_policy_it_is_told_once_and_tried_again() -> None:
    world = held((TUTOR["email"], HOUR), ({"foreign": "L", "email": LEARNER["email"]}, HOUR))
    world.graph.revoke_policy(TUTOR["email"])
    for _ in range(3):
        world.night()
        world.pass_(days=1)
    assert world.told() == ["meeting.scheduled", "hours.not_verified"]
    world.graph.grant_policy(TUTOR["email"])
    world.night()
    assert world.hours() == [("Data ethics workshop hours verified", "1:00")]


def test_a_review_earns_nothing_unless_the_tenant_says_so() -> None:
    world = held(
        (TUTOR["email"], HOUR), ({"foreign": "L", "email": LEARNER["email"]}, HOUR), kind="review"
    )
    world.night()
    assert world.show()["attendance"]["outcome"] == "review"


def test_a_person_decides_once_and_the_guest_is_known_the_next_time() -> None:
    private = {"foreign": "L. Earner", "email": "private@mail.example"}
    world = World()
    world.change_tenant(attendance={"unidentifiedOther": "hold"})
    world.save()
    world.clock.set(datetime(2026, 4, 30, 12, 0, tzinfo=UTC), frozen=True)
    world.graph.attendance.hold(world.event, [(TUTOR["email"], HOUR), (private, [(0, 45)])])
    world.clock.set(datetime(2026, 5, 1, 2, 30, tzinfo=UTC), frozen=True)
    world.night()
    assert world.show()["attendance"]["outcome"] == "held_for_review"
    assert world.hours() == []
    answer = world.act(
        "decide", decision="accept", participant="unidentified 1", by="A. Dmin", reason="Her tablet"
    )
    assert answer["attendance"]["outcome"] == "learner_time"
    assert world.hours() == [("Data ethics workshop hours verified", "0:45")]
    with pytest.raises(Invalid) as refused:
        world.act("decide", decision="accept", by="A. Dmin", reason="Again")
    assert refused.value.code == "nothing_to_decide"
    world.save("C-2", start="2026-05-04T09:00:00+01:00", end="2026-05-04T10:00:00+01:00")
    world.clock.set(datetime(2026, 5, 4, 12, 0, tzinfo=UTC), frozen=True)
    second = next(e for e in world.events() if e.start.day == 4)
    world.graph.attendance.hold(second, [(TUTOR["email"], HOUR), (private, [(0, 30)])])
    world.clock.set(datetime(2026, 5, 5, 2, 30, tzinfo=UTC), frozen=True)
    world.night()
    assert world.hours("C-2") == [("Data ethics workshop hours verified", "0:30")]


def test_a_colleague_from_the_directory_is_somebody_else() -> None:
    world = World()
    world.graph.add_user(ENTRA, "colleague@college.example")
    world.save()
    world.clock.set(datetime(2026, 4, 30, 12, 0, tzinfo=UTC), frozen=True)
    world.graph.attendance.hold(
        world.event, [(TUTOR["email"], HOUR), ("colleague@college.example", HOUR)]
    )
    world.clock.set(datetime(2026, 5, 1, 2, 30, tzinfo=UTC), frozen=True)
    world.night()
    shown = world.show()
    assert shown["attendance"]["outcome"] == "learner_absent"
    assert shown["attendance"]["flags"] == ["uninvited_present"]


def test_another_learner_is_somebody_else() -> None:
    world = World()
    other = {"email": "other@work.example", "name": "O"}
    world.save("C-2", learner=other, start="2026-05-04T09:00:00+01:00",
               end="2026-05-04T10:00:00+01:00")  # fmt: skip
    world.save()
    world.clock.set(datetime(2026, 4, 30, 12, 0, tzinfo=UTC), frozen=True)
    first = next(e for e in world.events() if e.start.day == 30)
    world.graph.attendance.hold(
        first, [(TUTOR["email"], HOUR), ({"foreign": "O", "email": other["email"]}, HOUR)]
    )
    world.clock.set(datetime(2026, 5, 1, 2, 30, tzinfo=UTC), frozen=True)
    world.night()
    assert world.show()["attendance"]["outcome"] == "learner_absent"


def test_after_the_start_edits_change_nothing_but_the_name_of_the_note() -> None:
    world = World()
    world.save()
    world.clock.set(datetime(2026, 4, 30, 8, 0, tzinfo=UTC), frozen=True)
    before = world.writes()
    answer = world.save(name="Ethics", plannedMinutes=None, cancelled=True)
    assert world.writes() == before
    assert answer["flags"] == ["edited_after_start"]
    learner = {"foreign": "L", "email": LEARNER["email"]}
    world.graph.attendance.hold(world.event, [(TUTOR["email"], HOUR), (learner, [(0, 61)])])
    world.clock.set(datetime(2026, 5, 1, 2, 30, tzinfo=UTC), frozen=True)
    world.night()
    assert world.hours() == [("Ethics hours verified", "1:01")]
    flags = world.show()["attendance"]["flags"]
    assert "planned_exceeded" in flags


def test_every_link_the_component_ever_had_is_asked() -> None:
    world = World()
    world.save()
    first = world.event.join_url
    world.graph.tutor.renews_link(world.event)
    world.sweep()
    assert world.told() == ["meeting.scheduled", "meeting.scheduled"]
    world.clock.set(datetime(2026, 4, 30, 12, 0, tzinfo=UTC), frozen=True)
    learner = {"foreign": "L", "email": LEARNER["email"]}
    assert first is not None
    world.graph.attendance.hold(first, [(TUTOR["email"], [(0, 20)]), (learner, [(0, 20)])])
    world.graph.attendance.hold(world.event, [(TUTOR["email"], [(30, 60)]), (learner, [(30, 60)])])
    world.clock.set(datetime(2026, 5, 1, 2, 30, tzinfo=UTC), frozen=True)
    world.night()
    assert world.hours() == [("Data ethics workshop hours verified", "0:50")]


def test_the_day_is_over_at_local_midnight() -> None:
    world = World()
    world.save(start="2026-04-30T23:00:00+01:00", end="2026-04-30T23:30:00+01:00")
    world.clock.set(datetime(2026, 4, 30, 22, 59, tzinfo=UTC), frozen=True)
    world.graph.attendance.hold(world.event, [(TUTOR["email"], [(0, 30)])])
    world.night()
    assert world.show()["attendance"] is None
    world.pass_(minutes=1)
    world.night()
    assert world.show()["attendance"]["outcome"] == "learner_absent"


def test_reverify_looks_again_and_does_not_post_twice() -> None:
    learner = {"foreign": "L", "email": LEARNER["email"]}
    world = held((TUTOR["email"], HOUR), (learner, HOUR))
    world.night()
    for _ in range(3):
        world.act("reverify")
    assert len(world.hours()) == 1
    world.clock.advance(timedelta(days=30))
    world.act("reverify")
    assert len(world.hours()) == 1
