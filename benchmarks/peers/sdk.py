"""A peer: Microsoft's own SDK, async, one create per event, as many in flight as pays.

It creates the events and nothing else: no state, no LMS, no recovery. Runs in `.venv-bench`:

    python sdk.py WORK.json     (see benchmarks/peering.py for what that holds)
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
from azure.core.credentials import AccessToken
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.attendee import Attendee
from msgraph.generated.models.attendee_type import AttendeeType
from msgraph.generated.models.body_type import BodyType
from msgraph.generated.models.date_time_time_zone import DateTimeTimeZone
from msgraph.generated.models.email_address import EmailAddress
from msgraph.generated.models.event import Event
from msgraph.generated.models.item_body import ItemBody
from msgraph.generated.models.online_meeting_provider_type import OnlineMeetingProviderType
from msgraph_core import GraphClientFactory

PER_MAILBOX = 4


class Token:
    """A token that was fetched beforehand: signing in is not what is measured."""

    def __init__(self, token: str) -> None:
        self._token = AccessToken(token, int(time.time()) + 3600)

    async def get_token(self, *_scopes: str, **_more: Any) -> AccessToken:
        return self._token

    async def close(self) -> None:
        return None


def client(base: str, token: str, ca: str, in_flight: int) -> GraphServiceClient:
    http = GraphClientFactory.create_with_default_middleware(
        client=httpx.AsyncClient(
            verify=ssl.create_default_context(cafile=ca),
            timeout=60,
            limits=httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight),
        )
    )
    provider = AzureIdentityAuthenticationProvider(Token(token), allowed_hosts=["127.0.0.1"])
    adapter = GraphRequestAdapter(provider, client=http)
    adapter.base_url = base
    return GraphServiceClient(request_adapter=adapter)


def event(one: dict[str, Any]) -> Event:
    return Event(
        subject=one["subject"],
        body=ItemBody(content_type=BodyType.Html, content=one["html"]),
        start=DateTimeTimeZone(date_time=one["start"], time_zone=one["zone"]),
        end=DateTimeTimeZone(date_time=one["end"], time_zone=one["zone"]),
        attendees=[
            Attendee(
                type=AttendeeType.Required,
                email_address=EmailAddress(address=address, name=name),
            )
            for address, name in one["attendees"]
        ],
        is_online_meeting=True,
        online_meeting_provider=OnlineMeetingProviderType.TeamsForBusiness,
        transaction_id=one["transactionId"],
    )


async def create_all(work: dict[str, Any]) -> int:
    in_flight = asyncio.Semaphore(work["inFlight"])
    mailboxes: dict[tuple[int, str], asyncio.Semaphore] = defaultdict(
        lambda: asyncio.Semaphore(PER_MAILBOX)
    )
    clients = [
        client(work["base"], token, work["ca"], work["inFlight"]) for token in work["tokens"]
    ]

    async def create(one: dict[str, Any]) -> bool:
        async with mailboxes[one["tenant"], one["user"]], in_flight:
            users = clients[one["tenant"]].users
            made = await users.by_user_id(one["user"]).events.post(event(one))
            return bool(made and made.online_meeting and made.online_meeting.join_url)

    return sum(await asyncio.gather(*(create(one) for one in work["events"])))


def main() -> None:
    work = json.loads(Path(sys.argv[1]).read_text())
    wall, cpu = time.perf_counter(), time.process_time()
    made = asyncio.run(create_all(work))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"created": made, "wall_s": wall, "cpu_s": cpu}))


if __name__ == "__main__":
    main()
