"""What nobody's text settles about Graph, and modes seen in the wild: one switch each.

Numbers in brackets are sections of graph-facts.md; OPEN n is item n of its section 11.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass
class GraphSwitches:
    """Set attributes at any time; over HTTP `PATCH /_sim/switches`."""

    # -- create ---------------------------------------------------------------------------------
    duplicate_transaction_status: Literal[400, 409] = 400
    """Status of ErrorDuplicateTransactionId [1.3, 9.2, OPEN 1]."""
    duplicate_transaction_names_event: bool = False
    """Put `@event.existingEventId` into that error [1.3, 9.2, OPEN 1]."""
    deletion_frees_transaction_id: bool = False
    """After cancel or delete the same transactionId makes a new event; else it is refused as a
    duplicate, whatever the body [1.3, OPEN 1]."""
    transaction_ids: Literal["kept", "ignored"] = "kept"
    """`ignored`: every POST makes an event; transactionId is "not a strict key" [1.3]."""
    concurrent_save_every: int = 0
    """Every nth create answers 409 and makes nothing [9.12]; 0: never."""
    join_url_after_reads: int = 0
    """`onlineMeeting` is null in the first n answers about a new event, though isOnlineMeeting is
    true [1.4, OPEN 10]."""
    block_style: Literal["classic", "new"] = "classic"
    """Markup of the Teams block: "has changed over the years" [1.1]."""
    case_twins: bool = True
    """Every second id differs from the one before it only in case [1.7, 9.10]."""
    refused_zones: set[str] = field(default_factory=set)
    """Zone names to answer TimeZoneNotSupportedException for, besides unknown ones [1.5]."""

    # -- update, cancel -------------------------------------------------------------------------
    body_without_block: Literal["disable", "new_url", "alternate"] = "disable"
    """PATCH with a body that lacks the Teams block: modes A, B, C of [2.2, 9.15]."""
    if_match: Literal["enforced", "ignored"] = "enforced"
    """A stale If-Match is answered 412 [1.9, OPEN 3]."""
    organizer_patch: Literal["ignored", "refused"] = "ignored"
    """PATCH of `organizer` [2.3, 9.17]."""
    mail_on_equal_patch: bool = False
    """Send updates also for a PATCH that changes nothing attendees see; not documented [2.1]."""
    after_cancel: Literal["gone", "flagged"] = "gone"
    """GET by immutable id of a cancelled or deleted event: 404, or 200 with isCancelled from
    Deleted Items [2.4, 9.19, OPEN 2]."""
    cancel_without_attendees: Literal["accepted", "refused"] = "accepted"
    """[2.4, OPEN 4]"""
    past_event_writes: Literal["allowed", "refused"] = "allowed"
    """PATCH, cancel and DELETE of events whose end is past [2.4, OPEN 4]."""

    # -- reading --------------------------------------------------------------------------------
    marker_filter_with_start: Literal["accepted", "refused"] = "accepted"
    """Extended-property filter combined with start/dateTime [3.3, OPEN 5]; `refused`: 400."""
    marker_filter_with_orderby: Literal["accepted", "refused"] = "accepted"
    """The same with $orderby [OPEN 5]."""
    marker_index_lag_s: float = 0.0
    """A new event is not found by its extended property for so long, in simulated or real time,
    whichever is over first [OPEN 5]."""
    copies_carry_marker: bool = False
    """Attendees' copies carry the organizer's extended properties. Not documented."""
    attendee_copies: bool = True
    """Invitations put a copy into the calendars of attendees who have a mailbox here [9.22]."""
    events_lists: Literal["mailbox", "default_calendar"] = "mailbox"
    """What `GET /users/{id}/events` covers. The reference says "the user's mailbox"."""
    paging: Literal["offset", "stable"] = "offset"
    """`offset`: rows that vanish between two pages make others be missed, as with $skip links;
    `stable`: pages go on behind the last row seen. [9.44]"""
    page_size: int = 10
    """Default page of events [9.44]."""
    plus_in_query: Literal["literal", "space"] = "literal"
    """"Encode spaces as %20, not '+'" [1.8]: `literal` takes a + for a plus sign, so that a filter
    with + for spaces is a syntax error."""
    upn_in_online_meetings: bool = False
    """onlineMeetings paths take a user principal name too; "docs never promise UPN" [4]."""

    # -- change notifications -------------------------------------------------------------------
    subscription_max_minutes: int = 10_080
    """Older text: 4,230 [3.1, 9.26]. Longer requests are refused with 400."""
    duplicate_subscription: Literal[201, 409] = 201
    """[3.1, 9.27]"""
    subscribe_with_readwrite: bool = False
    """Calendars.ReadWrite alone is enough to subscribe [OPEN 6]."""
    subscribe_with_rbac: bool = False
    """Access by Exchange RBAC for Applications alone is enough to subscribe [OPEN 6]."""
    http_notification_urls: Literal["loopback", "never"] = "loopback"
    """Graph wants https; `loopback` also takes http://localhost, for a host without TLS."""
    created_also_updated: bool = True
    """One create yields `created` and `updated` [3.1, 9.25]."""
    updates_per_edit: tuple[int, int] = (1, 3)
    """One edit yields so many `updated`, at random in this range [3.1, 9.25]."""
    notification_duplicates: float = 0.0
    """Share of notifications that are delivered twice [9.25]."""
    notifications_shuffled: bool = False
    """Deliver out of order [9.25]."""
    notification_batch: int = 10
    """At most so many notifications in one POST; those for one URL go together, of whatever
    subscription and tenant [9.25]. 1: each by itself."""
    notification_delay_s: float = 0.1
    """From change to delivery, in simulated or real time, whichever is over first [3.1]."""
    notification_retry_s: tuple[float, ...] = (1.0, 5.0, 30.0, 300.0, 3600.0, 10_800.0)
    """Pauses between attempts; after the last one the notification is dropped and `missed` is
    sent (4 hours in all) [3.1, 9.28]."""

    # -- online meetings and attendance ---------------------------------------------------------
    unmatched_join_url: Literal["404", "400", "empty"] = "404"
    """`404` NotFound "3004: …", `400` BadRequest "1026…", `empty` collection [4, 9.30, OPEN 7]."""
    lookup_after_cancel: Literal["keeps", "gone"] = "keeps"
    """Does JoinWebUrl still resolve once the event is cancelled? [OPEN 7]"""
    lookup_expires_days: int | None = None
    """JoinWebUrl stops resolving so long after the event's end [OPEN 11]."""
    policy_delay_s: float = 0.0
    """A granted application access policy works only after so long; up to 1800 [4, 9.31]."""
    policy_text: Literal["new", "old"] = "new"
    """Wording of the refusal without that policy [4]."""
    report_delay_s: float = 0.0
    """From the end of a session to its report [OPEN 8]."""
    reports_listed: int = 50
    """Newest reports listed; earlier years: 10 [5.1, 9.32]."""
    attendance_page_size: int | None = None
    """Page of attendanceRecords; None: all at once [5.1, OPEN 8]."""
    opted_out_record: Literal["missing", "nameless", "nameless_without_intervals"] = "missing"
    """What is there of a participant who opted out of being named [5.4, 9.37, OPEN 8]."""
    user_tenant_id: Literal["null", "filled"] = "null"
    """`identity.tenantId` of same-tenant users [5.3, 9.35]."""
    anonymous_identity: Literal["guest", "user_without_id", "null"] = "guest"
    """How someone who joined without signing in looks [5.3, OPEN 8]."""
    report_days: int = 365
    """Retention of reports [5.1, 9.38]."""

    # -- transport ------------------------------------------------------------------------------
    latency_s: float = 0.0
    """Time a request takes; slept, with the mailbox's slot taken."""
    mailbox_concurrency: int = 4
    """Concurrent requests per app and mailbox; the next is answered 429 [6.1, 9.41]."""
    mailbox_requests_per_10_min: int = 10_000
    """[6.1, 9.41]"""
    meeting_requests_per_s: float | None = None
    """Budget of onlineMeetings and attendance per tenant; no figure is published [6.1, OPEN 9]."""
    retry_after: Literal["fractional", "integer", "none", "mixed"] = "mixed"
    """Retry-After on the simulator's own 429s [6.2, 9.40]."""
    batch_shuffled: bool = True
    """Responses of a $batch in any order [6.3, 9.42]."""
    batch_same_mailbox: Literal["four_at_a_time", "first_four_only"] = "four_at_a_time"
    """`first_four_only`: of the items for one mailbox only four succeed, the rest 429 [6.3]."""
    batch_throttled_status: Literal[200, 424] = 200
    """Status of a batch with a throttled item [6.3, 9.42]."""
