r"""Ids of any kind as Table Storage keys, and the names of our rows. No I/O.

Azure refuses ``/ \ # ?`` and control characters in keys
(https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model);
``|`` parts our row keys and ``~`` starts an escape, so these are escaped too, and so is all
beyond ASCII, whose order and case nobody wants to reason about.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import NewType

from shared.model import ComponentId, PersonKey, TenantId, fold

ComponentKey = NewType("ComponentKey", str)
"""A component's id in the form that row keys, markers and indexes use."""

LONGEST = 400
_UNSAFE = re.compile(rb"[^A-Za-z0-9._ :@+=-]")
_ADDRESS = re.compile(r"[^@\s]@[^@\s]")


@lru_cache(8192)  # each step of a run asks again
def component_key(component: ComponentId) -> ComponentKey:
    """A key for any LMS id; two ids never share one.

    Longer ones than 400 are hashed, and ids that hold an e-mail address: keys stand in logs, in the
    platform's audit of the table and in other people's calendars.
    """
    text = _UNSAFE.sub(lambda found: b"~%02x" % found[0][0], str(component).encode())
    if len(text) > LONGEST or _ADDRESS.search(component):
        # "~~" cannot start an escaped id, so a hash never meets one.
        return ComponentKey("~~" + hashlib.sha256(str(component).encode()).hexdigest())
    return ComponentKey(text.decode())


def person_key(salt: str, tenant: TenantId, identity: str) -> PersonKey:
    """Names a person by an address or object id without telling it to who reads the key."""
    digest = hmac.new(salt.encode(), f"{tenant}|{fold(identity)}".encode(), hashlib.sha256)
    return PersonKey(digest.hexdigest()[:24])


def stamp(moment: datetime) -> str:
    """An instant that sorts as text."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def partition(tenant: TenantId) -> str:
    return f"tenant|{tenant}"
