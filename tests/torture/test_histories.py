"""Random histories of the whole world, kept to the same ones run after run."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.torture.machine import Histories

TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
