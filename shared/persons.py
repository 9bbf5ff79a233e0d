"""People in rows of their own, so that records elsewhere name them by a key.

One row per person, found by address; a second row under the object id points to it. Evidence keeps
the key only: erasing a person empties the row, and the records stand (the law, 3). A ``named|`` row
tells each component that ever named a person: by these erasure finds the components, and the purge
knows when nobody needs the person any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared import codec
from shared.keys import ComponentKey, person_key
from shared.model import Person, PersonKey, Snapshot, TenantId, UserId
from shared.table import Op, Put, Row


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Somebody we know of. *same_as* is the row this one points to, "" for a row of its own.

    One that was erased is blank all over: ``NOBODY``.
    """

    name: str = ""
    email: str = ""
    entra_id: UserId | None = None
    same_as: str = ""


NOBODY = PersonRow()


def row_key(key: PersonKey) -> str:
    return f"person|{key}"


def alias_key(learner: PersonKey) -> str:
    """Where the identities that people accepted as a learner's are remembered."""
    return f"alias|{learner}"


def named_key(key: PersonKey, component: ComponentKey) -> str:
    return f"named|{key}|{component}"


def key_of(salt: str, tenant: TenantId, person: Person) -> PersonKey:
    """The key a person is named by: from the address, else from the object id."""
    return person_key(salt, tenant, person.email.strip() or str(person.entra_id or ""))


def named_in(saved: Snapshot) -> list[Person]:
    people = (saved.owner, saved.learner, saved.manager, saved.mentor)
    return [p for p in people if p is not None and (p.email.strip() or p.entra_id)]


def person_rows(salt: str, tenant: TenantId, people: Iterable[Person]) -> tuple[Op, ...]:
    """The rows that remember *people*."""
    ops: dict[str, Op] = {}
    for person in people:
        key = key_of(salt, tenant, person)
        row = PersonRow(person.name, person.email.strip(), person.entra_id)
        ops[row_key(key)] = Put(Row(row_key(key), codec.dumps(row)))
        if person.entra_id and person.email.strip():
            other = row_key(person_key(salt, tenant, str(person.entra_id)))
            ops[other] = Put(Row(other, codec.dumps(PersonRow(same_as=str(key)))))
    return tuple(ops.values())


def naming_rows(component: ComponentKey, keys: Iterable[PersonKey]) -> tuple[Op, ...]:
    """The rows that tell which component names these people. They hold nothing but their keys."""
    return tuple(Put(Row(named_key(key, component), "")) for key in dict.fromkeys(keys))
