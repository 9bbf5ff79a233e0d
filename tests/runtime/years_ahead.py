"""What `test_neighbours` runs in a process that lives in 2041: libraries the connector leans on.

python -m tests.runtime.years_ahead HTTPS_URL CA_FILE STORAGE_CONNECTION_STRING
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msal
import requests
from azure.data.tables import TableServiceClient

from tests.local.clock import Clock

YEARS_AHEAD = datetime(2041, 3, 31, 0, 59, 59, tzinfo=UTC)


def main(url: str, ca_file: str, storage: str) -> None:
    """Raise AssertionError at what does not work."""
    monotonic = time.monotonic()
    clock = Clock(YEARS_AHEAD)
    assert time.monotonic() - monotonic < 5, "monotonic time is real"
    _waits_are_real()
    assert requests.get(url, verify=ca_file, timeout=5).ok
    _tables_work(storage)
    _tokens_expire_by_the_clock(clock)
    _threads_see_one_time(clock)


def _waits_are_real() -> None:
    def took(wait: Callable[[], object]) -> float:
        started = time.perf_counter()
        wait()
        return time.perf_counter() - started

    assert 0.04 < took(lambda: time.sleep(0.05)) < 1
    assert 0.04 < took(lambda: threading.Event().wait(0.05)) < 1
    assert 0.04 < took(lambda: asyncio.run(asyncio.sleep(0.05))) < 1


def _tables_work(storage: str) -> None:
    service = TableServiceClient.from_connection_string(storage)
    with service.create_table(f"t{uuid.uuid4().hex}") as table:
        at = datetime.now(UTC)
        table.create_entity({"PartitionKey": "p", "RowKey": "r", "at": at})
        read = table.get_entity("p", "r")["at"]
        assert abs(read - at) < timedelta(milliseconds=1)


def _tokens_expire_by_the_clock(clock: Clock) -> None:
    """A token for an hour is good for an hour of the process's time."""
    cache = msal.TokenCache()
    event = {
        "client_id": "c",
        "scope": ["s"],
        "token_endpoint": "https://login.example/tenant/oauth2/v2.0/token",
        "response": {"access_token": "secret", "expires_in": 3600, "token_type": "Bearer"},
    }
    cache.add(event)
    (entry,) = cache.search(msal.TokenCache.CredentialType.ACCESS_TOKEN)
    assert abs(int(entry["expires_on"]) - time.time() - 3600) < 5
    clock.move(clock.now() + timedelta(hours=2), frozen=False)
    assert int(entry["expires_on"]) < time.time()


def _threads_see_one_time(clock: Clock) -> None:
    """While the clock jumps an hour fifty times, no thread sees it go back, or less than it is."""

    def look(_: int) -> bool:
        seen = [time.time() for _ in range(2000)]
        return seen == sorted(seen)

    with ThreadPoolExecutor(8) as pool:
        looks = pool.map(look, range(64))
        for _ in range(50):
            clock.move(clock.now() + timedelta(hours=1), frozen=False)
            time.sleep(0.001)
        assert all(looks)


if __name__ == "__main__":
    main(*sys.argv[1:])
