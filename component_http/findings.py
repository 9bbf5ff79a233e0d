"""What a look at a Microsoft 365 set-up means: answers in, items with their mends out. Pure.

An item's *status*: it works (``ok``), it works but (``warning``), a person must act (``missing``),
or it could not be seen (``unknown``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from component_http import mends
from component_http.mends import Ids
from shared.directory import User
from shared.errors import NotAllowed, NotFound, RemoteError
from shared.graph import protocol
from shared.graph.client import Outcome
from shared.http import Answer
from shared.model import Booking, Person, UserId
from shared.reasons import reason_of, sentence
from shared.signing import TOLERANCE

OK, WARNING, MISSING, UNKNOWN = "ok", "warning", "missing", "unknown"
SKEW_SHOWN = timedelta(seconds=60)

# Each with the wider ones that include it.
ENOUGH = {
    "OnlineMeetings.Read.All": {"OnlineMeetings.Read.All", "OnlineMeetings.ReadWrite.All"},
    "OnlineMeetingArtifact.Read.All": {"OnlineMeetingArtifact.Read.All"},
    "User.ReadBasic.All": {
        "User.ReadBasic.All", "User.Read.All", "User.ReadWrite.All",
        "Directory.Read.All", "Directory.ReadWrite.All",
    },
}  # fmt: skip
_WITHOUT = {
    "OnlineMeetings.Read.All": "no meeting is found by its link, so no attendance is read",
    "OnlineMeetingArtifact.Read.All": "no attendance report can be read",
    "User.ReadBasic.All": "no organiser is found by their address",
}
READ, WRITE = "Calendars.Read", "Calendars.ReadWrite"
_NO_POLICY = re.compile(r"access policy|not authorized|not allowed", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was looked at. *code* and *mend* are None where nothing is to be said."""

    item: str
    status: str
    detail: str
    code: str | None = None
    mend: str | None = None

    def json(self) -> dict[str, Any]:
        return {
            "item": self.item,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "mend": self.mend,
        }


@dataclass(slots=True)
class Subject:
    """An organizer who is looked at, and what was asked about them.

    *link* is a join link of theirs, "" when they have none; *past* the last meeting they held.
    *writing* is None where it need not be asked.
    """

    person: Person
    user: User | RemoteError | None = None
    link: str = ""
    past: Booking | None = None
    calendar: Outcome = None
    writing: Outcome = None
    lookup: Outcome = None
    reports: Outcome = None

    @property
    def name(self) -> str:
        return self.person.email.strip() or str(self.person.entra_id)

    @property
    def id(self) -> UserId | None:
        return self.user[0] if isinstance(self.user, tuple) else None

    @property
    def mailbox(self) -> str:
        """What Exchange's commands know them by."""
        addresses = self.user[1] if isinstance(self.user, tuple) else ()
        return addresses[0] if addresses else self.name

    @property
    def is_readable(self) -> bool:
        return not isinstance(self.calendar, RemoteError)

    @property
    def is_denied(self) -> bool:
        return any(_denies(outcome) for outcome in (self.calendar, self.writing))


def _denies(outcome: Outcome) -> bool:
    return isinstance(outcome, NotAllowed) and outcome.system == "graph"


def unseen(name: str, error: RemoteError) -> Item:
    """Not to be seen at this moment, and why."""
    reason, _ = reason_of(error)
    said = f"{error.code}: {error.message}".rstrip(": ")
    return Item(name, UNKNOWN, f"{sentence(reason)} ({said})", reason)


# -- the token and its rights --------------------------------------------------------------


def token(found: str | RemoteError, ids: Ids) -> Item:
    if not isinstance(found, RemoteError):
        return Item("token", OK, "Microsoft Entra gives the connector tokens for this tenant.")
    refusal = mends.refusal(found.code)
    if not isinstance(found, NotAllowed):
        known = found.code in mends.REFUSALS
        detail = refusal.detail if known else f"{sentence('entra_unavailable')} ({found.code})"
        return Item("token", UNKNOWN, detail, found.code, refusal.mend(ids) if known else None)
    trust = found.code == "AADSTS700213"
    mend = mends.federated(ids, found.message) if trust else refusal.mend(ids)
    return Item("token", MISSING, refusal.detail, found.code, mend)


def without_token() -> Iterator[Item]:
    for role in (*ENOUGH, WRITE, READ):
        yield Item(role, UNKNOWN, "Shows once there is a token.", "no_token")
    yield Item("organizers", UNKNOWN, "Nobody can be asked about without a token.", "no_token")


def roles(granted: Collection[str], ids: Ids) -> Iterator[Item]:
    """The app roles that only Entra can grant."""
    for role, enough in ENOUGH.items():
        if not enough.isdisjoint(granted):
            yield Item(role, OK, "Granted in Entra.")
        else:
            detail = f"Not granted in Entra: {_WITHOUT[role]}."
            yield Item(role, MISSING, detail, "role_missing", mends.missing_role(ids, role))


