"""Graph's attendance JSON, in every shape known or feared, read into ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.graph.reports import read_record, read_report
from shared.intervals import Interval
from shared.people import Entry, Joined

OID = "dc17674c-81d9-4adb-bfb2-8f6a442e4623"
NINE = datetime(2026, 4, 30, 8, tzinfo=UTC)


def identity(kind: str, **members: Any) -> dict[str, Any]:
    return {"@odata.type": f"#microsoft.graph.{kind}", **members}


def a_record(identity: Any, address: Any = "", **more: Any) -> dict[str, Any]:
    return {
        "id": "record-1",
        "emailAddress": address,
        "totalAttendanceInSeconds": 1152,
        "role": "Presenter",
        "identity": identity,
        "attendanceIntervals": [
            {
                "joinDateTime": "2026-04-30T08:00:00.278Z",
                "leaveDateTime": "2026-04-30T08:30:00.6327763Z",
                "durationInSeconds": 1800,
            }
        ],
        **more,
    }


@pytest.mark.parametrize(
    ("record", "joined", "id_", "address", "name"),
    [
        pytest.param(
            a_record(
                identity("communicationsUserIdentity", id=OID, displayName="A", tenantId=None),
                "a@x.example",
            ),
            Joined.SIGNED_IN,
            OID,
            "a@x.example",
            "A",
            id="a user of the tenant",
        ),
        pytest.param(
            a_record(identity("communicationsUserIdentity", id=OID, displayName="F"), ""),
            Joined.SIGNED_IN,
            OID,
            "",
            "F",
            id="a federated user without address",
        ),
        pytest.param(
            a_record(identity("communicationsUserIdentity", id=None, displayName=None), None),
            Joined.SIGNED_IN,
            "",
            "",
            "",
            id="a sign-in that hides everything",
        ),
        pytest.param(
            a_record(
                identity("communicationsUserIdentity", id="00000000-0000-0000-0000-000000000000")
            ),
            Joined.SIGNED_IN,
            "",
            "",
            "",
            id="nobody's id is no id",
        ),
        pytest.param(
            a_record(identity("communicationsUserIdentity", id=f"8:orgid:{OID}")),
            Joined.SIGNED_IN,
            OID,
            "",
            "",
            id="an account by Teams' own id",
        ),
        pytest.param(
            a_record(
                identity("azureCommunicationServicesUserIdentity", id="8:acs:1_2", displayName="B")
            ),
            Joined.SERVICE,
            "8:acs:1_2",
            "",
            "B",
            id="communication services",
        ),
        pytest.param(
            a_record(
                identity(
                    "communicationsGuestIdentity", id=OID, displayName="G", email="g@x.example"
                )
            ),
            Joined.GUEST,
            OID,
            "g@x.example",
            "G",
            id="a guest who typed an address",
        ),
        pytest.param(
            a_record(identity("communicationsGuestIdentity", id=f"8:orgid:{OID}")),
            Joined.GUEST,
            OID,
            "",
            "",
            id="a guest whose id looks like an account stays a guest",
        ),
        pytest.param(
            a_record(
                identity("communicationsUserIdentity", id="8:teamsvisitor:ab", displayName="V")
            ),
            Joined.ANONYMOUS,
            "8:teamsvisitor:ab",
            "",
            "V",
            id="a visitor is no user whatever the type says",
        ),
        pytest.param(
            a_record(identity("communicationsPhoneIdentity", id="4:+441", displayName="+44 1**")),
            Joined.PHONE,
            "4:+441",
            "",
            "+44 1**",
            id="a telephone",
        ),
        pytest.param(
            a_record({"id": "4:+441", "displayName": "+44 1**"}),
            Joined.PHONE,
            "4:+441",
            "",
            "+44 1**",
            id="a telephone without type",
        ),
        pytest.param(
            a_record(identity("communicationsApplicationIdentity", id="28:x", displayName="Notes")),
            Joined.APPLICATION,
            "28:x",
            "",
            "Notes",
            id="an application",
        ),
        pytest.param(
            a_record({"displayName": "Lea"}), Joined.ANONYMOUS, "", "", "Lea", id="only a name"
        ),
        pytest.param(
            a_record({"id": OID}), Joined.SIGNED_IN, OID, "", "", id="untyped with a GUID"
        ),
        pytest.param(
            a_record({"id": "x9", "displayName": "Lea"}),
            Joined.ANONYMOUS,
            "x9",
            "",
            "Lea",
            id="untyped with an opaque id",
        ),
        pytest.param(
            a_record({"id": OID, "email": "g@x.example"}),
            Joined.GUEST,
            OID,
            "g@x.example",
            "",
            id="untyped with a typed address",
        ),
        pytest.param(
            a_record(identity("teamworkUserIdentity", id=OID)),
            Joined.ANONYMOUS,
            OID,
            "",
            "",
            id="a type we do not know is not trusted",
        ),
        pytest.param(a_record(None, None), Joined.ANONYMOUS, "", "", "", id="identity null"),
        pytest.param(
            a_record(None, "learner@work.example"),
            Joined.ANONYMOUS,
            "",
            "learner@work.example",
            "",
            id="an address without identity",
        ),
    ],
)
def test_every_identity(record: Any, joined: Joined, id_: str, address: str, name: str) -> None:
    entry = read_record(record)
    assert (entry.joined, entry.id, entry.address, entry.name) == (joined, id_, address, name)
    assert len(entry.intervals) == 1


@pytest.mark.parametrize(
    "record",
    [
        None,
        7,
        "text",
        [],
        {},
        {"identity": "text"},
        {"identity": []},
        {"identity": None, "emailAddress": "", "attendanceIntervals": []},
    ],
    ids=str,
)
def test_a_record_we_cannot_understand_is_kept_as_nobodys(record: Any) -> None:
    assert read_record(record) == Entry(Joined.UNREADABLE)
    assert read_report({"id": "r"}, [record]).entries == (Entry(Joined.UNREADABLE),)


def test_missing_members_are_as_good_as_blank_ones() -> None:
    entry = read_record({"identity": identity("communicationsUserIdentity")})
    assert entry == Entry(Joined.SIGNED_IN)


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        pytest.param(
            {"joinDateTime": "2026-04-30T08:00:00Z", "leaveDateTime": "2026-04-30T08:00:01Z"},
            (0.0, 1.0),
            id="whole seconds",
        ),
        pytest.param(
            {"joinDateTime": "2026-04-30T08:00:00.278Z", "leaveDateTime": "2026-04-30T08:00:01.5Z"},
            (0.278, 1.5),
            id="three digits and one",
        ),
        pytest.param(
            {
                "joinDateTime": "2026-04-30T08:00:00.1234567Z",
                "leaveDateTime": "2026-04-30T08:00:01.7654321Z",
            },
            (0.123456, 1.765432),
            id="seven digits",
        ),
        pytest.param(
            {
                "joinDateTime": "2026-04-30T09:00:00.12345+01:00",
                "leaveDateTime": "2026-04-30T08:00:01.5",
            },
            (0.12345, 1.5),
            id="an offset, and none at all",
        ),
        pytest.param(
            {"joinDateTime": "2026-04-30T08:00:00Z", "durationInSeconds": 415},
            (0.0, 415.0),
            id="no leave, but a duration",
        ),
        pytest.param(
            {"leaveDateTime": "2026-04-30T08:10:00Z", "durationInSeconds": 600},
            (0.0, 600.0),
            id="no join, but a duration",
        ),
        pytest.param(
            {"joinDateTime": "2026-04-30T08:00:00Z", "leaveDateTime": None},
            (0.0, 0.0),
            id="neither leave nor duration",
        ),
        pytest.param(
            {"joinDateTime": "2026-04-30T08:00:01Z", "leaveDateTime": "2026-04-30T08:00:00Z"},
            None,
            id="left before they came",
        ),
        pytest.param(
            {"joinDateTime": "0001-01-01T00:00:00Z", "leaveDateTime": "soon"}, None, id="no times"
        ),
        pytest.param({"durationInSeconds": 60}, None, id="a duration alone"),
        pytest.param("text", None, id="not an interval"),
    ],
)
def test_intervals(interval: Any, expected: tuple[float, float] | None) -> None:
    record = a_record(identity("communicationsUserIdentity", id=OID))
    entry = read_record(record | {"attendanceIntervals": [interval]})
    found = [
        ((i.joined_at - NINE).total_seconds(), (i.left_at - NINE).total_seconds())
        for i in entry.intervals
    ]
    assert found == ([expected] if expected else [])


@pytest.mark.parametrize("value", [None, "text", {}, 7, [None], []], ids=str)
def test_without_intervals_somebody_is_there_without_times(value: Any) -> None:
    record = a_record(identity("communicationsUserIdentity", id=OID))
    entry = read_record(record | {"attendanceIntervals": value})
    assert (entry.joined, entry.intervals) == (Joined.SIGNED_IN, ())


REPORT = {
    "id": "report-1",
    "totalParticipantCount": 2,
    "meetingStartDateTime": "2026-04-30T07:58:00.5Z",
    "meetingEndDateTime": "2026-04-30T09:01:00Z",
    "attendanceRecords": [],
}


def test_a_report() -> None:
    record = a_record(identity("communicationsUserIdentity", id=OID))
    report = read_report(REPORT | {"attendanceRecords": [record]})
    assert (report.id, report.participants, len(report.entries)) == ("report-1", 2, 1)
    assert report.started_at == NINE - timedelta(seconds=119.5)
    assert report.ended_at == NINE + timedelta(minutes=61)
    assert read_report(REPORT, [record]) == report


def test_a_report_without_times_takes_them_from_its_records() -> None:
    report = read_report({"id": "r"}, [a_record({"displayName": "Lea"})])
    assert report.started_at == datetime(2026, 4, 30, 8, 0, 0, 278000, UTC)
    assert report.ended_at == datetime(2026, 4, 30, 8, 30, 0, 632776, UTC)


@pytest.mark.parametrize("report", [None, 3, "text", [], {}, {"attendanceRecords": {}}], ids=str)
def test_a_report_we_cannot_understand_has_no_time(report: Any) -> None:
    read = read_report(report)
    assert (read.id, read.started_at, read.ended_at, read.entries) == ("", None, None, ())


@pytest.mark.parametrize(
    ("count", "participants"), [(0, 0), (3, 3), (-1, 0), (None, 0), ("3", 0), (True, 0), (2.5, 0)]
)
def test_the_participant_count(count: Any, participants: int) -> None:
    assert read_report(REPORT | {"totalParticipantCount": count}).participants == participants


def test_a_record_that_a_page_repeats_is_read_once() -> None:
    record = a_record({"displayName": "Lea"})
    other = a_record({"displayName": "Leo"})
    assert len(read_report(REPORT, [record, dict(record), other]).entries) == 2


def test_equal_records_without_an_id_are_two_people() -> None:
    record = a_record({"displayName": "Lea"}, id=None)
    assert len(read_report(REPORT, [record, record]).entries) == 2


def test_the_digest_ignores_order_and_odata_notes_and_nothing_else() -> None:
    one, two = a_record({"displayName": "Lea"}), a_record({"displayName": "Leo"})
    digest = read_report(REPORT, [one, two]).sha256
    noted = REPORT | {"@odata.context": "https://x", "attendanceRecords@odata.context": "https://y"}
    assert read_report(noted, [two, one]).sha256 == digest
    assert read_report(REPORT | {"attendanceRecords": [two, one]}).sha256 == digest
    assert read_report(REPORT, [one]).sha256 != digest
    assert read_report(REPORT, [one, two | {"role": "Attendee"}]).sha256 != digest
    assert read_report(REPORT | {"totalParticipantCount": 3}, [one, two]).sha256 != digest


def test_text_no_encoding_can_hold_is_digested_all_the_same() -> None:
    assert read_report(REPORT, [a_record({"displayName": "\ud800"})]).sha256


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "identity",
                    "@odata.type",
                    "email",
                    "emailAddress",
                    "attendanceIntervals",
                    "attendanceRecords",
                    "joinDateTime",
                    "durationInSeconds",
                    "totalParticipantCount",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(json_values, st.lists(json_values, max_size=4))
def test_no_json_raises_and_no_record_is_dropped(report: Any, records: list[Any]) -> None:
    read = read_report(report, records)
    assert len(read.entries) >= len({repr(record) for record in records if record})
    read_report(report)


@given(st.integers(0, 10**9), st.sampled_from(["", ".1", ".123", ".1234567", ".999999999"]))
def test_a_spell_never_ends_before_it_begins(seconds: int, digits: str) -> None:
    moment = (NINE + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S") + digits + "Z"
    record = {"identity": {"id": OID}, "attendanceIntervals": [{"joinDateTime": moment}]}
    for interval in read_record(record).intervals:
        assert interval == Interval(interval.joined_at, interval.joined_at)
