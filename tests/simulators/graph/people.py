"""Who takes part in online meetings, and what an attendance record says of them.

The identity variants are graph-facts 5.3's table; what is OPEN there is a switch.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from .model import Person, Tenant, User, opaque
from .switches import GraphSwitches

PersonSpec = Person | User | str | Mapping[str, Any]


def user(member: User, **how: Any) -> Person:
    """Somebody of the organizer's own tenant, signed in."""
    return _person("user", member.display_name, member.address, member.id, member.tenant.id, **how)


def foreign(name: str, email: str | None, *, tenant_id: str | None = None, **how: Any) -> Person:
    """Somebody signed in to another tenant; *email* may be `""`. A foreign object id."""
    identity = how.pop("id", None) or str(uuid.uuid5(uuid.NAMESPACE_DNS, f"foreign/{name}/{email}"))
    return _person("foreign", name, email, identity, tenant_id, **how)


def guest(name: str | None, **how: Any) -> Person:
    """Somebody who joined by the browser without signing in; the name is typed by them."""
    return _person("guest", name, how.pop("email", ""), None, None, **how)


def phone(number: str, **how: Any) -> Person:
    """Somebody who dialled in. The name shown is the masked number."""
    return _person("phone", number[:-4] + "****", "", f"4:{number}", None, **how)


def acs(name: str, **how: Any) -> Person:
    """A bot-like joiner from Azure Communication Services."""
    identity = f"8:acs:{uuid.UUID(bytes=opaque('acs', name)[:16])}_00000012"
    return _person("acs", name, "", identity, None, **how)


def _person(
    kind: Any,
    name: str | None,
    email: str | None,
    identity: str | None,
    tenant_id: str | None,
    *,
    role: str = "Presenter",
    opted_out: bool = False,
    without: Iterable[str] = (),
    overrides: Mapping[str, Any] | None = None,
) -> Person:
    return Person(
        kind,
        name,
        email,
        identity,
        tenant_id,
        role,
        opted_out,
        frozenset(without),
        tuple((overrides or {}).items()),
    )


def person_of(tenant: Tenant, spec: PersonSpec) -> Person:
    """A person from whatever describes one.

    A text is the UPN, object id or address of somebody of *tenant*, else the address of a signed-in
    stranger. A mapping has one of `user`, `foreign`, `guest`, `phone`, `acs` and, besides, `email`,
    `id`, `tenantId`, `role`, `optedOut`, `without`, `overrides`.
    """
    if isinstance(spec, Person):
        return spec
    if isinstance(spec, User):
        return user(spec)
    if isinstance(spec, str):
        member = tenant.find(spec) or tenant.by_address.get(spec.casefold())
        return user(member) if member else foreign(spec.partition("@")[0], spec)
    how: dict[str, Any] = {
        "role": spec.get("role", "Presenter"),
        "opted_out": spec.get("optedOut", False),
        "without": spec.get("without", ()),
        "overrides": spec.get("overrides"),
    }
    if "user" in spec:
        member = tenant.find(spec["user"]) or tenant.by_address.get(spec["user"].casefold())
        if member is None:
            raise LookupError(spec["user"])
        return user(member, **how)
    if "foreign" in spec:
        email = spec.get("email", spec["foreign"])
        how |= {"id": spec.get("id"), "tenant_id": spec.get("tenantId")}
        return foreign(spec["foreign"], email, **how)
    if "guest" in spec:
        return guest(spec["guest"], email=spec.get("email", ""), **how)
    if "phone" in spec:
        return phone(spec["phone"], **how)
    if "acs" in spec:
        return acs(spec["acs"], **how)
    raise ValueError(f"nobody described by {dict(spec)!r}")


def record_json(
    switches: GraphSwitches,
    person: Person,
    record_id: str,
    intervals: list[tuple[datetime, datetime]],
) -> dict[str, Any] | None:
    """One attendance record; None when policy keeps it out of the report (graph-facts 5.4)."""
    seconds = [round((left - joined).total_seconds()) for joined, left in intervals]
    record: dict[str, Any] = {
        "id": record_id,
        "emailAddress": person.email,
        "totalAttendanceInSeconds": sum(seconds),  # overlaps count twice (graph-facts 5.3)
        "role": person.role,
        "registrationId": None,
        "externalRegistrationInformation": None,
        "identity": _identity(switches, person, record_id),
        "attendanceIntervals": [
            {
                "joinDateTime": stamp(joined, 7),
                "leaveDateTime": stamp(left, 3),
                "durationInSeconds": duration,
            }
            for (joined, left), duration in zip(intervals, seconds, strict=True)
        ],
    }
    if person.opted_out:
        if switches.opted_out_record == "missing":
            return None
        record |= {"id": str(uuid.uuid4()), "emailAddress": None, "identity": None}
        if switches.opted_out_record == "nameless_without_intervals":
            record |= {"attendanceIntervals": [], "totalAttendanceInSeconds": 0}
    record |= dict(person.overrides)
    return {name: value for name, value in record.items() if name not in person.without}


def _identity(switches: GraphSwitches, person: Person, record_id: str) -> dict[str, Any] | None:
    shown = {"id": person.id, "displayName": person.name}
    match person.kind:
        case "user":
            filled = person.tenant_id if switches.user_tenant_id == "filled" else None
            return _typed("communicationsUserIdentity", shown | {"tenantId": filled})
        case "foreign":
            return _typed("communicationsUserIdentity", shown | {"tenantId": person.tenant_id})
        case "phone":
            return _typed("communicationsPhoneIdentity", shown)
        case "acs":
            resource = {"azureCommunicationServicesResourceId": str(uuid.UUID(int=7))}
            return _typed("azureCommunicationServicesUserIdentity", shown | resource)
    if switches.anonymous_identity == "null":
        return None
    if switches.anonymous_identity == "user_without_id":
        return _typed("communicationsUserIdentity", shown | {"id": None, "tenantId": None})
    visitor = f"8:teamsvisitor:{record_id.replace('-', '')}"
    return _typed("communicationsGuestIdentity", shown | {"id": visitor, "email": None})


def _typed(name: str, values: dict[str, Any]) -> dict[str, Any]:
    return {"@odata.type": f"#microsoft.graph.{name}", **values}


def stamp(moment: datetime, decimals: int) -> str:
    """Sub-second digits vary between 3 and 7 (graph-facts 5.3)."""
    fraction = f"{moment.microsecond:06d}0"[:decimals]
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}Z"
