"""Causes: noted, told to the LMS once, and taken back when all is well."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from shared.model import Booking, By, Problem, Slot
from shared.reasons import sentence
from shared.record import Record, with_line
from shared.scheduling.step import Facts
from shared.scheduling.telling import slot_json, tell, tell_scheduled


def fail(record: Record, code: str, facts: Facts, *, final: bool) -> Record:
    """Note a cause; when a person must act, the LMS hears of it once."""
    record = with_problem(record, code, facts.now, final=final)
    if not final or record.told_problem == code or not facts.live:
        return record
    data = {"code": code, "message": sentence(code)}
    return replace(tell(record, "meeting.failed", data, facts), told_problem=code)


def braked(record: Record, now: datetime) -> Record:
    """The event is gone, and so are too many others for that to be believed."""
    return with_problem(record, "braked", now, final=False)


def with_problem(record: Record, code: str, now: datetime, *, final: bool) -> Record:
    had = record.problem
    if had and had.code == code and had.final == final:
        return record
    since = had.since if had and had.code == code else now
    problem = Problem(code, sentence(code), since, final)
    if had and had.code == code:
        return replace(record, problem=problem)
    record = replace(record, problem=problem)
    return with_line(record, now, "failed" if final else "delayed", problem.message, By.CONNECTOR)


def settled(record: Record, facts: Facts | None = None) -> Record:
    """Nothing is wrong (any more), but that the tutor may have moved it into the past."""
    booking, problem, left = record.booking, record.problem, None
    if booking and not record.slot == booking.slot == booking.teams_slot:
        if problem and problem.code == "start_in_past":
            return record
        if facts and booking.teams_slot.start <= facts.now:
            left = _start_in_past(facts.now)
    if problem or left:
        record = replace(record, problem=left)
    if booking and facts:
        return told_well_again(record, facts)
    return replace(record, told_problem="") if record.told_problem else record


def told_well_again(record: Record, facts: Facts) -> Record:
    """After a ``meeting.failed``, success is told by ``meeting.scheduled``."""
    return tell_scheduled(record, facts) if record.told_problem else record


def not_carried(record: Record, booking: Booking, slot: Slot, by: By, facts: Facts) -> Record:
    """A start in the past is written down and goes no further (the law, rule 4)."""
    if record.problem and record.problem.code == "start_in_past" and by is By.LMS:
        return record
    record = with_line(
        record, facts.now, "start_in_past", sentence("start_in_past"), by,
        slot_json(booking.slot), slot_json(slot),
    )  # fmt: skip
    return replace(record, problem=_start_in_past(facts.now))


def _start_in_past(now: datetime) -> Problem:
    return Problem("start_in_past", sentence("start_in_past"), now, final=False)
