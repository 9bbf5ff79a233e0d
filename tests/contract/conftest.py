"""The tables the contracts are held to: the fake, and Azure's client on Microsoft's emulator."""

from __future__ import annotations

import uuid

import pytest

from shared.config import Settings
from shared.table import AzureTable, Table, open_table
from tests.fakes import MemoryTable


def settings(connection_string: str, prefix: str) -> Settings:
    return Settings.from_env(
        {
            "STATE_CONNECTION_STRING": connection_string,
            "STATE_TABLE_PREFIX": prefix,
            "CONNECTOR_CLIENT_ID": "connector",
            "CONNECTOR_CLIENT_SECRET": "secret",
            "SIGNING_KEY": "a-signing-key-for-tests",
        }
    )


@pytest.fixture(scope="session")
def azure_table(azurite: str) -> AzureTable:
    """A table on the emulator that nobody else writes to; it goes when the emulator does."""
    return open_table(settings(azurite, f"contract{uuid.uuid4().hex[:12]}"))


@pytest.fixture(params=["memory", "azurite"])
def table(request: pytest.FixtureRequest) -> Table:
    """Each test runs on both; partitions of its own keep them apart."""
    if request.param == "memory":
        return MemoryTable()
    found: AzureTable = request.getfixturevalue("azure_table")
    return found


@pytest.fixture
def part() -> str:
    """A partition that nobody has used."""
    return f"part|{uuid.uuid4().hex}"
