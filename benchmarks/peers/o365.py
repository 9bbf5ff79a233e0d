"""A peer: the O365 library, threads, one create per event, as many in flight as pays.

It creates the events and nothing else: no state, no LMS, no recovery. Runs in `.venv-bench`:

    python o365.py WORK.json     (see benchmarks/peering.py for what that holds)
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import requests
from O365 import Account, MSGraphProtocol
from O365.calendar import Event, OnlineMeetingProviderType, Schedule
from O365.connection import Connection
from requests.adapters import HTTPAdapter

PER_MAILBOX = 4


class Signed(Connection):  # type: ignore[misc]
    """A connection with a token that was fetched beforehand: signing in is not what is measured."""

    def __init__(self, token: str, ca: str, in_flight: int) -> None:
        super().__init__(("id", "secret"), auth_flow_type="credentials", tenant_id="x")
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.session.verify = ca
        self.session.mount("https://", HTTPAdapter(pool_maxsize=in_flight))

    def oauth_request(self, url: str, method: str, **kwargs: Any) -> Any:
        return self._internal_request(self.session, url, method, **kwargs)


class Protocol(MSGraphProtocol):  # type: ignore[misc]
    def __init__(self, base: str, zone: str) -> None:
        super().__init__(timezone=ZoneInfo(zone))
        self.protocol_url = base.rpartition("/")[0] + "/"
        self.service_url = f"{base}/"


class TeamsEvent(Event):  # type: ignore[misc]
    """2.1.10 sends booleans as text, which Graph takes for a fault."""

    def to_api_data(self, restrict_keys: set[str] | None = None) -> dict[str, Any]:
        data: dict[str, Any] = super().to_api_data(restrict_keys)
        data["isOnlineMeeting"] = True
        data.pop("SingleValueExtendedProperties", None)
        data.pop("singleValueExtendedProperties", None)
        return data


class TeamsSchedule(Schedule):  # type: ignore[misc]
    event_constructor = TeamsEvent


def create_all(work: dict[str, Any]) -> int:
    accounts = []
    for token in work["tokens"]:
        protocol = Protocol(work["base"], work["events"][0]["zone"])
        account = Account(("id", "secret"), protocol=protocol, auth_flow_type="credentials",
                          tenant_id="x")  # fmt: skip
        account.con = Signed(token, work["ca"], work["inFlight"])
        accounts.append(account)
    mailboxes: dict[tuple[int, str], threading.Semaphore] = defaultdict(
        lambda: threading.Semaphore(PER_MAILBOX)
    )
    for one in work["events"]:
        mailboxes[one["tenant"], one["user"]]

    def create(one: dict[str, Any]) -> bool:
        with mailboxes[one["tenant"], one["user"]]:
            schedule = TeamsSchedule(parent=accounts[one["tenant"]], main_resource=one["user"])
            event = schedule.new_event(subject=one["subject"])
            event.body = one["html"]
            zone = ZoneInfo(one["zone"])
            event.start = dt.datetime.fromisoformat(one["start"]).replace(tzinfo=zone)
            event.end = dt.datetime.fromisoformat(one["end"]).replace(tzinfo=zone)
            for address, name in one["attendees"]:
                event.attendees.add((name, address))
            event.is_online_meeting = True
            event.online_meeting_provider = OnlineMeetingProviderType.TeamsForBusiness
            event.transaction_id = one["transactionId"]
            # It keeps no join link: that would take another request.
            return bool(event.save())

    with ThreadPoolExecutor(work["inFlight"]) as pool:
        return sum(pool.map(create, work["events"]))


def main() -> None:
    work = json.loads(Path(sys.argv[1]).read_text())
    wall, cpu = time.perf_counter(), time.process_time()
    made = create_all(work)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"created": made, "wall_s": wall, "cpu_s": cpu}))


if __name__ == "__main__":
    main()
