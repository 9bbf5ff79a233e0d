"""One tenant with a tutor and a mentor; another tenant with a tutor of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulators import GraphSimulator, SimClock, Simulators

from .client import MENTOR, NOW, OTHER_TENANT, TENANT, TUTOR, Client


def populate(graph: GraphSimulator) -> None:
    graph.add_tenant(TENANT, "Northern College")
    graph.add_user(TENANT, TUTOR, display_name="Terry Utor")
    graph.add_user(TENANT, MENTOR)
    graph.add_tenant(OTHER_TENANT, "Southern College")
    graph.add_user(OTHER_TENANT, "tutor@south.example")


@pytest.fixture
def graph() -> Iterator[GraphSimulator]:
    clock = SimClock()
    clock.set(NOW, frozen=True)
    simulator = GraphSimulator(clock)
    populate(simulator)
    yield simulator
    simulator.close()


@pytest.fixture
def client(graph: GraphSimulator) -> Client:
    return Client(graph)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    """All three over https, at real time; tests use tenants of their own in it."""
    folder: Path = tmp_path_factory.mktemp("certificates")
    with Simulators(folder) as simulators:
        yield simulators
