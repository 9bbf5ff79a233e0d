"""Verifying attendance: read the reports, judge, note with evidence, all for many at once.

Gather: the online meeting of every link a component ever had, its reports, whom the directory
knows. Decide: ``shared.attendance`` and ``shared.verification``. Note: the evidence record, the
standing and what the LMS is told change in one transaction.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from shared import codec, evidence
from shared.attendance import (
    Case,
    Verdict,
    assemble,
    hours_text,
    judge,
    note_title,
    whole_minutes,
)
from shared.contract import refusal
from shared.errors import NotAllowed, NotFound, Refused, RemoteError, Stale
from shared.graph import protocol
from shared.graph.client import Graph, Outcome
from shared.graph.protocol import Request
from shared.graph.reports import read_report
from shared.keys import partition, person_key
from shared.model import By, EvidenceId, JoinUrl, Organizer, Person, PersonKey, Tenant
from shared.people import (
    Cast,
    Found,
    Identity,
    Known,
    Participant,
    Reading,
    cast_of,
    unknown_identities,
)
from shared.persons import (
    NOBODY,
    PersonRow,
    alias_key,
    key_of,
    named_in,
    naming_rows,
    person_rows,
    row_key,
)
from shared.ports import Ports
from shared.record import Record, with_line, with_people
from shared.scheduling.step import Facts
from shared.scheduling.telling import tell
from shared.store import Stored, Write
from shared.table import Insert, Op, Put, Row
from shared.verification import Decided, Decision, Step, Tell, decide, is_due, next_step
from shared.version import VERSION
from shared.window import local_date
from shared.work import Work

log = logging.getLogger(__name__)

GRAPH_S = 90.0
MOST_ATTENDED = 2_000
"""People and stays of one component: a Teams meeting takes a thousand who take part."""


@dataclass(frozen=True, slots=True)
class Aliases:
    """Identities a person accepted as one learner's."""

    identities: tuple[Identity, ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """What was gathered for one component; *error* when Graph could not be asked."""

    case: Case | None
    error: RemoteError | None = None


def scheduled_date(record: Record, tenant: Tenant) -> date | None:
    """The local day of the agreed start; None where no meeting stood when its day came."""
    frozen = record.frozen_snapshot
    if record.booking is None or frozen.cancelled or frozen.deleted or not frozen.online:
        return None
    return local_date(record.booking.slot.start, tenant.time_zone)


def wants_verifying(record: Record, tenant: Tenant, today: date) -> bool:
    """Whether the nightly run is to look at it now."""
    day = scheduled_date(record, tenant)
    retries = tenant.attendance.retry_nights
    return day is not None and is_due(record.standing, day, today, retries)


def is_over(record: Record, tenant: Tenant, today: date) -> bool:
    """Whether no later night will have to look."""
    day = scheduled_date(record, tenant)
    if day is None:
        return True
    tomorrow = date.fromordinal(today.toordinal() + 1)
    return day < today and not is_due(
        record.standing, day, tomorrow, tenant.attendance.retry_nights
    )


def verify(
    ports: Ports, tenant: Tenant, works: Sequence[Work], *, asked: bool = False
) -> dict[str, int]:
    """Verify each of *works* and store what came of it; counts by outcome.

    *asked* tells that a person wants it verified again.
    """
    now = ports.clock()
    today = local_date(now, tenant.time_zone)
    read = gather(ports, tenant, works)
    counts: dict[str, int] = {}
    notes = []
    for work in works:
        found = read[str(work.key)]
        if found.case is None:
            counts["unread"] = counts.get("unread", 0) + 1
            why = found.error.code if found.error else ""
            log.warning(
                "attendance.unread",
                extra={"tenant": tenant.id, "component": work.key, "why": why},
            )
            continue
        verdict = judge(found.case, tenant.attendance, today)
        counts[verdict.outcome.value] = counts.get(verdict.outcome.value, 0) + 1
        notes.append((work, found.case, verdict))
    _store(ports, tenant, notes, today, asked=asked)
    return counts


# -- gather -------------------------------------------------------------------------------


def gather(ports: Ports, tenant: Tenant, works: Sequence[Work]) -> dict[str, Read]:
    """The case of each component, by component key."""
    graph = ports.graph(tenant)
    links = {url: None for work in works for url in work.record.join_urls}
    readings = _readings(graph, list(links))
    organizers = list(ports.store.organizers(tenant.id).values()) if works else []
    casts = {str(work.key): _cast(ports, tenant, work.record, organizers) for work in works}
    asked = {
        str(work.key): _within_reason([readings[url] for url in work.record.join_urls])
        for work in works
    }
    unknown: dict[Identity, None] = {}
    for key, found in asked.items():
        whole = [one for one in found if isinstance(one, Reading)]
        unknown |= dict.fromkeys(unknown_identities(whole, casts[key]))
    answers = _look_up(ports, tenant, graph, list(unknown))
    read: dict[str, Read] = {}
    for work in works:
        key, booking = str(work.key), work.record.booking
        errors = [one for one in asked[key] if isinstance(one, RemoteError)]
        if errors or isinstance(answers, RemoteError) or booking is None:
            error = errors[0] if errors else answers if isinstance(answers, RemoteError) else None
            read[key] = Read(None, error)
            continue
        case = assemble(
            work.record.frozen_snapshot,
            booking.slot,
            tenant.time_zone,
            [one for one in asked[key] if isinstance(one, Reading)],
            casts[key],
            answers,
        )
        read[key] = Read(case)
    return read


def _within_reason(
    found: list[Reading | RemoteError],
) -> list[Reading | RemoteError]:
    """*found*, or an error for more people and stays than the row of an evidence record holds."""
    reports = [report for one in found if isinstance(one, Reading) for report in one.reports]
    entries = [entry for report in reports for entry in report.entries]
    if len(entries) + sum(len(entry.intervals) for entry in entries) > MOST_ATTENDED:
        return [Refused("graph", "attendance_beyond_reason")]
    return found


def _cast(ports: Ports, tenant: Tenant, record: Record, organizers: Iterable[Organizer]) -> Cast:
    learner = record.frozen_snapshot.learner
    key = alias_key(key_of(ports.deployment, tenant.id, learner))
    held = ports.store.read(partition(tenant.id), key, Aliases) if learner.key else None
    aliases = Known.of(held.value.identities) if held else Known()
    return cast_of(record.frozen_snapshot, record.join_urls, organizers, aliases)


def _readings(graph: Graph, urls: Sequence[JoinUrl]) -> dict[JoinUrl, Reading | RemoteError]:
    """What each link gives, or why it could not be asked."""
    readings: dict[JoinUrl, Reading | RemoteError] = {}
    meetings: list[tuple[JoinUrl, str]] = []
    found = _run(graph, [protocol.find_meeting(url.organizer, url.url) for url in urls])
    for url, outcome in zip(urls, found, strict=True):
        readings[url] = Reading(url)
        named = protocol.understood(outcome, lambda body: _by_id(protocol.pages(body)[0]))
        if isinstance(named, NotAllowed) and named.system == "graph":
            readings[url] = Reading(url, refused=True)
        elif isinstance(named, RemoteError):
            if not protocol.no_such_meeting(named):
                readings[url] = named
        else:
            meetings += [(url, meeting) for meeting in named]
    lists = _run(graph, [protocol.list_reports(url.organizer, m) for url, m in meetings])
    reports: list[tuple[JoinUrl, Any, Request]] = []
    for (url, meeting), outcome in zip(meetings, lists, strict=True):
        first = protocol.list_reports(url.organizer, meeting)
        named = protocol.understood(_items(graph, first, outcome), _by_id)
        if isinstance(named, NotFound):
            continue
        if isinstance(named, NotAllowed) and named.system == "graph":
            readings[url] = Reading(url, refused=True)
        elif isinstance(named, RemoteError):
            readings[url] = named
        else:
            reports += [
                (url, item, protocol.list_records(url.organizer, meeting, report))
                for report, item in named.items()
            ]
    whole = _run(graph, [request for _, _, request in reports])
    for (url, item, request), outcome in zip(reports, whole, strict=True):
        records, reading = _items(graph, request, outcome), readings[url]
        if isinstance(records, RemoteError):
            readings[url] = records
        elif isinstance(reading, Reading):
            one = read_report(item, records)
            readings[url] = replace(reading, reports=(*reading.reports, one))
    return readings


def _run(graph: Graph, requests: list[Request]) -> list[Outcome]:
    return graph.run(requests, GRAPH_S) if requests else []


def _by_id(items: Iterable[Any]) -> dict[str, Any]:
    return {protocol.id_of(item): item for item in items}


def _items(graph: Graph, first: Request, outcome: Outcome) -> list[Any] | RemoteError:
    """A list's items over all its pages; the first page's outcome is at hand."""
    if isinstance(outcome, RemoteError):
        return outcome
    try:
        items, link = protocol.pages(outcome)
        if link:
            items = [*items, *graph.items(graph.next_page(first, link), GRAPH_S)]
    except RemoteError as error:
        return error
    return items


def _look_up(
    ports: Ports, tenant: Tenant, graph: Graph, identities: Sequence[Identity]
) -> dict[Identity, Found | None] | RemoteError:
    """Whom the directory knows, else whom another component names; None for nobody."""
    answers: dict[Identity, Found | None] = {}
    for ask in (_by_name, _by_mail):
        left = [one for one in identities if answers.get(one) is None]
        requests = {one: request for one in left if (request := ask(one))}
        outcomes = _run(graph, list(requests.values()))
        for one, outcome in zip(requests, outcomes, strict=True):
            user = protocol.understood(outcome, protocol.user_of)
            if isinstance(user, RemoteError):
                if _says_nothing(user):
                    return user
                user = None
            answers[one] = Found(Known.by([user[0]], user[1])) if user else None
    return {one: answers[one] or _known_person(ports, tenant, one) for one in identities}


def _by_name(identity: Identity) -> Request:
    return protocol.read_user(identity.id or identity.address)


def _by_mail(identity: Identity) -> Request | None:
    return protocol.find_user_by_mail(identity.address) if identity.address else None


def _says_nothing(error: RemoteError) -> bool:
    """Whether the directory could not be asked, as against: it does not know them."""
    return not isinstance(error, NotFound) and error.code not in (
        "Request_BadRequest", "BadRequest", "ErrorInvalidUser",
    )  # fmt: skip


def _known_person(ports: Ports, tenant: Tenant, identity: Identity) -> Found | None:
    for text in filter(None, (identity.id, identity.address)):
        key = person_key(ports.deployment, tenant.id, text)
        held = ports.store.read(partition(tenant.id), row_key(key), PersonRow)
        if held and held.value.same_as:
            same = PersonKey(held.value.same_as)
            held = ports.store.read(partition(tenant.id), row_key(same), PersonRow) or held
        if held and held.value != NOBODY:
            row = held.value
            known = Known.by([row.entra_id, identity.id], [row.email, identity.address])
            return Found(known, in_directory=False)
    return None


# -- note ---------------------------------------------------------------------------------


def _store(
    ports: Ports,
    tenant: Tenant,
    notes: list[tuple[Work, Case, Verdict]],
    today: date,
    *,
    asked: bool,
) -> None:
    """Store what follows; a row that somebody wrote meanwhile is decided about again."""
    left = notes
    for _ in range(10):
        writes: list[tuple[tuple[Work, Case, Verdict], Write]] = []
        for work, case, verdict in left:
            step = next_step(work.record.standing, case, verdict, asked=asked)
            record, beside = _after(ports, tenant, work.record, case, verdict, step, today)
            if is_over(record, tenant, today):
                record = replace(record, attendance_done=True)
            if record != work.record:
                writes.append(((work, case, verdict), Write(work.seen, record, beside)))
        results = ports.store.write(tenant.id, [write for _, write in writes])
        left = []
        for (note, _), result in zip(writes, results, strict=True):
            if isinstance(result, Stored):
                note[0].seen, note[0].record = result, result.record
                continue
            stored = ports.store.get(tenant.id, note[0].key)
            if stored:
                note[0].seen, note[0].record = stored, stored.record
                left.append(note)
        if not left:
            return
    raise Stale(str(left[0][0].key))


def _after(
    ports: Ports,
    tenant: Tenant,
    record: Record,
    case: Case,
    verdict: Verdict,
    step: Step,
    today: date,
    word: evidence.Word | None = None,
) -> tuple[Record, tuple[Op, ...]]:
    """The record with its new standing, what the LMS is told of it, and the rows beside it."""
    if not step.evidence:
        return record, ()
    now = ports.clock()
    keys, people = _keys(ports, tenant, record, case.people)
    before = record.standing.attendance.evidence_id if record.standing else None
    written = evidence.evidence_record(
        tenant.id, record.saved.id, case, verdict, step, tenant.attendance, keys,
        at=now, today=today, version=VERSION, previous=before, word=word,
    )  # fmt: skip
    name = evidence.evidence_id(written)
    standing = step.standing.filed(name)
    row = Row(f"evidence|{record.key}|{record.evidences:06d}", evidence.canonical(written))
    record = replace(record, standing=standing, evidences=record.evidences + 1)
    first = [key for key in keys.values() if key not in record.people]
    record, people = with_people(record, first), people + naming_rows(record.key, first)
    record = with_line(
        record, now, "verified" if verdict.final else "checked", verdict.message,
        By.PERSON if word else By.CONNECTOR, None,
        {"outcome": standing.attendance.outcome, "evidenceId": name},
    )  # fmt: skip
    facts = Facts(now, tenant)
    if step.tell is Tell.VERIFIED:
        data = _verified(tenant, record, verdict, name, evidence.sha256(written))
        record = tell(record, "hours.verified", data, facts)
    elif step.tell is Tell.NOT_VERIFIED:
        record = tell(record, "hours.not_verified", _not_verified(record, step, name), facts)
    return record, (Insert(row), *people)


def _verified(
    tenant: Tenant, record: Record, verdict: Verdict, name: EvidenceId, digest: str
) -> dict[str, Any]:
    if verdict.earned is None:
        raise AssertionError("verified without hours")
    return {
        "outcome": verdict.outcome.value,
        "minutes": whole_minutes(verdict.earned),
        "note": {
            "title": note_title(record.saved.name),
            "hours": hours_text(verdict.earned),
        },
        "noteKey": evidence.note_key(tenant.id, record.saved.id),
        **_told(record, name),
        "evidenceSha256": digest,
        "final": True,
    }


def _not_verified(record: Record, step: Step, name: EvidenceId) -> dict[str, Any]:
    attendance = step.standing.attendance
    return {
        "outcome": attendance.outcome,
        "message": step.message,
        **_told(record, name),
        "final": attendance.final,
    }


def _told(record: Record, name: EvidenceId) -> dict[str, Any]:
    standing = record.standing
    flags = (*record.flags, *(standing.attendance.flags if standing else ()))
    return {
        "date": standing.attendance.date if standing else None,
        "evidenceId": name,
        "flags": sorted({flag.value for flag in flags}),
    }


def _keys(
    ports: Ports, tenant: Tenant, record: Record, people: Iterable[Participant]
) -> tuple[dict[str, PersonKey], tuple[Op, ...]]:
    """The key of everybody who is known, and rows for those who have none yet."""
    named = named_in(record.frozen_snapshot)
    keys: dict[str, PersonKey] = {}
    new: list[Person] = []
    for participant in people:
        if not evidence.wants_key(participant):
            continue
        person = next(
            (p for p in named if Known.by([p.entra_id], [p.email]).is_also(participant.known)),
            None,
        )
        if person is None:
            known = participant.known
            address = min(known.addresses, default="")
            person = Person(address, "", None if address else _user(known))
            new.append(person)
        keys[participant.name] = key_of(ports.deployment, tenant.id, person)
    new = [person for person in new if not _is_erased(ports, tenant, person)]
    return keys, person_rows(ports.deployment, tenant.id, new)


def _is_erased(ports: Ports, tenant: Tenant, person: Person) -> bool:
    """Whether somebody asked to be forgotten: only a save may name them again, not a report."""
    key = row_key(key_of(ports.deployment, tenant.id, person))
    held = ports.store.read(partition(tenant.id), key, PersonRow)
    return held is not None and held.value == NOBODY


def _user(known: Known) -> Any:
    return min(known.ids, default=None)


# -- a person's word ----------------------------------------------------------------------


def carry_out_decision(
    ports: Ports,
    tenant: Tenant,
    work: Work,
    decision: Decision,
    participant: str | None,
    by: str,
    reason: str,
) -> None:
    """Accept or reject, once, with evidence; an accepted participant is remembered.

    Raises Invalid (nothing to decide, or nobody by that name), RemoteError when Teams cannot be
    asked who was there, Stale when somebody wrote the row meanwhile.
    """
    record = work.record
    if record.standing is None or record.booking is None:
        raise refusal("nothing_to_decide")
    case, names = _case_and_names(ports, tenant, work)
    decided = decide(record.standing, case, names, tenant.attendance, decision, participant)
    now = ports.clock()
    key = person_key(ports.deployment, tenant.id, f"by|{by}")
    word = evidence.Word(decision, _named(decided, names, participant), key, reason)
    today = local_date(now, tenant.time_zone)
    record, beside = _after(ports, tenant, record, case, decided.verdict, decided.step, today, word)
    if decided.alias:
        _remember(ports, tenant, record, decided.alias)
    row = Put(Row(row_key(key), codec.dumps(PersonRow(by))))
    if key not in record.people:
        record, beside = with_people(record, [key]), beside + naming_rows(record.key, [key])
    (result,) = ports.store.write(tenant.id, [Write(work.seen, record, (*beside, row))])
    if isinstance(result, Stale):
        raise result
    work.seen, work.record = result, result.record


def _case_and_names(
    ports: Ports, tenant: Tenant, work: Work
) -> tuple[Case, Mapping[str, Participant]]:
    """What the present standing was judged by: read again, because evidence does not tell who
    people are; from the evidence record where Teams gives the same reports no more."""
    found = gather(ports, tenant, [work])[str(work.key)]
    texts = ports.store.evidence(tenant.id, work.key)
    if not texts:
        raise found.error or Stale("no evidence")
    case = evidence.case_of(json.loads(texts[-1]))
    if found.case is not None and found.case.read == case.read:
        keys, _ = _keys(ports, tenant, work.record, found.case.people)
        return found.case, evidence.names(found.case.people, keys)
    return case, evidence.names(case.people, {})


def _named(
    decided: Decided, names: Mapping[str, Participant], participant: str | None
) -> str | None:
    if participant is not None or decided.participant is None:
        return participant
    return next(name for name, person in names.items() if person == decided.participant)


def _remember(ports: Ports, tenant: Tenant, record: Record, identities: Iterable[Identity]) -> None:
    learner = record.frozen_snapshot.learner
    if not learner.key:
        return  # a component without a learner has nobody to remember them as
    ports.store.change(
        partition(tenant.id),
        alias_key(key_of(ports.deployment, tenant.id, learner)),
        Aliases,
        lambda had: Aliases(tuple(dict.fromkeys((*(had.identities if had else ()), *identities)))),
    )


def evidence_json(texts: Iterable[str]) -> list[dict[str, Any]]:
    """Evidence records as people see them: with their id and digest."""
    found = []
    for text in texts:
        written = json.loads(text)
        found.append(
            {
                "id": evidence.evidence_id(written),
                "sha256": evidence.sha256(written),
                **written,
            }
        )
    return found
