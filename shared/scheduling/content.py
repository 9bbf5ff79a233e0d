"""What the event should show, and where it shows another thing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from shared import agenda
from shared.model import Kind, Person, Snapshot, fold
from shared.record import Record
from shared.scheduling.views import Seen


def invited(saved: Snapshot, organizer_addresses: tuple[str, ...]) -> tuple[Person, ...]:
    """Who is to be invited: each address once, never the organizer (the law, rule 5)."""
    people: list[Person | None] = [saved.learner]
    if saved.kind is Kind.REVIEW and saved.employer_can_view:
        people += [saved.manager, saved.mentor]
    taken = {fold(address) for address in organizer_addresses} | {fold(saved.owner.email), ""}
    chosen = []
    for person in people:
        if person and fold(person.email) not in taken:
            taken.add(fold(person.email))
            chosen.append(person)
    return tuple(chosen)


def addresses(people: tuple[Person, ...]) -> tuple[str, ...]:
    return tuple(fold(person.email) for person in people)


def agenda_digest(saved: Snapshot) -> str:
    """Of the description as written and, after a point, as the event shows it."""
    shown = agenda.digest(saved.description, saved.description_is_html)
    return f"{_digest_of_words(saved)}.{shown}"


def _digest_of_words(saved: Snapshot) -> str:
    text = f"{saved.description_is_html}|{saved.description}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Changes:
    """What an update must name, and nothing else."""

    slot: bool = False
    subject: bool = False
    attendees: bool = False
    agenda: bool = False

    def __bool__(self) -> bool:
        return self.slot or self.subject or self.attendees or self.agenda


EVERYTHING, NOTHING = Changes(slot=True, subject=True, attendees=True, agenda=True), Changes()


def changes(record: Record, zone_name: str, seen: Seen | None) -> Changes:
    """What the event must be made to show: where we want another thing, or Teams shows one."""
    booking, saved = record.booking, record.saved
    if booking is None or record.slot is None:
        return Changes()
    want = addresses(invited(saved, booking.organizer_addresses))
    shown = tuple(fold(guest.address) for guest in seen.guests) if seen else ()
    removed = seen and any(one not in shown for one in booking.teams_attendees if one in want)
    return Changes(
        slot=record.slot != booking.slot or zone_name != booking.zone,
        subject=saved.name != booking.subject
        or bool(seen and seen.subject != booking.teams_subject),
        attendees=set(want) != set(booking.attendees) or bool(removed),
        agenda=_shows_another_agenda(saved, booking.agenda),
    )


def _shows_another_agenda(saved: Snapshot, written: str) -> bool:
    """Compares what is shown, but only where the words differ: rendering them costs more."""
    words, _, shown = written.partition(".")
    if words == _digest_of_words(saved):
        return False
    return shown != agenda.digest(saved.description, saved.description_is_html)
