"""Taking in what the LMS saved, in whatever order saves arrive (the law, rules 4, 11 and 15)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from shared.model import By, Flag, Snapshot, Told
from shared.record import Record, given_up, with_flag, with_line
from shared.scheduling.starts import frozen
from shared.scheduling.telling import slot_json


def save(former: Record | None, saved: Snapshot, now: datetime) -> Record:
    """The record after the LMS saved *saved*, which is newer than what it holds.

    Whether the LMS moved or revived the component is judged against its own previous save, unless
    this one has seen our last event (the law, rule 11).
    """
    if former is None:
        record = Record(saved=saved, slot=saved.slot)
        return _asked(with_line(record, now, "saved", "First save.", By.LMS), now)
    if frozen(former, now):
        return _save_after_start(former, saved, now)
    before = former.saved
    record = _merged(former, saved)
    what = "deleted" if saved.deleted and not before.deleted else "saved"
    changed = before.slot != record.slot or before.cancelled != saved.cancelled
    record = with_line(
        record, now, what, "Saved in the LMS.", By.LMS,
        slot_json(before.slot) if changed else None,
        slot_json(saved.slot) if changed else None,
    )  # fmt: skip
    return _asked(record, now)


def late(record: Record, older: Snapshot, now: datetime) -> Record:
    """The record after a save arrived that is older than the one it holds.

    It changes nothing of itself. But where it carried out what we had told, the save we hold was
    made by an LMS that knew of that, and is judged against it anew: what looked like merely
    repeating the old start, or being still not cancelled, was meant (the law, rule 11).
    """
    answered = next((n for n, one in enumerate(record.told) if _carried_out(one, older)), None)
    if answered is None or frozen(record, now):
        return record
    before = replace(record, saved=older, told=record.told[answered + 1 :])
    judged = _merged(before, record.saved)
    if (judged.slot, judged.withdrawn) == (record.slot, record.withdrawn):
        return judged
    return _asked(
        with_line(
            judged, now, "saved", "An earlier save arrived late: this one knew of the tutor's act.",
            By.LMS, slot_json(record.slot), slot_json(judged.slot),
        ),
        now,
    )  # fmt: skip


def _carried_out(told: Told, saved: Snapshot) -> bool:
    if saved.revision <= told.revision:
        return False
    return saved.cancelled if told.slot is None else saved.slot == told.slot


def _merged(former: Record, saved: Snapshot) -> Record:
    before, told = former.saved, former.told
    moved = saved.slot != before.slot
    revived = (before.cancelled and not saved.cancelled) or (before.deleted and not saved.deleted)
    record = replace(former, saved=saved)
    known = [one for one in told if saved.seen is not None and one.sequence <= saved.seen]
    if known:
        carried_out = saved.cancelled if known[-1].slot is None else saved.slot == known[-1].slot
        if carried_out and len(known) < len(told):
            return replace(record, told=told[len(known) :])
        # It knew, and so it means what it says; what it did not know of loses to it.
        return replace(record, slot=saved.slot, withdrawn=False, told=())
    answered = next((n for n, one in enumerate(told) if _answers(one, before, saved)), None)
    if answered is not None:
        # The LMS carried out what we told it; what the tutor did since is on its way. Once it has
        # cancelled too, it alone says where the meeting would stand.
        slot = saved.slot if told[answered].slot is None else record.slot
        return replace(record, slot=slot, told=told[answered + 1 :])
    if moved or revived:
        back = revived or saved.slot is not None
        slot = saved.slot if moved else record.slot
        return replace(record, slot=slot, withdrawn=record.withdrawn and not back, told=())
    return record


def _answers(told: Told, before: Snapshot, saved: Snapshot) -> bool:
    if told.slot is None:
        return saved.cancelled and not before.cancelled
    return saved.slot == told.slot and before.slot != saved.slot


def _asked(record: Record, now: datetime) -> Record:
    """When the present start was first wanted, by which the lead time is judged."""
    if not record.wants_meeting or not record.slot or record.slot.start == record.asked_start:
        return record
    record = replace(record, asked_start=record.slot.start, asked_at=now)
    if given_up(record):  # a new start opens again what an old one had closed
        return replace(record, problem=None, told_problem="")
    return record


def _save_after_start(former: Record, saved: Snapshot, now: datetime) -> Record:
    record = replace(former, saved=saved, at_start=former.at_start or former.saved)
    words = {"revision", "name", "description", "description_is_html", "seen", "digest"}
    edited = any(
        getattr(saved, name) != getattr(former.saved, name)
        for name in Snapshot.__slots__
        if name not in words
    )
    if not edited:
        return with_line(record, now, "saved", "Saved after the start.", By.LMS)
    return with_line(
        with_flag(record, Flag.EDITED_AFTER_START), now, "edited_after_start",
        "Saved after the start: recorded, and not carried out.", By.LMS,
        slot_json(former.saved.slot), slot_json(saved.slot),
    )  # fmt: skip
