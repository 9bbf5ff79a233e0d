"""A tenant's settings, created, changed and shown."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import contract
from shared.errors import Invalid
from shared.model import AttendanceSettings, Mode, Replaced, Secrets, Tenant, TenantId

NOW = datetime(2026, 4, 1, 10, tzinfo=UTC)
ENTRA = "8f0c1a52-0000-4000-8000-00000000abcd"
COLLEGE = TenantId("northern-college")
# The law's own example, its GUID written out.
PUT: dict[str, Any] = {
    "name": "Northern College",
    "enabled": True,
    "mode": "live",
    "entraTenantId": ENTRA,
    "cloud": "global",
    "timeZone": "Europe/London",
    "windowDays": 5,
    "callbackUrl": "https://lms.example/hooks/teams",
    "attendance": {
        "unidentifiedOther": "assume_learner",
        "extraAttendee": "whole_meeting",
        "learnerTime": "own",
        "reviewsEarnHours": False,
        "retryNights": 7,
    },
    "changeNotifications": True,
    "retentionYears": 7,
}
REQUIRED = ("name", "entraTenantId", "timeZone", "callbackUrl")


def put(sent: Any, previous: Tenant | None = None, **options: Any) -> Tenant:
    body = json.dumps(sent).encode()
    return contract.parse_tenant(body, COLLEGE, previous, now=NOW, **options)


def faults(sent: Any, previous: Tenant | None = None) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        put(sent, previous)
    assert caught.value.status == 422
    return [(fault.pointer, fault.code) for fault in caught.value.faults]


def test_the_laws_example_is_taken() -> None:
    assert put(PUT) == Tenant(
        id=COLLEGE,
        name="Northern College",
        enabled=True,
        mode=Mode.LIVE,
        entra_tenant_id=ENTRA,
        cloud="global",
        time_zone="Europe/London",
        window_days=5,
        callback_url="https://lms.example/hooks/teams",
        attendance=AttendanceSettings(),
        change_notifications=True,
        retention_years=7,
        secrets=Secrets(),
        created_at=NOW,
    )


def test_a_new_tenant_needs_four_things_and_the_rest_is_the_laws_example() -> None:
    assert put({name: PUT[name] for name in REQUIRED}) == put(PUT)
    assert faults({}) == [(f"#/{name}", "missing") for name in REQUIRED]


OTHER = replace(
    put(PUT),
    enabled=False,
    mode=Mode.PREVIEW,
    cloud="china",
    window_days=9,
    attendance=AttendanceSettings("hold", "learner_time", "with_organizer", True, 3),
    change_notifications=False,
    retention_years=2,
    secrets=Secrets(4, (Replaced(3, NOW),)),
    created_at=datetime(2025, 1, 1, tzinfo=UTC),
)


@pytest.mark.parametrize("value", ["left out", None])
def test_what_is_left_out_keeps_its_value(value: str | None) -> None:
    sent = {} if value else dict.fromkeys(PUT)
    assert put(sent, OTHER) == OTHER


@pytest.mark.parametrize(
    ("sent", "changed"),
    [
        ({"name": "N"}, replace(OTHER, name="N")),
        ({"enabled": True}, replace(OTHER, enabled=True)),
        ({"mode": "live"}, replace(OTHER, mode=Mode.LIVE)),
        ({"windowDays": 0}, replace(OTHER, window_days=0)),
        ({"timeZone": "Asia/Kolkata"}, replace(OTHER, time_zone="Asia/Kolkata")),
        ({"entraTenantId": ENTRA.upper()}, OTHER),
        (
            {"attendance": {"retryNights": 0}},
            replace(OTHER, attendance=replace(OTHER.attendance, retry_nights=0)),
        ),
    ],
)
def test_what_is_named_changes_and_nothing_else(sent: dict[str, Any], changed: Tenant) -> None:
    assert put(sent, OTHER) == changed


def test_what_get_answers_can_be_sent_back() -> None:
    assert put(contract.tenant_json(OTHER), OTHER) == OTHER


def test_no_secret_is_shown() -> None:
    assert contract.tenant_json(OTHER) == {
        **PUT,
        "tenantId": "northern-college",
        "enabled": False,
        "mode": "preview",
        "cloud": "china",
        "windowDays": 9,
        "attendance": {
            "unidentifiedOther": "hold",
            "extraAttendee": "learner_time",
            "learnerTime": "with_organizer",
            "reviewsEarnHours": True,
            "retryNights": 3,
        },
        "changeNotifications": False,
        "retentionYears": 2,
        "createdAt": "2025-01-01T00:00:00Z",
    }


@pytest.mark.parametrize("previous", [None, OTHER], ids=["new", "existing"])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": " "}, [("name", "blank")]),
        ({"name": "x" * 256}, [("name", "too_long")]),
        ({"enabled": "yes"}, [("enabled", "wrong_type")]),
        ({"mode": "dry"}, [("mode", "unknown_value")]),
        ({"entraTenantId": "college.onmicrosoft.com"}, [("entraTenantId", "not_a_guid")]),
        ({"entraTenantId": ""}, [("entraTenantId", "blank")]),
        ({"entraTenantId": 1}, [("entraTenantId", "wrong_type")]),
        ({"cloud": "germany"}, [("cloud", "unknown_value")]),
        ({"timeZone": "GMT Standard Time"}, [("timeZone", "unknown_time_zone")]),
        ({"timeZone": "europe/london"}, [("timeZone", "unknown_time_zone")]),
        ({"timeZone": "../Europe/London"}, [("timeZone", "unknown_time_zone")]),
        ({"timeZone": "Europe"}, [("timeZone", "unknown_time_zone")]),
        ({"timeZone": "localtime"}, [("timeZone", "unknown_time_zone")]),
        ({"timeZone": ""}, [("timeZone", "unknown_time_zone")]),
        ({"timeZone": 0}, [("timeZone", "wrong_type")]),
        ({"windowDays": -1}, [("windowDays", "out_of_range")]),
        ({"windowDays": 366}, [("windowDays", "out_of_range")]),
        ({"windowDays": 5.5}, [("windowDays", "wrong_type")]),
        ({"callbackUrl": "http://lms.example/"}, [("callbackUrl", "not_https")]),
        ({"callbackUrl": "https://127.0.0.1/"}, [("callbackUrl", "private_address")]),
        ({"callbackUrl": ""}, [("callbackUrl", "not_a_url")]),
        (
            {"callbackUrl": "http://x:y@lms.example/#z"},
            [("callbackUrl", code) for code in ("not_https", "has_user", "has_fragment")],
        ),
        ({"attendance": []}, [("attendance", "wrong_type")]),
        (
            {
                "attendance": {
                    "unidentifiedOther": "guess",
                    "extraAttendee": "guess",
                    "learnerTime": "guess",
                    "reviewsEarnHours": 1,
                    "retryNights": 61,
                }
            },
            [
                ("attendance/unidentifiedOther", "unknown_value"),
                ("attendance/extraAttendee", "unknown_value"),
                ("attendance/learnerTime", "unknown_value"),
                ("attendance/reviewsEarnHours", "wrong_type"),
                ("attendance/retryNights", "out_of_range"),
            ],
        ),
        ({"changeNotifications": None, "retentionYears": 0}, [("retentionYears", "out_of_range")]),
        ({"retentionYears": 100}, [("retentionYears", "out_of_range")]),
    ],
)
def test_a_fault_is_pointed_at(
    changes: dict[str, Any], expected: list[tuple[str, str]], previous: Tenant | None
) -> None:
    assert faults(PUT | changes, previous) == [(f"#/{name}", code) for name, code in expected]


def test_every_fault_is_told_at_once_in_order() -> None:
    assert [pointer for pointer, _ in faults({name: [] for name in reversed(PUT)})] == [
        f"#/{name}" for name in PUT
    ]


def test_a_listed_callback_host_may_be_private() -> None:
    sent = PUT | {"callbackUrl": "https://localhost:7443/hooks"}
    assert put(sent, allowed_hosts=["localhost"]).callback_url == "https://localhost:7443/hooks"


def test_a_body_that_is_no_object_is_one_fault() -> None:
    assert faults([]) == [("#", "wrong_type")]


@pytest.mark.parametrize("tenant_id", ["a", "0", "a-", "northern-college", "a" * 63])
def test_a_tenant_id_is(tenant_id: str) -> None:
    assert contract.is_tenant_id(tenant_id)


@pytest.mark.parametrize("tenant_id", ["", "-a", "A", "a_b", "a.b", "a/b", "a" * 64, "a\n", "é"])
def test_a_tenant_id_is_not(tenant_id: str) -> None:
    assert not contract.is_tenant_id(tenant_id)
    with pytest.raises(Invalid) as caught:
        contract.parse_tenant(json.dumps(PUT).encode(), TenantId(tenant_id), None, now=NOW)
    assert [(f.pointer, f.code) for f in caught.value.faults] == [("#", "bad_tenant_id")]


def test_every_time_zone_offered_can_be_used() -> None:
    assert {"Europe/London", "UTC", "America/New_York"} <= contract.time_zones()
    for name in contract.time_zones():
        assert NOW.astimezone(ZoneInfo(name)).utcoffset() is not None


@given(
    st.dictionaries(
        st.sampled_from([*PUT]),
        st.none() | st.booleans() | st.integers(0, 99) | st.text() | st.just({}),
    )
)
def test_whatever_the_members_hold_is_taken_or_refused(changes: dict[str, Any]) -> None:
    try:
        tenant = put(changes, OTHER)
    except Invalid as error:
        told = error.status
    else:
        told = 200
        assert put(contract.tenant_json(tenant), OTHER) == tenant
    assert told in (200, 422)
