"""A dose of ``tests.torture.load``, and that it would notice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from benchmarks.scene import fill
from shared.keys import partition
from shared.table import Delete
from tests.flows.world import MORNING, World
from tests.torture import load


def test_ten_broken_providers_lose_nothing_and_hold_nobody_up() -> None:
    with load.scene() as neighbours:
        figures = load.play(neighbours, due=200, seed=1, patience_s=1)
    assert figures.violations == [], figures


@pytest.fixture
def world() -> World:
    """Three components that are due."""
    world = World()
    tenant = world.ports.tenants.get(world.tenant)
    assert tenant
    fill(world.ports.store, tenant, 3, 1, MORNING + timedelta(days=3))
    return world


def lost(world: World) -> list[str]:
    tenant = world.ports.tenants.get(world.tenant)
    assert tenant
    return list(load.lost(world.ports.store, tenant, 3))


def test_what_waits_says_so(world: World) -> None:
    assert lost(world) == []
    assert world.show("C-000000")["reason"]["code"] == "due"


def test_what_is_gone_is_missed(world: World) -> None:
    world.table.commit(partition(world.tenant), [Delete("component|C-000001")])
    assert lost(world) == ["2 of 3 components are stored"]