def calendar_right(granted: Collection[str], subjects: Sequence[Subject], ids: Ids) -> Item:
    """Proven by the calendars: where Exchange grants it, no token says so."""
    asked = [one for one in subjects if one.id]
    denied = [one for one in asked if one.is_denied]
    if WRITE in granted:
        return Item(WRITE, OK, "Granted in Entra, for every calendar; Exchange cannot narrow it.")
    if not asked:
        return Item(
            WRITE, UNKNOWN,
            "Not granted in Entra; whether Exchange grants it shows in somebody's calendar.",
            "no_organizer", "# Ask again, naming a tutor: ?organizer=tutor@college.example",
        )  # fmt: skip
    if denied:
        detail = (
            f"Not granted in Entra; and in Exchange not for {len(denied)} of the {len(asked)} "
            "organisers that were tried."
        )
        everyone = len(denied) == len(asked)
        mend = mends.exchange_scope(ids) if everyone else "# See their calendars, below."
        return Item(WRITE, MISSING, detail, "calendar_denied", mend)
    if not all(one.is_readable for one in asked):
        return Item(WRITE, UNKNOWN, "Some calendars could not be seen just now.", "not_seen")
    return Item(WRITE, OK, "Granted in Exchange: every calendar that was tried lets us in.")


def subscribing_right(granted: Collection[str], ids: Ids, *, wanted: bool) -> Item:
    """The right that change notifications are documented to need."""
    if READ in granted:
        return Item(READ, OK, "Granted in Entra: Teams may tell us of changes at once.")
    if not wanted:
        return Item(READ, OK, "Not granted, and not needed: changeNotifications is false.")
    return Item(
        READ, WARNING,
        "Not granted in Entra. Microsoft documents it for change notifications, and does not say "
        "that another right is enough; without them a tutor's move is seen by the next sweep, "
        "within three hours.",
        "role_missing", mends.missing_role(ids, READ),
    )  # fmt: skip


# -- an organizer --------------------------------------------------------------------------


def organizer(one: Subject, granted: Collection[str], ids: Ids) -> Iterator[Item]:
    if one.id is None:
        yield _no_account(one)
        return
    yield Item(f"account: {one.name}", OK, "Found in the directory.")
    yield from _mailbox(one, ids)
    yield _policy(one, granted, ids)
    yield _reports(one)


def _no_account(one: Subject) -> Item:
    name = f"account: {one.name}"
    if isinstance(one.user, RemoteError):
        return unseen(name, one.user)
    detail = "Nobody in the customer's directory has this address or id."
    return Item(name, MISSING, detail, "owner_not_found", mends.no_account(one.name))


def _mailbox(one: Subject, ids: Ids) -> Iterator[Item]:
    mailbox, calendar, teams = (f"{what}: {one.name}" for what in ("mailbox", "calendar", "teams"))
    outcome = protocol.understood(one.calendar, protocol.providers_of)
    later = "Shows once the calendar may be read."
    if not isinstance(outcome, RemoteError):
        yield Item(mailbox, OK, "There is one.")
        yield _calendar(one, calendar, ids)
        if "teamsForBusiness" in outcome.split(","):
            yield Item(teams, OK, "The calendar allows Teams meetings.")
        else:
            detail = "The calendar does not allow Teams meetings: a licence is missing."
            yield Item(teams, MISSING, detail, "owner_without_teams", mends.no_teams(str(one.id)))
    elif _denies(outcome):
        yield Item(mailbox, UNKNOWN, later, "not_permitted")
        yield _denied(one, calendar, outcome, ids)
        yield Item(teams, UNKNOWN, later, "not_permitted")
    elif isinstance(outcome, NotFound):
        detail = "The account has no mailbox in Exchange Online that can be reached."
        yield Item(mailbox, MISSING, detail, "no_mailbox", mends.no_mailbox(str(one.id)))
    else:
        yield unseen(mailbox, outcome)


def _calendar(one: Subject, name: str, ids: Ids) -> Item:
    """Of a calendar that can be read, whether it may be written as well."""
    outcome = one.writing
    if outcome is None or isinstance(outcome, NotFound):
        return Item(name, OK, "The connector may use it.")
    if isinstance(outcome, RemoteError) and _denies(outcome):
        return _denied(one, name, outcome, ids)
    detail = "It may be read; whether it may be written could not be proven."
    return Item(name, WARNING, detail, "not_proven", mends.mailbox_in_scope(ids, one.mailbox))


def _denied(one: Subject, name: str, error: RemoteError, ids: Ids) -> Item:
    what = "written" if one.is_readable else "read"
    if "OData is disabled" in error.message:
        detail = f"It may not be {what}: an older application access policy of Exchange forbids it."
        mend = mends.legacy_policy(ids, one.mailbox)
        return Item(name, MISSING, detail, "exchange_access_policy", mend)
    detail = (
        f"It may not be {what}: the mailbox is outside what Exchange grants the connector. That is "
        "about calendars; the policy of Teams, for attendance, is another thing."
    )
    return Item(name, MISSING, detail, "not_permitted", mends.mailbox_in_scope(ids, one.mailbox))


