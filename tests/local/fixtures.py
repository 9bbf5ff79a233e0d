"""Pytest fixtures for whatever needs the neighbours. `tests/conftest.py` names this module in
`pytest_plugins`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local import children
from tests.local.azurite import Azurite


@pytest.fixture(scope="session")
def azurite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """One Azurite, tables and queues, for the whole session. Take tables and queues of your own."""
    with Azurite(logs=tmp_path_factory.mktemp("azurite")).running() as server:
        yield server


@pytest.fixture(scope="session")
def azurite(azurite_server: Azurite) -> str:
    """The connection string of the session's Azurite."""
    return azurite_server.connection_string


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    return children.free_port()
