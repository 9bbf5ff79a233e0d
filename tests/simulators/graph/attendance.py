"""Online meetings as they are held: people come and go, sessions end, reports appear.

This is the back door; what Graph's clients see of it is `meetings`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ..clock import parse_instant
from .model import Event, Meeting, Person, Presence, Report, Session
from .people import PersonSpec, person_of, record_json
from .state import State

Moment = datetime | str | float
"""An instant, RFC 3339, or minutes after the meeting's scheduled start."""
Spell = tuple[Moment, Moment]
Held = tuple[PersonSpec, Sequence[Spell]]


class Attendance:
    """`graph.attendance`: what happens in the calls themselves.

    A meeting is named by its join URL, or by an event (its key, id or `Event`): then the meeting
    that the event's present link leads to.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def meeting(self, name: str | Event | Meeting) -> Meeting:
        """Raises LookupError."""
        if isinstance(name, Meeting):
            return name
        if isinstance(name, str) and name in self._state.meetings:
            return self._state.meetings[name]
        meeting = self._state.event(name).meeting
        if meeting is None:
            raise LookupError(f"{name} has no online meeting")
        return meeting

    def join(
        self,
        meeting: str | Event | Meeting,
        person: PersonSpec,
        at: Moment | None = None,
        *,
        device: str = "desktop",
        new_record: bool = False,
    ) -> str:
        """Somebody comes in; starts a session if none is going on. Returns the record's id.

        A signed-in person keeps one record per session unless *new_record*; several devices are
        several overlapping intervals. A guest is somebody new at each join (graph-facts 5.3).
        """
        with self._state.lock:
            held = self.meeting(meeting)
            moment = self._moment(held, at)
            who = person_of(held.organizer.tenant, person)
            if held.session is None:
                held.session = Session(moment)
            presence = None if new_record else _presence_of(held.session, who)
            if presence is None:
                presence = Presence(who, self._record_id(held.session, who))
                held.session.presences[presence.record_id] = presence
            presence.open.setdefault(device, moment)
            return presence.record_id

    def leave(
        self,
        meeting: str | Event | Meeting,
        who: str | PersonSpec,
        at: Moment | None = None,
        *,
        device: str | None = None,
    ) -> Report | None:
        """Somebody goes, from one device or from all. The last one to go ends the session, which
        makes its report. *who* is a record id from `join`, or a person."""
        with self._state.lock:
            held = self.meeting(meeting)
            if held.session is None:
                raise LookupError("no session is going on")
            moment = self._moment(held, at)
            if isinstance(who, str) and who in held.session.presences:
                presence: Presence | None = held.session.presences[who]
            else:
                presence = _presence_of(
                    held.session, person_of(held.organizer.tenant, who), guests=True
                )
            if presence is None:
                raise LookupError(f"{who} is not in the meeting")
            for name in [device] if device else list(presence.open):
                presence.intervals.append((presence.open.pop(name), moment))
            if any(other.open for other in held.session.presences.values()):
                return None
            return self._end(held, moment)

    def end(self, meeting: str | Event | Meeting, at: Moment | None = None) -> Report | None:
        """The organizer ends the meeting for everybody."""
        with self._state.lock:
            held = self.meeting(meeting)
            if held.session is None:
                raise LookupError("no session is going on")
            moment = self._moment(held, at)
            for presence in held.session.presences.values():
                for joined in presence.open.values():
                    presence.intervals.append((joined, moment))
                presence.open.clear()
            return self._end(held, moment)

    def hold(
        self,
        meeting: str | Event | Meeting,
        people: Iterable[Held],
        *,
        split: bool = True,
        total: int | None = None,
    ) -> list[Report]:
        """A whole meeting in one call: who was there, and when.

        Args:
            people: Pairs of a person and their spells. A person named twice gets two records.
            split: Whenever everybody had left, a session ended: one report each (graph-facts 5.2).
                False: one report in all.
            total: `totalParticipantCount`, when it shall differ from who was there.
        """
        with self._state.lock:
            held = self.meeting(meeting)
            tenant = held.organizer.tenant
            records = [
                (
                    person_of(tenant, person),
                    sorted((self._moment(held, a), self._moment(held, b)) for a, b in spells),
                )
                for person, spells in people
            ]
            every = sorted(spell for _, spells in records for spell in spells)
            reports = []
            for begin, end in _sessions(every) if split else [(every[0][0], _last(every))]:
                session = Session(begin)
                for person, spells in records:
                    inside = [spell for spell in spells if begin <= spell[0] and spell[1] <= end]
                    if inside:
                        presence = Presence(person, self._record_id(session, person))
                        presence.intervals = inside
                        session.presences[presence.record_id] = presence
                report = self._report(held, session, end, total)
                if report is not None:
                    reports.append(report)
            return reports

    def add_report(
        self,
        meeting: str | Event | Meeting,
        started_at: datetime,
        ended_at: datetime,
        records: list[dict[str, Any]],
        total: int | None = None,
    ) -> Report:
        """A report with records as they stand, for shapes nothing else here makes."""
        with self._state.lock:
            held = self.meeting(meeting)
            report = Report(
                str(uuid.uuid4()),
                started_at.astimezone(UTC),
                ended_at.astimezone(UTC),
                ended_at.astimezone(UTC),
                len(records) if total is None else total,
                records,
            )
            held.reports.append(report)
            return report

    def _moment(self, meeting: Meeting, at: Moment | None) -> datetime:
        if at is None:
            return self._state.clock()
        if isinstance(at, datetime):
            return at.astimezone(UTC)
        if isinstance(at, str):
            return parse_instant(at)
        return meeting.start + timedelta(minutes=at)

    def _record_id(self, session: Session, person: Person) -> str:
        """The object id for a signed-in person's first record, as in the docs' sample; else new."""
        first = person.kind in ("user", "foreign") and person.id not in session.presences
        return person.id if first and person.id else str(uuid.uuid4())

    def _end(self, meeting: Meeting, moment: datetime) -> Report | None:
        session, meeting.session = meeting.session, None
        assert session is not None
        return self._report(meeting, session, moment, None)

    def _report(
        self, meeting: Meeting, session: Session, ended_at: datetime, total: int | None
    ) -> Report | None:
        """The report of an ended session; none where policy forbids reports (graph-facts 5.4)."""
        organizer = meeting.organizer
        if "Disabled" in (organizer.attendance_reports, organizer.tenant.attendance_reports):
            return None
        switches = self._state.switches
        records = [
            record_json(switches, presence.person, presence.record_id, sorted(presence.intervals))
            for presence in session.presences.values()
        ]
        everybody = {
            presence.person.id or presence.record_id for presence in session.presences.values()
        }
        report = Report(
            str(uuid.uuid4()),
            session.started_at,
            ended_at,
            ended_at + timedelta(seconds=switches.report_delay_s),
            len(everybody) if total is None else total,
            [record for record in records if record is not None],
        )
        meeting.reports.append(report)
        return report


def _presence_of(session: Session, person: Person, *, guests: bool = False) -> Presence | None:
    for presence in session.presences.values():
        if person.kind == "guest":
            if guests and presence.person.name == person.name and presence.open:
                return presence
        elif presence.person.id == person.id:
            return presence
    return None


def _sessions(spells: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Stretches of time when somebody was there, from spells in order of their start."""
    found: list[tuple[datetime, datetime]] = []
    for begin, end in spells:
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def _last(spells: Sequence[tuple[datetime, datetime]]) -> datetime:
    return max(end for _, end in spells)