def _policy(one: Subject, granted: Collection[str], ids: Ids) -> Item:
    """Whether Teams lets us near their meetings. The codes are the same for other refusals, so the
    messages tell."""
    name, outcome = f"application access policy: {one.name}", one.lookup
    covered = Item(name, OK, "Teams lets the connector look up their meetings.")
    if ENOUGH["OnlineMeetings.Read.All"].isdisjoint(granted):
        detail = "Shows once OnlineMeetings.Read.All is granted."
        return Item(name, UNKNOWN, detail, "role_missing")
    if not isinstance(outcome, RemoteError) or protocol.no_such_meeting(outcome):
        return covered
    if isinstance(outcome, NotAllowed) and outcome.message.startswith("3003"):
        return covered  # past the policy, and no organizer of this one meeting
    if isinstance(outcome, NotAllowed) and _NO_POLICY.search(outcome.message):
        detail = (
            "Teams does not let the connector look up their meetings, so no attendance is read: no "
            f"application access policy covers them. {mends.TWO_POLICIES}"
        )
        mend = mends.application_access_policy(ids, str(one.id))
        return Item(name, MISSING, detail, "no_application_access_policy", mend)
    return unseen(name, outcome)


def _reports(one: Subject) -> Item:
    name, mend = f"attendance reports: {one.name}", mends.attendance_reports(str(one.id))
    if one.past is None:
        detail = (
            "Whether Teams makes them shows after the first meeting; no setting can be read before."
        )
        return Item(name, UNKNOWN, detail, "no_meeting_yet", mend)
    if isinstance(one.reports, RemoteError):
        if protocol.no_such_meeting(one.reports):
            return Item(name, UNKNOWN, "Teams does not find the last meeting.", "no_meeting")
        return unseen(name, one.reports)
    if one.reports:
        return Item(name, OK, "Teams made a report of the last meeting.")
    detail = (
        "The last meeting has no report: nobody came, it has not ended yet, or reports are switched"
        " off."
    )
    return Item(name, WARNING, detail, "no_report", mend)


# -- the LMS -------------------------------------------------------------------------------

_STATUSES = {
    401: "The LMS does not accept our signature.",
    403: "The LMS does not accept our signature.",
    404: "The LMS knows no such address.",
    405: "The LMS takes no POST there.",
    410: "The LMS says that the address is gone for good.",
}
_REASONS = {
    "private_address": "The callback's host is not on the public internet.",
    "no_address": "The callback's host has no address: its name is not in the DNS.",
    "timeout": "The LMS does not answer within 10 seconds.",
    "certificate": "The LMS's certificate is not one that we can trust.",
}


def callback(answer: Answer | RemoteError, ids: Ids) -> Item:
    """What became of a signed ``connector.ping``."""
    if isinstance(answer, RemoteError):
        code = "certificate" if "SSL" in answer.message else answer.code
        detail = _REASONS.get(code, "The LMS does not answer.")
        return Item("callback", MISSING, detail, code, mends.callback(ids, code))
    status, code = answer.status, f"http_{answer.status}"
    if 200 <= status < 300:
        return Item("callback", OK, f"The LMS took a signed connector.ping ({status}).")
    elsewhere = "The LMS sends us elsewhere; redirects are not followed."
    other = elsewhere if 300 <= status < 400 else "The LMS does not take a connector.ping."
    detail = f"{_STATUSES.get(status, other)} It answered {status}."
    return Item("callback", MISSING, detail, code, mends.callback(ids, code))


# -- clocks --------------------------------------------------------------------------------


def skew(answer: Answer, now: datetime) -> float | None:
    """By how many seconds another clock is ahead of ours; None where the answer does not tell.

    ``Date`` has whole seconds, cut off: half a second is what is missing on average.
    """
    try:
        there = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    return (there - now).total_seconds() + 0.5 if there.tzinfo else None


def clock(ahead: Mapping[str, float | None]) -> Item:
    known = {name: seconds for name, seconds in ahead.items() if seconds is not None}
    if not known:
        return Item("clock", UNKNOWN, "No answer told the time.", "no_date")
    told = ", ".join(f"{name} {round(seconds):+d} s" for name, seconds in sorted(known.items()))
    detail = f"Others' clocks against ours: {told}."
    off = [name for name, seconds in known.items() if abs(seconds) > SKEW_SHOWN.total_seconds()]
    if not off:
        return Item("clock", OK, detail)
    worst = max(abs(seconds) for seconds in known.values())
    ours = len(off) == len(known) > 1
    whose = "Ours is wrong, as the others agree" if ours else "They do not agree"
    return Item(
        "clock", MISSING if worst > TOLERANCE.total_seconds() else WARNING,
        f"{detail} {whose}; signatures are taken within 5 minutes, and tokens hardly longer.",
        "clock_off", mends.set_clock(["this machine"] if ours else off),
    )  # fmt: skip
