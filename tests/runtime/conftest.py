"""A host serving the tiny app, beside an Azurite for its queues."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.local.azurite import Azurite
from tests.local.hosting import LocalHost

TINY = Path(__file__).with_name("tiny_app")

# Starts hosts of the tiny app that live as long as the test.
Serve = Callable[..., LocalHost]


@pytest.fixture
def serve(azurite_server: Azurite, tmp_path: Path) -> Iterator[Serve]:
    """Start hosts with keyword arguments of `LocalHost`; each has queues of its own by default."""
    hosts: list[LocalHost] = []

    def start(env: dict[str, str] | None = None, **options: object) -> LocalHost:
        settings = {
            "TINY": azurite_server.connection_string,
            "TINY_QUEUE": f"work-{tmp_path.name.replace('_', '-').lower()[:40].strip('-')}",
            "TINY_CRON": "0 0 */3 * * *",
            **(env or {}),
        }
        log = tmp_path / f"host-{len(hosts)}.log"
        host = LocalHost(settings, app=TINY, log=log, **options)  # type: ignore[arg-type]
        hosts.append(host)
        host.start()
        return host

    yield start
    for host in hosts:
        host.kill()


@pytest.fixture(scope="module")
def tiny(azurite_server: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHost]:
    """One host of the tiny app for tests that leave no trace that matters."""
    folder = tmp_path_factory.mktemp("tiny")
    env = {
        "TINY": azurite_server.connection_string,
        "TINY_QUEUE": f"work-{folder.name.lower().replace('_', '-')}",
        "TINY_CRON": "0 0 */3 * * *",
    }
    with LocalHost(env, app=TINY, log=folder / "host.log").running() as host:
        yield host
