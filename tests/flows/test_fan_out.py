"""Pieces done by whoever takes them from the queue: once, twice, late, out of order, or never."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from attendance_timer.night import NIGHT
from schedule_timer import sweep as sweeping
from schedule_timer.sweep import SWEEP
from shared import runs
from shared.errors import Unavailable
from shared.fan_out import Job, Order, Progress, carry_out, give_up, hand_out, read
from shared.pieces import LAST, Piece
from shared.table import rows
from tests.flows.world import ENTRA, LEARNER, TENANT, World

OWNERS = [f"tutor{n}@college.example" for n in range(4)]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Eight meetings of four tutors, saved before their window; two components make a piece."""
    monkeypatch.setattr(sweeping, "PIECE", 2)
    world = World()
    for owner in OWNERS:
        world.graph.add_user(ENTRA, owner)
    world.clock.set(world.clock() - timedelta(days=1), frozen=True)
    for n in range(8):
        world.save(f"C-{n}", owner={"email": OWNERS[n % 4], "name": "T"}, learner=LEARNER)
    world.pass_(days=1)
    return world


def orders(world: World, job: Job = SWEEP) -> list[Order]:
    found = [read(text.encode()) for text in hand_out(world.ports, job)]
    assert all(found)
    return [one for one in found if one]


def the_run(world: World) -> runs.Run:
    """The latest one."""
    (run, *_), _ = runs.listed(world.ports, "")
    return run


def do(world: World, order: Order, job: Job = SWEEP) -> None:
    carry_out(world.ports, order, job)
    world.settle_mail()


def test_pieces_cover_everybody_once_and_keep_a_mailbox_whole(world: World) -> None:
    pieces = orders(world)
    assert len(pieces) == 4
    assert pieces[0].low == ""
    assert pieces[-1].high == LAST
    assert [one.high for one in pieces[:-1]] == [one.low for one in pieces[1:]]
    assert {one.of for one in pieces} == {4}


def test_a_message_names_keys_and_nobody(world: World) -> None:
    for text in hand_out(world.ports, SWEEP):
        assert "@" not in text
        assert len(text) < 400


