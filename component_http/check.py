"""``GET …/check``: what works and what is missing for a tenant, item by item, each with its mend.

Everything is tried rather than believed: a new token, each organizer's calendar, a look-up of one
of their meetings, a ping to the LMS. Nothing is written anywhere.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from component_http import findings
from component_http.findings import OK, WARNING, Item, Subject
from component_http.lookup import the_tenant
from component_http.mends import Ids
from component_http.receive import Reply
from shared import contract, subscriptions
from shared.directory import find_users
from shared.errors import Broken, Fault, NotFound, Refused, RemoteError
from shared.graph import protocol
from shared.graph.client import Graph, Outcome
from shared.graph.protocol import CLOUDS, Request
from shared.graph.tokens import claims_of
from shared.http import Answer, Call
from shared.keys import partition
from shared.model import Mode, Person, Tenant, UserId, fold
from shared.people import is_guid
from shared.ports import Ports
from shared.record import Record, Shelf

GRAPH_S = 60.0
WEB_S = 5.0


def check(ports: Ports, tenant_id: str, query: Mapping[str, str]) -> Reply:
    """Every item, in the order in which they depend on each other."""
    tenant = the_tenant(ports, tenant_id)
    named = _named(query.get("organizer", ""))
    items = list(_Check(ports, tenant).run(named))
    return Reply(200, {"items": [item.json() for item in items]})


def _named(organizer: str) -> Person | None:
    """Somebody asked about, by address or object id."""
    text = organizer.strip()
    if not text:
        return None
    if is_guid(text):
        return Person("", "", UserId(text.lower()))
    if not contract.is_address(text):
        fault = Fault("#/organizer", "not_an_address", "An e-mail address, or an object id.")
        raise contract.refusal("invalid", (fault,))
    return Person(text, "")


class _Check:
    """One look at one tenant."""

    def __init__(self, ports: Ports, tenant: Tenant) -> None:
        self._ports = ports
        self._tenant = tenant
        self._end = time.monotonic() + GRAPH_S
        settings = ports.settings
        self._ids = Ids(
            client=settings.client_id,
            identity=settings.identity_client_id,
            entra_tenant=tenant.entra_tenant_id,
            cloud=tenant.cloud,
            tenant=tenant.id,
        )

    def run(self, named: Person | None) -> Iterator[Item]:
        graph = self._ports.graph(self._tenant)
        token = _token(graph)
        yield findings.token(token, self._ids)
        subjects: list[Subject] = []
        if isinstance(token, RemoteError):
            yield from findings.without_token()
            yield self._notifications(subjects)
        else:
            claims = claims_of(token)
            ids = replace(self._ids, principal=str(claims.get("oid") or ""))
            granted = frozenset(str(role) for role in claims.get("roles") or ())
            subjects = self._subjects(named)
            self._ask(graph, granted, subjects)
            yield from findings.roles(granted, ids)
            yield findings.calendar_right(granted, subjects, ids)
            wanted = self._tenant.change_notifications
            yield findings.subscribing_right(granted, ids, wanted=wanted)
            yield self._notifications(subjects)
            for one in subjects:
                yield from findings.organizer(one, granted, ids)
        ping = self._ping()
        yield findings.callback(ping, self._ids)
        yield findings.clock(self._clocks(ping))

    # -- who -----------------------------------------------------------------------------

    def _subjects(self, named: Person | None) -> list[Subject]:
        """Owners with meetings ahead, by name; first of all who is asked for."""
        now = self._ports.clock()
        found: dict[str, Subject] = {}
        if named:
            found[named.key] = Subject(named)
        for record in self._ahead(now):
            owner = record.saved.owner
            if owner.key and record.wants_meeting:
                known = found.setdefault(owner.key, Subject(owner))
                if record.booking and record.booking.owner_key == owner.key:
                    known.link = known.link or record.booking.join_url
        for stored in self._ports.store.shelf(self._tenant.id, Shelf.AHEAD, until=now):
            booking = stored.record.booking
            if booking and booking.owner_key in found:
                found[booking.owner_key].past = booking
        first = fold(named.email) if named else ""
        return sorted(found.values(), key=lambda one: (fold(one.name) != first, fold(one.name)))

    def _ahead(self, now: datetime) -> Iterator[Record]:
        for which, since in ((Shelf.OPEN, None), (Shelf.AHEAD, now), (Shelf.DUE, now)):
            for stored in self._ports.store.shelf(self._tenant.id, which, since):
                yield stored.record

    # -- asking --------------------------------------------------------------------------

    def _left(self) -> float:
        return max(1.0, self._end - time.monotonic())

    def _run(self, graph: Graph, requests: Sequence[Request]) -> list[Outcome]:
        return graph.run(requests, self._left()) if requests else []

    def _ask(self, graph: Graph, granted: frozenset[str], subjects: Sequence[Subject]) -> None:
        users = find_users(graph, {one.name: one.person for one in subjects}, self._left())
        for one in subjects:
            one.user = users.get(one.name)
            self._recall(one)
        known = [(one, one.id) for one in subjects if one.id]
        reads = self._run(graph, [protocol.read_providers(user) for _, user in known])
        writes: list[Outcome] = [None] * len(known)
        if findings.READ in granted and findings.WRITE not in granted:
            # Then reading proves the one and not the other, which Exchange may grant or not.
            writes = self._run(graph, [protocol.probe_writing(user) for _, user in known])
        links = [
            protocol.find_meeting(user, one.link or _no_link(self._tenant, user))
            for one, user in known
        ]
        lookups = self._run(graph, links)
        answers = zip(known, reads, writes, lookups, strict=True)
        for (one, _), calendar, writing, lookup in answers:
            one.calendar, one.writing, one.lookup = calendar, writing, lookup
        self._ask_reports(graph, [one for one, _ in known])

    def _recall(self, one: Subject) -> None:
        """Whom the directory does not show us now, but did before: a right was lost since."""
        if isinstance(one.user, RemoteError):
            former = self._ports.store.organizer(self._tenant.id, one.person.key)
            if former and former.id:
                one.user = (former.id, former.addresses)

    def _ask_reports(self, graph: Graph, subjects: Sequence[Subject]) -> None:
        """The reports of the last meeting that each held, or why they cannot be seen."""
        pasts = [(one, one.past) for one in subjects if one.past]
        links = [protocol.find_meeting(past.organizer, past.join_url) for _, past in pasts]
        found: list[tuple[Subject, Request]] = []
        for (one, past), outcome in zip(pasts, self._run(graph, links), strict=True):
            meeting = _first(outcome)
            if isinstance(meeting, RemoteError):
                one.reports = meeting
            else:
                found.append((one, protocol.list_reports(past.organizer, meeting)))
        lists = self._run(graph, [request for _, request in found])
        for (one, _), outcome in zip(found, lists, strict=True):
            one.reports = _listed(outcome)

    # -- change notifications ------------------------------------------------------------

    def _notifications(self, subjects: Sequence[Subject]) -> Item:
        """Whether Teams tells us of changes at once."""
        name, tenant = "change notifications", self._tenant
        address = self._ports.settings.public_base_url
        if not tenant.change_notifications:
            return Item(name, OK, "Not wanted: changeNotifications is false.", "not_wanted")
        if not address:
            return Item(
                name, WARNING, "Microsoft Graph cannot reach us: PUBLIC_BASE_URL is not set.",
                "no_public_address", "# Set PUBLIC_BASE_URL to the https address of this app.",
            )  # fmt: skip
        if not tenant.enabled or tenant.mode is not Mode.LIVE:
            return Item(name, OK, "Asked for once the tenant is enabled and live.", "not_live")
        wanted = {one.id.lower() for one in subjects if one.id and one.link}
        watched = wanted & self._watched()
        count = f"{len(watched)} of {len(wanted)} calendars with meetings ahead are watched."
        if watched == wanted:
            return Item(name, OK, count)
        return Item(
            name, WARNING, f"{count} The next sweep asks for the rest.", "not_subscribed",
            f"# Graph must reach {address}{subscriptions.PATH} while a subscription is made.",
        )  # fmt: skip

    def _watched(self) -> set[str]:
        """The mailboxes whose subscription is alive."""
        kind, now = subscriptions.Subscription, self._ports.clock()
        rows = self._ports.store.all(partition(self._tenant.id), subscriptions.PREFIX, kind)
        return {held.value.user.lower() for _, held in rows if held.value.expires > now}

    # -- the LMS, the clocks -------------------------------------------------------------

    def _ping(self) -> Answer | RemoteError:
        try:
            ping_id = f"ping_{uuid.uuid4().hex}"
            return self._ports.lms.ping(self._tenant, ping_id, self._ports.clock())
        except (Broken, Refused) as error:
            return error

    def _clocks(self, ping: Answer | RemoteError) -> dict[str, float | None]:
        """By how much others' clocks are ahead of ours; of Microsoft's by what needs no right."""
        settings = self._ports.settings
        host, root = CLOUDS[self._tenant.cloud]
        host, root = settings.entra_authority_host or host, settings.graph_base_url or root
        ahead: dict[str, float | None] = {}
        if isinstance(ping, Answer):
            ahead["the LMS"] = findings.skew(ping, self._ports.clock())
        asked = {
            "Microsoft Entra": f"{host}/{self._tenant.entra_tenant_id}"
            "/v2.0/.well-known/openid-configuration",
            "Microsoft Graph": f"{root}/$metadata",
        }
        for name, url in asked.items():
            try:
                answer = self._ports.web(Call("GET", url, timeout_s=WEB_S))
            except Broken:
                continue
            ahead[name] = findings.skew(answer, self._ports.clock())
        return ahead


def _token(graph: Graph) -> str | RemoteError:
    """A new one: consent that was given since the last shows in no older."""
    try:
        return graph.renew_token()
    except RemoteError as error:
        return error


def _listed(outcome: Outcome) -> list[Any] | RemoteError:
    return protocol.understood(outcome, lambda body: protocol.pages(body)[0])


def _first(outcome: Outcome) -> str | RemoteError:
    """The id of the only meeting in an answer."""
    found = _listed(outcome)
    if isinstance(found, RemoteError):
        return found
    none: Outcome = NotFound("graph", "no_meeting")
    return protocol.understood(found[0] if found else none, protocol.id_of)


def _no_link(tenant: Tenant, user: UserId) -> str:
    """A link in Teams' form that opens nothing.

    Unverified: that Teams judges the policy before it looks for the meeting.
    """
    context = quote(f'{{"Tid":"{tenant.entra_tenant_id}","Oid":"{user}"}}', safe="")
    thread = "19%3ameeting_check%40thread.v2"
    return f"https://teams.microsoft.com/l/meetup-join/{thread}/0?context={context}"
