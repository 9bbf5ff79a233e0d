"""A tenant's settings: ``PUT`` bodies → Tenant, Tenant → JSON without secrets (the law, 4.3).

``PUT`` creates or changes: what is left out, or null, keeps its value in a tenant that exists and
takes the default in a new one. A new one must have a name, an Entra tenant, a time zone and a
callback URL. So what ``GET`` answered can be sent back, whole or in part. Whether a changed Entra
tenant or cloud is acceptable now (409) is the caller's to say: it takes the store to know.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from shared import codec
from shared.callback_address import LONGEST_URL, check_url
from shared.contract.body import read_call
from shared.contract.members import Members
from shared.contract.problem import refuse_if_any
from shared.errors import Fault
from shared.model import AttendanceSettings, Mode, Tenant, TenantId

CLOUDS = ("global", "usgov", "usgov_dod", "china")
UNIDENTIFIED_OTHER = ("assume_learner", "hold")
EXTRA_ATTENDEE = ("whole_meeting", "learner_time", "hold")
LEARNER_TIME = ("own", "with_organizer")
MOST_WINDOW_DAYS = 365
MOST_RETRY_NIGHTS = 60
RETENTION_YEARS = range(1, 100)

_TENANT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
# Names in the database that say where the machine stands, or nothing at all.
_NO_ZONES = frozenset({"Factory", "localtime", "posixrules"})


def is_tenant_id(text: str) -> bool:
    """Whether *text* can name a tenant: ``[a-z0-9][a-z0-9-]{0,62}``."""
    return _TENANT_ID.fullmatch(text) is not None


@cache
def time_zones() -> frozenset[str]:
    """Every IANA time zone name that may be chosen. Read from the zone database once."""
    return frozenset(available_timezones()) - _NO_ZONES


def parse_tenant(
    body: bytes,
    tenant_id: TenantId,
    previous: Tenant | None,
    *,
    now: datetime,
    allowed_hosts: Collection[str] = (),
    content_type: str | None = None,
) -> Tenant:
    """The tenant as *body* makes it, out of *previous* (None: it is new).

    What is no setting (secrets, time of creation) is *previous*'s, or fresh as of *now*.

    Args:
        allowed_hosts: Hosts that ``callbackUrl`` may name although private.

    Raises:
        Invalid: 413, 415, 400, or 422 with every fault; ``#`` is pointed at for the tenant id,
            which stands in the path.
    """
    faults: list[Fault] = []
    if not is_tenant_id(tenant_id):
        faults.append(Fault("#", "bad_tenant_id", f"Tenant ids match {_TENANT_ID.pattern}."))
    members = Members.of(read_call(body, content_type), "#", faults)
    base = previous or _fresh(tenant_id, now)
    given = members.need if previous is None else members.has
    tenant = replace(
        base,
        name=members.words("name") if given("name") else base.name,
        enabled=members.yes_no("enabled", default=base.enabled),
        mode=Mode(members.choice("mode", [mode.value for mode in Mode], base.mode.value)),
        entra_tenant_id=(
            _entra_tenant_id(members) if given("entraTenantId") else base.entra_tenant_id
        ),
        cloud=members.choice("cloud", CLOUDS, base.cloud),
        time_zone=_time_zone(members) if given("timeZone") else base.time_zone,
        window_days=_number(members, "windowDays", range(MOST_WINDOW_DAYS + 1), base.window_days),
        callback_url=(
            _callback_url(members, allowed_hosts) if given("callbackUrl") else base.callback_url
        ),
        attendance=_attendance(members, base.attendance),
        change_notifications=members.yes_no(
            "changeNotifications", default=base.change_notifications
        ),
        retention_years=_number(members, "retentionYears", RETENTION_YEARS, base.retention_years),
    )
    refuse_if_any(faults)
    return tenant


def tenant_json(tenant: Tenant) -> dict[str, Any]:
    """The tenant as people see it. No secrets."""
    attendance = tenant.attendance
    return {
        "tenantId": tenant.id,
        "name": tenant.name,
        "enabled": tenant.enabled,
        "mode": tenant.mode.value,
        "entraTenantId": tenant.entra_tenant_id,
        "cloud": tenant.cloud,
        "timeZone": tenant.time_zone,
        "windowDays": tenant.window_days,
        "callbackUrl": tenant.callback_url,
        "attendance": {
            "unidentifiedOther": attendance.unidentified_other,
            "extraAttendee": attendance.extra_attendee,
            "learnerTime": attendance.learner_time,
            "reviewsEarnHours": attendance.reviews_earn_hours,
            "retryNights": attendance.retry_nights,
        },
        "changeNotifications": tenant.change_notifications,
        "retentionYears": tenant.retention_years,
        "createdAt": tenant.created_at and codec.instant(tenant.created_at),
    }


def _fresh(tenant_id: TenantId, now: datetime) -> Tenant:
    return Tenant(
        id=tenant_id,
        name="",
        enabled=True,
        mode=Mode.LIVE,
        entra_tenant_id="",
        cloud="global",
        time_zone="",
        window_days=5,
        callback_url="",
        attendance=AttendanceSettings(),
        change_notifications=True,
        retention_years=7,
        created_at=now,
    )


def _attendance(members: Members, base: AttendanceSettings) -> AttendanceSettings:
    if not members.has("attendance"):
        return base
    chosen = members.inside("attendance")
    return AttendanceSettings(
        unidentified_other=chosen.choice(
            "unidentifiedOther", UNIDENTIFIED_OTHER, base.unidentified_other
        ),
        extra_attendee=chosen.choice("extraAttendee", EXTRA_ATTENDEE, base.extra_attendee),
        learner_time=chosen.choice("learnerTime", LEARNER_TIME, base.learner_time),
        reviews_earn_hours=chosen.yes_no("reviewsEarnHours", default=base.reviews_earn_hours),
        retry_nights=_number(
            chosen, "retryNights", range(MOST_RETRY_NIGHTS + 1), base.retry_nights
        ),
    )


def _number(members: Members, name: str, allowed: range, default: int) -> int:
    found = members.whole(name)
    if found is None:
        return default
    if found not in allowed:
        members.note(name, "out_of_range", f"This must be from {allowed[0]} to {allowed[-1]}.")
    return found


def _entra_tenant_id(members: Members) -> str:
    found = members.guid("entraTenantId")
    if found is None:
        members.note("entraTenantId", "blank", "This must not be empty.")
    return found or ""


def _time_zone(members: Members) -> str:
    name = members.text("timeZone", 100)
    if name not in time_zones():
        members.note("timeZone", "unknown_time_zone", "This must be an IANA time zone name.")
    return name


def _callback_url(members: Members, allowed_hosts: Collection[str]) -> str:
    url = members.text("callbackUrl", LONGEST_URL)
    for fault in check_url(url, allowed_hosts):
        members.note("callbackUrl", fault.code, fault.detail)
    return url