def test_pieces_by_anybody_in_any_order_do_what_the_timer_does(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for order in reversed(orders(world)):
        world.restart()
        do(world, order)
    assert len(world.events()) == 8
    run = the_run(world)
    assert (run.outcome, run.tenants[TENANT]["created"]) == ("done", 8)
    assert run.ended_at
    assert "unfinished" not in run.tenants[TENANT]
    finished = [r for r in caplog.records if r.message in ("tenant_sweep.finished", "run.finished")]
    assert len(finished) == 2


def test_a_run_is_not_over_before_its_last_piece(world: World) -> None:
    *most, last = orders(world)
    for order in most:
        do(world, order)
    assert the_run(world).outcome == "running"
    assert the_run(world).tenants[TENANT]["unfinished"]
    do(world, last)
    assert the_run(world).outcome == "done"


def test_a_piece_done_twice_changes_nothing_and_counts_once(world: World) -> None:
    for order in [one for one in orders(world) for _ in range(2)]:
        do(world, order)
    assert len(world.events()) == 8
    assert len(world.writes()) == 8
    assert the_run(world).tenants[TENANT]["created"] == 8


def test_a_lost_piece_is_done_by_the_next_run(world: World) -> None:
    for order in orders(world)[1:]:
        do(world, order)
    assert len(world.events()) == 6
    world.pass_(hours=3)
    for order in orders(world):
        do(world, order)
    assert len(world.events()) == 8


def test_a_piece_that_waited_until_the_next_run_is_left_to_that(world: World) -> None:
    late = orders(world)
    world.pass_(hours=3, seconds=1)
    for order in late:
        do(world, order)
    assert world.events() == []
    assert the_run(world).tenants[TENANT] == {"outdated": 4}


def test_who_dies_before_noting_is_followed_by_another_try(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last piece's work is done and noted, its tenant is not: the message comes again."""
    *most, last = orders(world)
    for order in most:
        do(world, order)

    def dies(*_: Any) -> None:
        raise RuntimeError("the machine is gone")

    with monkeypatch.context() as patched:
        patched.setattr(runs, "tenant_done", dies)
        with pytest.raises(RuntimeError):
            do(world, last)
    assert the_run(world).outcome == "running"
    do(world, last)
    assert the_run(world).outcome == "done"


def test_a_poisoned_piece_is_seen_in_the_run_and_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    *most, last = orders(world)
    for order in most:
        do(world, order)
    give_up(world.ports, last, SWEEP)
    run = the_run(world)
    assert run.outcome == "failed"
    assert run.tenants[TENANT]["error"] == "poisoned"
    assert run.tenants[TENANT]["created"] == 6
    (record,) = [r for r in caplog.records if r.message == "work.poisoned"]
    assert record.__dict__["tenant"] == TENANT


def test_a_tenant_that_is_gone_or_disabled_ends_the_run_all_the_same(world: World) -> None:
    found = orders(world)
    world.change_tenant(enabled=False)
    for order in found:
        do(world, order)
    assert world.events() == []
    assert the_run(world).outcome == "done"


def test_a_piece_that_fails_holds_up_no_other_and_is_done_by_the_catch_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the queue nobody else tries again, and the next sweep may be hours away."""
    whole, tried = sweeping._sweep_piece, []

    def first_one_fails(ports: Any, tenant: Any, piece: Piece) -> Any:
        tried.append(piece)
        if piece.low == "":
            raise Unavailable("the state table does not answer")
        return whole(ports, tenant, piece)

    monkeypatch.setattr(sweeping, "_sweep_piece", first_one_fails)
    world.sweep()
    assert len(tried) == 4
    assert the_run(world).tenants[TENANT] == {"error": "Unavailable"}
    assert len(world.events()) == 6
    monkeypatch.setattr(sweeping, "_sweep_piece", whole)
    world.pass_(minutes=1)
    world.catch_up()
    assert len(world.events()) == 8


def test_nobody_to_sweep_is_a_run_that_is_over(world: World) -> None:
    world.change_tenant(enabled=False)
    assert orders(world) == []
    assert the_run(world).outcome == "done"


def test_a_tenant_that_cannot_be_cut_ends_the_run_as_failed(world: World) -> None:
    def fails(*_: Any) -> list[Piece]:
        raise Unavailable("the state table does not answer")

    assert hand_out(world.ports, replace(SWEEP, pieces=fails)) == []
    run = the_run(world)
    assert (run.outcome, run.tenants) == ("failed", {TENANT: {"error": "Unavailable"}})


def test_a_tenant_with_nothing_due_is_one_piece(world: World) -> None:
    world.clock.set(world.clock() - timedelta(days=1), frozen=True)
    (order,) = orders(world)
    assert (order.low, order.high, order.of) == ("", LAST, 1)


def test_a_night_is_handed_out_too(world: World) -> None:
    world.sweep()
    world.pass_(days=6)
    for order in orders(world, NIGHT):
        do(world, order, NIGHT)
    run = the_run(world)
    assert (run.function, run.outcome) == ("attendance_timer", "done")
    assert world.show("C-1")["attendance"]["outcome"] == "awaiting_report"


@pytest.mark.parametrize("text", [b"", b"{}", b"nonsense", b'{"job": "sweep"}', b"\xff"])
def test_what_nobody_can_have_written_is_dropped(text: bytes) -> None:
    assert read(text) is None


def test_progress_goes_when_its_run_does(world: World) -> None:
    for order in orders(world):
        do(world, order)
    assert list(rows(world.table, runs.PROGRESS, "", "\x7f"))
    world.pass_(days=31)
    runs.purge(world.ports, world.clock())
    assert list(rows(world.table, runs.PROGRESS, "", "\x7f")) == []


def test_progress_and_pieces_have_defaults() -> None:
    assert Progress() == Progress({}, finished=False)
    assert Piece().buckets is None
    assert Piece("a").buckets == ("a", LAST)
