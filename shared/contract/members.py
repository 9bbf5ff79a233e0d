"""Reads the members of one JSON object and notes every fault instead of stopping at the first.

Rules of the house: a member that is null counts as absent, but where null has a meaning of its
own; a faulty member reads as a harmless stand-in, so that reading goes on and the caller throws
the whole away when faults were noted; details never repeat what was sent, for that may be
personal data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from shared.contract.instants import YEARS, read_date, read_instant
from shared.errors import Fault
from shared.model import Person, UserId
from shared.people import is_guid

BIGGEST = 2**53 - 1
"""The highest whole number that every JSON reader holds exactly."""
LONGEST_NAME = 255
LONGEST_ADDRESS = 320
LONGEST_GUID = 36

# One @ with something on each side, no spaces. Whether mail arrives there is Exchange's to say.
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def is_address(text: str) -> bool:
    """Whether *text*, trimmed, has the form of an e-mail address that we take."""
    bare = text.strip()
    fits = len(text) <= LONGEST_ADDRESS and not _CONTROL.search(text)
    return fits and ADDRESS.fullmatch(bare) is not None


class Members:
    """The members of a JSON object that stands at *pointer*; faults go to *faults*."""

    def __init__(self, members: Mapping[str, Any], pointer: str, faults: list[Fault]) -> None:
        self._members = members
        self._pointer = pointer
        self._faults = faults
        self._unusable: set[str] = set()

    @classmethod
    def of(cls, value: Any, pointer: str, faults: list[Fault]) -> Members:
        """Members of *value*, which must be an object.

        Where it is none, that is the one fault: the members it lacks are not worth a word.
        """
        if isinstance(value, dict):
            return cls(value, pointer, faults)
        faults.append(Fault(pointer, "wrong_type", "This must be an object."))
        return cls({}, pointer, [])

    def note(self, name: str, code: str, detail: str) -> None:
        """Note a fault of the member *name*, unless it is missing or of a wrong type anyway."""
        if name not in self._unusable:
            self._faults.append(Fault(f"{self._pointer}/{name}", code, detail))
        if code in ("missing", "wrong_type"):
            self._unusable.add(name)

    def has(self, name: str) -> bool:
        """Whether *name* is there, and not null."""
        return self._members.get(name) is not None

    def mentions(self, name: str) -> bool:
        """Whether *name* is there, null or not."""
        return name in self._members

    def need(self, name: str) -> bool:
        """``has``, noting a fault when it is not so."""
        if not self.has(name):
            self.note(name, "missing", "This is required.")
        return self.has(name)

    def inside(self, name: str) -> Members:
        """The members of the required object *name*."""
        pointer = f"{self._pointer}/{name}"
        if not self.need(name):
            return Members({}, pointer, [])
        return Members.of(self._members[name], pointer, self._faults)

    def items(self, name: str) -> list[Any]:
        """The values of the list *name*; empty when it is absent."""
        return self._typed(name, list, "a list") or []

    def text(self, name: str, most: int, *, any_character: bool = False) -> str:
        """A string of at most *most* characters; "" when it is absent.

        Lone surrogates are a fault: they have no form in UTF-8. So is NUL, which nothing that
        shows text can take, unless *any_character*.
        """
        value: str = self._typed(name, str, "a string") or ""
        if len(value) > most:
            self.note(name, "too_long", f"At most {most} characters are taken.")
        elif _LONE_SURROGATE.search(value) or ("\0" in value and not any_character):
            self.note(name, "bad_characters", "This holds a character that cannot be kept.")
        return value

    def identifier(self, name: str, most: int) -> str:
        """A required string of 1 to *most* characters, any; kept as it was sent."""
        value = self.text(name, most, any_character=True) if self.need(name) else "?"
        if not value:
            self.note(name, "blank", "This must not be empty.")
        return value

    def words(self, name: str, most: int = LONGEST_NAME) -> str:
        """A required string of 1 to *most* characters that are not all spaces; kept as sent."""
        value = self.text(name, most) if self.need(name) else "?"
        if not value.strip():
            self.note(name, "blank", "This must not be empty.")
        return value

    def whole(self, name: str, most: int = BIGGEST) -> int | None:
        """A whole number from 0 to *most*, ``7.0`` included; None when it is absent."""
        value = self._members.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.note(name, "wrong_type", "This must be a whole number.")
        elif not 0 <= value <= most:
            self.note(name, "out_of_range", f"This must be from 0 to {most}.")
        elif value != int(value):
            self.note(name, "wrong_type", "This must be a whole number.")
        else:
            return int(value)
        return 0

    def yes_no(self, name: str, *, default: bool = False) -> bool:
        """True or false; *default* when it is absent."""
        value = self._typed(name, bool, "true or false")
        return default if value is None else bool(value)

    def choice(self, name: str, choices: Iterable[str], default: str) -> str:
        """One of *choices*; *default* when it is absent or faulty."""
        value: str | None = self._typed(name, str, "a string")
        if value is None:
            return default
        if value not in choices:
            self.note(name, "unknown_value", f"This must be one of: {', '.join(choices)}.")
            return default
        return value

    def instant(self, name: str) -> datetime | None:
        """An instant in UTC; None when it is absent."""
        value = self._typed(name, str, "a string")
        found = None if value is None else read_instant(value)
        if value is not None and found is None:
            self.note(
                name,
                "not_an_instant",
                "This must be date, time and offset as in 2026-04-30T09:00:00+01:00,"
                f" from {YEARS[0]} to {YEARS[-1]}.",
            )
        return found

    def local_date(self, name: str) -> date:
        """A required date."""
        value = self._typed(name, str, "a string") if self.need(name) else None
        found = None if value is None else read_date(value)
        if value is not None and found is None:
            self.note(name, "not_a_date", "This must be a date as in 2026-04-30.")
        return found or date(YEARS[0], 1, 1)

    def guid(self, name: str) -> str | None:
        """A GUID in lower case, as Microsoft 365 writes it; None when it is absent or blank."""
        value = self.text(name, LONGEST_GUID)
        if not value.strip():
            return None
        if len(value) <= LONGEST_GUID and not is_guid(value):
            self.note(name, "not_a_guid", "This must be a GUID.")
        return value.lower()

    def address(self, name: str) -> str:
        """An e-mail address, trimmed; "" when it is absent or blank."""
        value = self.text(name, LONGEST_ADDRESS, any_character=True)
        if _CONTROL.search(value):
            self.note(name, "bad_characters", "An address holds no control characters.")
        elif value.strip() and not ADDRESS.fullmatch(value.strip()):
            self.note(name, "not_an_address", "This must be an e-mail address, or blank.")
        return value.strip()

    def person(self, name: str) -> Person:
        """A required person. ``email`` and ``name`` must be there; they may be blank or null."""
        them = self.inside(name)
        for needed in ("email", "name"):
            if not them.mentions(needed):
                them.note(needed, "missing", "This is required; it may be blank.")
        email, known_as = them.address("email"), them.text("name", LONGEST_NAME)
        entra_id = them.guid("entraId")
        return Person(email, known_as, UserId(entra_id) if entra_id else None)

    def _typed(self, name: str, kind: type, called: str) -> Any:
        value = self._members.get(name)
        if value is None or isinstance(value, kind):
            return value
        self.note(name, "wrong_type", f"This must be {called}.")
        return None
