"""The scheduling rules of the law (section 2), one table each.

Everything stands around the meeting of ``tests.build``: 30 April, 09:00 in London, looked at on
25 April unless a test says otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.answer import state_of
from shared.errors import (
    Broken,
    NotAllowed,
    NotFound,
    Refused,
    RemoteError,
    Throttled,
)
from shared.model import (
    EventId,
    Flag,
    JoinUrl,
    Kind,
    Mode,
    Organizer,
    Person,
    Slot,
    Snapshot,
    State,
    Told,
    UserId,
)
from shared.reasons import reason_of, sentence
from shared.record import Record
from shared.scheduling.content import Changes, addresses, changes, invited
from shared.scheduling.noting import (
    after_cancel,
    after_create,
    after_failure,
    after_find,
    after_update,
)
from shared.scheduling.planning import plan
from shared.scheduling.problems import braked, fail
from shared.scheduling.saving import late, save
from shared.scheduling.step import Act, Facts, Step
from shared.scheduling.telling import event_id, tell
from shared.scheduling.views import Gone, Seen, Shape, Unknown
from tests.build import (
    ELEVEN,
    JOIN_URL,
    LEARNER,
    MANAGER,
    MENTOR,
    NEW_TUTOR,
    NINE,
    NOW,
    OTHER_LEARNER,
    OTHER_URL,
    TEN,
    TUTOR,
    USERS,
    YESTERDAY,
    a_booked,
    a_booking,
    a_problem,
    a_record,
    a_seen,
    a_slot,
    a_snapshot,
    a_tenant,
    an_intent,
    an_organizer,
    at,
    facts,
    guests,
    lines,
    saved_again,
    told,
)

HOUR, DAY, SECOND = timedelta(hours=1), timedelta(hours=24), timedelta(seconds=1)


def saved(former: Record, now: datetime = NOW, **changes_: Any) -> Record:
    """*former* after the LMS's next save."""
    return save(former, saved_again(former, **changes_), now)


def seen(record: Record, **changes_: Any) -> Seen:
    assert record.booking is not None
    return a_seen(record.booking, **changes_)


def heard(record: Record, *slots: Slot | None, now: datetime = NOW) -> Record:
    """*record* after the tutor moved the event to each slot, and a run saw it; None: cancelled."""
    for slot in slots:
        view = Gone() if slot is None else seen(record, slot=slot)
        step = plan(record, facts(view, now=now, vanished_may_go=True))
        assert step.act is None
        record = step.record
    return record


def at_rest(record: Record, **known: Any) -> bool:
    """Whether a run that reads the event as it was left changes nothing at all."""
    view = seen(record) if record.booking else None
    return plan(record, facts(view, **known)) == Step(record)


def quiet(record: Record) -> Record:
    """*record* once the LMS has taken its events and the store its history."""
    return replace(record, queue=(), fresh=())


# -- rule 4: the lead time -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("before_start", "act"),
    [
        pytest.param(timedelta(days=5), Act.CREATE, id="days ahead"),
        pytest.param(3 * HOUR + SECOND, Act.CREATE, id="three hours and a second"),
        pytest.param(3 * HOUR, Act.CREATE, id="exactly three hours"),
        pytest.param(3 * HOUR - SECOND, None, id="a second less"),
        pytest.param(SECOND, None, id="a second before the start"),
        pytest.param(timedelta(), None, id="at the start"),
        pytest.param(-HOUR, None, id="a new component in the past"),
    ],
)
def test_the_first_save_must_come_three_hours_ahead(
    before_start: timedelta, act: Act | None
) -> None:
    now = NINE.start - before_start
    step = plan(save(None, a_snapshot(), now), facts(now=now))
    assert step.act is act
    if act is None:
        assert state_of(step.record, a_tenant(), now) == (State.TOO_LATE, "too_late")
        assert told(step.record) == ["meeting.failed"], "never silently dropped"
        assert step.record.queue[0].data["code"] == "too_late"


def first_save(asked: datetime, **changes_: Any) -> Record:
    return save(None, a_snapshot(**changes_), asked)


@pytest.mark.parametrize(
    ("former", "changes_", "act"),
    [
        pytest.param(
            first_save(NINE.start - 4 * HOUR),
            {"name": "Renamed"},
            Act.CREATE,
            id="renamed: it was asked for in time",
        ),
        pytest.param(
            first_save(NINE.start - 4 * HOUR, online=False),
            {"online": True},
            None,
            id="ticked late: the first save did not want it",
        ),
        pytest.param(
            first_save(NINE.start - 4 * HOUR, slot=None), {"slot": NINE}, None, id="dated late"
        ),
        pytest.param(
            first_save(NINE.start - 4 * HOUR, slot=ELEVEN), {"slot": NINE}, None, id="moved near"
        ),
        pytest.param(
            first_save(NINE.start - 4 * HOUR),
            {"slot": ELEVEN},
            Act.CREATE,
            id="moved away again, three hours ahead",
        ),
        pytest.param(
            first_save(NINE.start - 4 * HOUR),
            {"slot": replace(NINE, end=TEN.end)},
            Act.CREATE,
            id="only its end moved",
        ),
        pytest.param(
            first_save(NINE.start - 4 * HOUR, cancelled=True),
            {"cancelled": False},
            None,
            id="revived",
        ),
    ],
)
def test_a_later_save_is_judged_by_the_first_that_wanted_that_start(
    former: Record, changes_: dict[str, Any], act: Act | None
) -> None:
    now = NINE.start - HOUR
    record = saved(former, now, **changes_)
    assert plan(record, facts(now=now)).act is act


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(NINE.start - SECOND, (Act.CREATE, None), id="a second before the start"),
        pytest.param(NINE.start, (None, "missed"), id="at the start"),
        pytest.param(NINE.start + HOUR, (None, "missed"), id="after it"),
    ],
)
def test_made_late_by_a_failure_it_is_scheduled_while_the_start_is_ahead(
    now: datetime, expected: tuple[Act | None, str | None]
) -> None:
    step = plan(a_record(problem=a_problem("teams_unavailable")), facts(now=now))
    assert step.act is expected[0]
    if expected[1]:
        assert state_of(step.record, a_tenant(), now) == (State.FAILED, "missed")
        assert step.record.queue[0].data["code"] == "missed"


@pytest.mark.parametrize(
    ("start", "act"),
    [
        pytest.param(NOW + 2 * HOUR, Act.UPDATE, id="two hours away: no lead time asked"),
        pytest.param(NOW + SECOND, Act.UPDATE, id="a second away"),
        pytest.param(NOW, None, id="now"),
        pytest.param(NOW - SECOND, None, id="a second ago"),
    ],
)
def test_an_event_that_exists_follows_to_any_start_still_ahead(
    start: datetime, act: Act | None
) -> None:
    record = saved(a_booked(), slot=a_slot(start))
    step = plan(record, facts(seen(record)))
    assert step.act is act
    if act is None:
        assert state_of(step.record, a_tenant(), NOW) == (State.SCHEDULED, "start_in_past")


def test_a_start_in_the_past_is_recorded_once_and_not_carried() -> None:
    record = saved(a_booked(), slot=YESTERDAY)
    step = plan(record, facts(seen(record)))
    assert lines(step.record).count("start_in_past") == 1
    assert step.record.booking == a_booking(), "Teams is left as it was"
    assert told(step.record) == [], "the LMS knows what it did"
    assert at_rest(step.record), "written down once"
    assert at_rest(step.record, now=NOW + HOUR)


def test_the_rest_of_a_save_into_the_past_is_carried() -> None:
    record = saved(a_booked(), slot=YESTERDAY, name="Renamed")
    step = plan(record, facts(seen(record)))
    assert step.act is Act.UPDATE
    intent = an_intent(Act.UPDATE, replace(a_booking(), subject="Renamed"))
    claimed = replace(step.record, intent=intent)
    shown = a_seen(subject="Renamed")
    named = Changes(subject=True)
    done = after_update(claimed, shown, facts(), agenda_kept=True, named=named)
    assert state_of(done, a_tenant(), NOW) == (State.SCHEDULED, "start_in_past")
    assert lines(done).count("start_in_past") == 1
    assert at_rest(done)


def test_an_update_of_other_things_does_not_make_a_move_into_the_past_good() -> None:
    record = saved(heard(a_booked(), YESTERDAY), name="Renamed")
    assert record.booking is not None
    intent = an_intent(Act.UPDATE, replace(record.booking, subject="Renamed"))
    shown = seen(record, subject="Renamed")
    done = after_update(
        replace(record, intent=intent),
        shown,
        facts(),
        agenda_kept=True,
        named=Changes(subject=True),
    )
    assert state_of(done, a_tenant(), NOW) == (State.SCHEDULED, "start_in_past")


def test_after_a_start_in_the_past_a_start_ahead_is_carried() -> None:
    record = saved(a_booked(), slot=YESTERDAY)
    record = plan(record, facts(seen(record))).record
    record = saved(record, slot=TEN)
    assert plan(record, facts(seen(record))).act is Act.UPDATE
    record = replace(record, intent=an_intent(Act.UPDATE, a_booking(slot=TEN)))
    named = Changes(slot=True)
    done = after_update(record, a_seen(slot=TEN), facts(), agenda_kept=True, named=named)
    assert state_of(done, a_tenant(), NOW) == (State.SCHEDULED, None)


@pytest.mark.parametrize(
    "slot", [YESTERDAY, a_slot(NOW), a_slot(NOW - SECOND)], ids=["yesterday", "now", "just now"]
)
def test_a_tutors_move_into_the_past_is_recorded_and_not_carried(slot: Slot) -> None:
    record = heard(a_booked(), slot)
    assert record.slot == NINE
    assert "start_in_past" in lines(record)
    assert told(record) == []
    assert at_rest(record)
    back = heard(record, NINE)
    assert told(back) == [], "and back again is nothing to tell"
    assert back.problem is None


def test_a_tutors_move_into_the_past_is_still_the_reason_after_another_one_passed() -> None:
    record = heard(a_booked(), YESTERDAY)
    unseen = plan(record, facts(Unknown("teams_unavailable"))).record
    assert state_of(unseen, a_tenant(), NOW)[1] == "teams_unavailable"
    again = plan(unseen, facts(seen(unseen))).record
    assert state_of(again, a_tenant(), NOW) == (State.SCHEDULED, "start_in_past")
    assert lines(again).count("start_in_past") == 1
    assert at_rest(again)


def test_a_start_in_the_past_without_an_event_is_too_late() -> None:
    now = NOW
    step = plan(saved(a_record(a_snapshot(slot=None)), now, slot=YESTERDAY), facts(now=now))
    assert state_of(step.record, a_tenant(), now) == (State.TOO_LATE, "too_late")


# -- rule 2: the window --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "days", "act"),
    [
        pytest.param(at("2026-04-24 22:59:59"), 5, None, id="a second before the local day"),
        pytest.param(at("2026-04-24 23:00"), 5, Act.CREATE, id="from its midnight on"),
        pytest.param(at("2026-04-24 23:00"), 4, None, id="in a shorter window"),
        pytest.param(at("2026-04-20 08:00"), 10, Act.CREATE, id="in a longer one"),
    ],
)
def test_nothing_is_made_before_the_window_opens(now: datetime, days: int, act: Act | None) -> None:
    tenant = a_tenant(window_days=days)
    step = plan(a_record(), facts(now=now, tenant=tenant))
    assert step.act is act
    expected = State.PENDING if act else State.WAITING
    assert state_of(step.record, tenant, now)[0] is expected


def test_a_reschedule_in_the_lms_is_carried_beyond_the_window() -> None:
    record = saved(a_booked(), slot=a_slot("2026-06-30 08:00"))
    assert plan(record, facts(seen(record))).act is Act.UPDATE


# -- rule 5: who is invited, who owns ------------------------------------------------------


def people(**changes_: Any) -> tuple[str, ...]:
    """The addresses that a review's invitation names."""
    review = a_snapshot(
        kind=Kind.REVIEW, manager=MANAGER, mentor=MENTOR, employer_can_view=True, **changes_
    )
    return addresses(invited(review, ("tutor@college.example",)))


ALL = ("learner@work.example", "manager@work.example", "mentor@work.example")


@pytest.mark.parametrize(
    ("changes_", "expected"),
    [
        pytest.param({}, ALL, id="a review that the employer may view"),
        pytest.param({"employer_can_view": False}, ALL[:1], id="one that the employer may not"),
        pytest.param({"kind": Kind.MEETING}, ALL[:1], id="a meeting"),
        pytest.param({"mentor": None}, ALL[:2], id="nobody is mentor"),
        pytest.param({"manager": Person(" ", "M.")}, (ALL[0], ALL[2]), id="a blank address"),
        pytest.param(
            {"mentor": Person("Manager@Work.example", "M.")}, ALL[:2], id="one person twice"
        ),
        pytest.param(
            {"manager": Person("LEARNER@work.example ", "M.")},
            (ALL[0], ALL[2]),
            id="the learner as their own manager",
        ),
        pytest.param(
            {"mentor": Person("Tutor@College.example", "T.")}, ALL[:2], id="the organizer as mentor"
        ),
        pytest.param({"learner": Person("", "L.")}, ALL[1:], id="a learner without an address"),
    ],
)
def test_who_is_invited(changes_: dict[str, Any], expected: tuple[str, ...]) -> None:
    base = {"kind": Kind.REVIEW, "manager": MANAGER, "mentor": MENTOR, "employer_can_view": True}
    review = a_snapshot(**{**base, **changes_})
    assert addresses(invited(review, ("tutor@college.example",))) == expected


def test_the_organizer_is_known_by_every_address_the_directory_gives() -> None:
    alias = a_snapshot(
        kind=Kind.REVIEW, employer_can_view=True, mentor=Person("t@college.example", "")
    )
    known = ("tutor@college.example", "T@college.example")
    assert addresses(invited(alias, known)) == ("learner@work.example",)


@pytest.mark.parametrize(
    ("owner", "act", "state"),
    [
        pytest.param(None, Act.RESOLVE, (State.PENDING, "due"), id="not looked up yet"),
        pytest.param(
            an_organizer(NEW_TUTOR), Act.RESOLVE, (State.PENDING, "due"), id="another was looked up"
        ),
        pytest.param(an_organizer(), Act.CREATE, (State.PENDING, "due"), id="found, with Teams"),
        pytest.param(
            an_organizer(id=None),
            None,
            (State.FAILED, "owner_not_found"),
            id="not found",
        ),
        pytest.param(
            an_organizer(providers="skypeForBusiness"),
            None,
            (State.FAILED, "owner_without_teams"),
            id="another provider only",
        ),
        pytest.param(
            an_organizer(providers=""),
            None,
            (State.FAILED, "owner_without_teams"),
            id="none",
        ),
        pytest.param(
            an_organizer(providers="skypeForBusiness,teamsForBusiness"),
            Act.CREATE,
            (State.PENDING, "due"),
            id="Teams among others",
        ),
        pytest.param(
            an_organizer(disproved="teamsForBusiness"),
            None,
            (State.FAILED, "owner_without_teams"),
            id="an event came out without a meeting under this very reading",
        ),
        pytest.param(
            an_organizer(providers="a,teamsForBusiness", disproved="teamsForBusiness"),
            Act.CREATE,
            (State.PENDING, "due"),
            id="that reading changed since",
        ),
        *(
            pytest.param(an_organizer(id=None, problem=code), None, (State.PENDING, code), id=code)
            for code in ("throttled", "teams_unavailable", "entra_unavailable")
        ),
        *(
            pytest.param(an_organizer(id=None, problem=code), None, (State.FAILED, code), id=code)
            for code in (
                "not_permitted",
                "not_consented",
                "credential_rejected",
                "credential_expired",
                "entra_tenant_not_found",
                "teams_refused",
            )
        ),
    ],
)
def test_what_the_directory_says_of_the_owner(
    owner: Organizer | None, act: Act | None, state: tuple[State, str]
) -> None:
    step = plan(a_record(), facts(organizer=owner))
    assert step.act is act
    assert state_of(step.record, a_tenant(), NOW) == state
    assert told(step.record) == (["meeting.failed"] if state[0] is State.FAILED else [])


@pytest.mark.parametrize(
    ("changes_", "code"),
    [
        pytest.param({"owner": Person(" ", "T.")}, "owner_missing", id="no owner"),
        pytest.param({"learner": Person("", "L.")}, "learner_missing", id="no learner"),
    ],
)
@pytest.mark.parametrize(
    "record",
    [
        pytest.param(a_record(), id="no event yet"),
        pytest.param(a_booked(), id="an event stands"),
        pytest.param(a_record(a_snapshot(slot=a_slot("2026-08-01 08:00"))), id="window not open"),
    ],
)
def test_a_blank_owner_or_learner_is_a_failure_that_a_save_mends(
    record: Record, changes_: dict[str, Any], code: str
) -> None:
    former = record
    record = saved(former, **changes_)
    view = seen(record) if record.booking else None
    step = plan(record, facts(view))
    assert step.act is None
    assert state_of(step.record, a_tenant(), NOW) == (State.FAILED, code)
    assert [event.data["code"] for event in step.record.queue] == [code]
    mended = saved(quiet(step.record), owner=former.saved.owner, learner=former.saved.learner)
    step = plan(mended, facts(view))
    if record.booking:
        assert state_of(step.record, a_tenant(), NOW) == (State.SCHEDULED, None)
        assert told(step.record) == ["meeting.scheduled"], "success after a failure is told"
    elif record.slot == NINE:
        assert step.act is Act.CREATE
    else:
        assert state_of(step.record, a_tenant(), NOW) == (State.WAITING, None)
        assert told(step.record) == []


def test_an_owner_known_by_object_id_alone_is_not_missing() -> None:
    owner = Person("", "T. Utor", UserId("u-1"))
    record = a_record(a_snapshot(owner=owner))
    assert plan(record, facts(organizer=an_organizer(owner))).act is Act.CREATE


# -- rule 10: reschedule, edit and cancel in the LMS ---------------------------------------


@pytest.mark.parametrize(
    ("changes_", "named"),
    [
        pytest.param({"slot": TEN}, Changes(slot=True), id="start and end"),
        pytest.param({"slot": replace(NINE, end=TEN.end)}, Changes(slot=True), id="only the end"),
        pytest.param({"name": "Renamed"}, Changes(subject=True), id="the name"),
        pytest.param({"description": "Another."}, Changes(agenda=True), id="the agenda"),
        pytest.param({"learner": OTHER_LEARNER}, Changes(attendees=True), id="the learner"),
        pytest.param(
            {"slot": TEN, "name": "Renamed"}, Changes(slot=True, subject=True), id="two things"
        ),
        pytest.param({}, Changes(), id="nothing"),
        pytest.param({"planned_minutes": 90}, Changes(), id="planned time"),
        pytest.param({"manager": MANAGER, "mentor": MENTOR}, Changes(), id="people not invited"),
        pytest.param({"employer_can_view": True, "manager": MANAGER}, Changes(), id="of a meeting"),
        pytest.param(
            {"kind": Kind.REVIEW, "employer_can_view": True, "manager": MANAGER},
            Changes(attendees=True),
            id="a manager of a review",
        ),
        pytest.param(
            {"learner": Person("LEARNER@Work.example", "L. Earner")}, Changes(), id="upper case"
        ),
        pytest.param({"description_is_html": True}, Changes(), id="a format that shows the same"),
        pytest.param(
            {"description": "<p>Bring last month's log.</p>", "description_is_html": False},
            Changes(agenda=True),
            id="text that shows its tags",
        ),
    ],
)
def test_a_save_changes_in_teams_what_teams_shows_and_nothing_else(
    changes_: dict[str, Any], named: Changes
) -> None:
    record = saved(a_booked(), **changes_)
    view = seen(record)
    assert changes(record, "Europe/London", view) == named
    step = plan(record, facts(view))
    assert step.act is (Act.UPDATE if named else None)
    assert told(step.record) == [], "the LMS knows what it did"
    if not named:
        assert state_of(step.record, a_tenant(), NOW) == (State.SCHEDULED, None)


def test_before_an_update_the_event_is_read() -> None:
    record = saved(a_booked(), name="Renamed")
    assert plan(record, facts()).act is Act.READ
    assert plan(record, facts(seen(record, body=None))).act is Act.UPDATE


def test_before_a_new_agenda_the_body_is_read() -> None:
    record = saved(a_booked(), description="Another.")
    assert plan(record, facts(seen(record, body=None))).act is Act.READ
    assert plan(record, facts(seen(record))).act is Act.UPDATE


def test_a_new_zone_resends_events_that_are_ahead() -> None:
    record, tenant = a_booked(), a_tenant(time_zone="Europe/Paris")
    assert plan(record, facts(seen(record), tenant=tenant)).act is Act.UPDATE
    past = facts(seen(record), tenant=tenant, now=NINE.start)
    assert plan(record, past) == Step(record)


UNWANTED = [
    pytest.param({"cancelled": True}, id="cancelled"),
    pytest.param({"deleted": True}, id="deleted"),
    pytest.param({"online": False}, id="Meet Online unticked"),
    pytest.param({"slot": None}, id="its dates cleared"),
]


@pytest.mark.parametrize("changes_", UNWANTED)
@pytest.mark.parametrize("read", [False, True], ids=["unread", "read"])
def test_what_the_lms_no_longer_wants_is_cancelled(changes_: dict[str, Any], read: bool) -> None:
    record = saved(a_booked(), **changes_)
    step = plan(record, facts(seen(record) if read else None))
    assert step.act is Act.CANCEL
    assert record.booking is not None
    done = after_cancel(replace(step.record, intent=an_intent(Act.CANCEL, record.booking)), facts())
    assert done.booking is None
    assert lines(done)[-1] == "cancelled"
    assert told(done) == [], "never for what the LMS itself asked for"
    assert plan(done, facts()) == Step(done)


@pytest.mark.parametrize("changes_", UNWANTED)
def test_what_was_never_made_and_is_not_wanted_needs_nothing(changes_: dict[str, Any]) -> None:
    record = saved(a_record(), **changes_)
    assert plan(record, facts()) == Step(record)


@pytest.mark.parametrize("changes_", UNWANTED)
def test_what_is_wanted_again_is_made_again(changes_: dict[str, Any]) -> None:
    record = saved(replace(a_booked(), booking=None), **changes_)
    back: dict[str, Any] = {"cancelled": False, "deleted": False, "online": True, "slot": NINE}
    record = saved(record, **back)
    assert plan(record, facts()).act is Act.CREATE


# -- rule 11: reschedule and cancel in Teams -----------------------------------------------


def test_a_tutors_move_is_told_once_and_no_echo_follows() -> None:
    record = heard(a_booked(), TEN)
    assert told(record) == ["meeting.rescheduled"]
    assert record.queue[0].data == {
        "componentId": "C-1042",
        "revision": 1,
        "sequence": 2,
        "start": "2026-04-30T10:00:00+01:00",
        "end": "2026-04-30T11:00:00+01:00",
        "timeZone": "Europe/London",
    }
    assert "rescheduled" in lines(record)
    assert at_rest(record)
    answered = saved(record, slot=TEN)
    assert answered.slot == TEN
    assert at_rest(answered)


@pytest.mark.parametrize(
    "slot",
    [
        pytest.param(TEN, id="start and end"),
        pytest.param(replace(NINE, end=TEN.end), id="only the end"),
        pytest.param(a_slot("2026-06-30 08:00"), id="beyond the window"),
        pytest.param(a_slot(NOW + SECOND), id="to a second from now"),
    ],
)
def test_any_move_to_a_time_ahead_is_the_tutors_to_make(slot: Slot) -> None:
    record = heard(a_booked(), slot)
    assert record.slot == slot
    assert told(record) == ["meeting.rescheduled"]


def test_a_cancellation_in_teams_is_told_once_with_a_reason() -> None:
    record = heard(a_booked(problem=a_problem("throttled")), None)
    assert told(record) == ["meeting.cancelled"]
    assert record.queue[0].data["reason"]
    assert state_of(record, a_tenant(), NOW) == (State.CANCELLED, None)
    assert "cancelled" in lines(record)
    assert record.problem is None
    assert at_rest(record)
    assert record.join_urls == (JoinUrl(JOIN_URL, USERS[TUTOR.key]),), "attendance may be read yet"


def test_a_vanished_event_is_acted_on_only_when_the_brake_lets_it() -> None:
    record = a_booked()
    assert plan(record, facts(Gone())) == Step(record, vanished=True)
    assert told(plan(record, facts(Gone(), vanished_may_go=True)).record) == ["meeting.cancelled"]


def test_an_event_that_nobody_wants_any_more_may_vanish_without_asking() -> None:
    record = saved(a_booked(), cancelled=True)
    step = plan(record, facts(Gone()))
    assert not step.vanished
    assert step.act is None
    assert step.record.booking is None
    assert told(step.record) == []
    assert lines(step.record)[-1] == "cancelled"


@pytest.mark.parametrize(
    "changes_",
    [
        pytest.param({"subject": "The tutor's own title"}, id="title"),
        pytest.param({"guests": ()}, id="an attendee taken off"),
    ],
)
def test_title_and_people_are_the_lmss(changes_: dict[str, Any]) -> None:
    record = a_booked()
    step = plan(record, facts(seen(record, **changes_)))
    assert step.act is Act.UPDATE
    assert told(step.record) == []


@pytest.mark.parametrize(
    "changes_",
    [
        pytest.param({"guests": guests([*ALL[:1], "guest@else.example"])}, id="a guest added"),
        pytest.param({"guests": guests(["LEARNER@work.example"])}, id="an address in other case"),
        pytest.param({"body": "<p>The tutor's notes.</p>"}, id="notes in the body"),
        pytest.param({"change_key": 'W/"99"'}, id="a category or a reminder"),
    ],
)
def test_what_the_tutor_adds_stays(changes_: dict[str, Any]) -> None:
    record = a_booked()
    assert plan(record, facts(seen(record, **changes_))) == Step(record)


def test_a_value_that_exchange_writes_in_its_own_way_is_nobodys_change() -> None:
    rewritten = a_booking(
        teams_subject="Data ethics workshop ", teams_attendees=(), teams_slot=a_slot(NINE.start, 61)
    )
    record = a_booked(booking=rewritten)
    assert at_rest(record)


# What the LMS's save makes of a component whose event the tutor moved or cancelled before. Rows:
# what the tutor did; the save; the slot it leaves; whether it is still cancelled in Teams; how
# many of our events the LMS has still to answer.
SAVES = [
    pytest.param([TEN], {"name": "Renamed"}, (TEN, False, 1), id="a stale save repeats the start"),
    pytest.param([TEN], {"slot": TEN}, (TEN, False, 0), id="the LMS carries the move out"),
    pytest.param([TEN], {"slot": ELEVEN}, (ELEVEN, False, 0), id="the LMS moves elsewhere"),
    pytest.param([TEN], {"slot": None}, (None, False, 0), id="the LMS clears the dates"),
    pytest.param([TEN], {"seen": 1}, (TEN, False, 1), id="it had not seen the move"),
    pytest.param([TEN], {"seen": 2}, (NINE, False, 0), id="it had seen the move, and means 09:00"),
    pytest.param([TEN], {"seen": 2, "slot": TEN}, (TEN, False, 0), id="seen and carried out"),
    pytest.param([TEN], {"seen": 9, "slot": ELEVEN}, (ELEVEN, False, 0), id="seen, moved on"),
    pytest.param([TEN, ELEVEN], {"slot": TEN}, (ELEVEN, False, 1), id="the first of two moves"),
    pytest.param([TEN, ELEVEN], {"slot": ELEVEN}, (ELEVEN, False, 0), id="both moves at once"),
    pytest.param([TEN, ELEVEN], {}, (ELEVEN, False, 2), id="neither of two moves"),
    pytest.param([TEN, NINE], {"slot": TEN}, (NINE, False, 1), id="there and back, the first half"),
    pytest.param([TEN, NINE], {"name": "Renamed"}, (NINE, False, 2), id="there and back, unheard"),
    pytest.param(
        [TEN, ELEVEN], {"seen": 2, "slot": TEN}, (ELEVEN, False, 1), id="it had seen the first only"
    ),
    pytest.param(
        [TEN, ELEVEN], {"seen": 2}, (NINE, False, 0), id="it had seen the first, and means 09:00"
    ),
    pytest.param([None], {"name": "Renamed"}, (NINE, True, 1), id="merely still not cancelled"),
    pytest.param([None], {"cancelled": True}, (NINE, True, 0), id="the LMS cancels the task"),
    pytest.param([None], {"slot": TEN}, (TEN, False, 0), id="a new start brings it back"),
    pytest.param([None], {"slot": None}, (None, True, 0), id="no start does not"),
    pytest.param([None], {"seen": 1}, (NINE, True, 1), id="it had not seen the cancellation"),
    pytest.param([None], {"seen": 2}, (NINE, False, 0), id="it had seen it, and wants it"),
    pytest.param(
        [None], {"seen": 2, "cancelled": True}, (NINE, False, 0), id="it had seen it, and agrees"
    ),
    pytest.param([TEN, None], {"slot": TEN}, (TEN, True, 1), id="a move, then a cancellation"),
    pytest.param([TEN, None], {"seen": 2, "slot": TEN}, (TEN, True, 1), id="seen the move only"),
    pytest.param(
        [TEN, None], {"seen": 2}, (NINE, False, 0), id="seen the move, and set against it"
    ),
    pytest.param([TEN, None], {"slot": ELEVEN}, (ELEVEN, False, 0), id="a start of its own"),
]


@pytest.mark.parametrize(("tutor", "changes_", "expected"), SAVES)
def test_a_save_after_the_tutor_acted(
    tutor: list[Slot | None],
    changes_: dict[str, Any],
    expected: tuple[Slot | None, bool, int],
) -> None:
    record = saved(heard(a_booked(), *tutor), **changes_)
    withdrawn = record.withdrawn and not record.saved.cancelled
    slot, still_cancelled, unanswered = expected
    assert record.slot == slot
    assert withdrawn == (still_cancelled and not record.saved.cancelled)
    assert len(record.told) == unanswered


def test_a_chain_of_moves_and_a_cancellation_is_answered_one_by_one() -> None:
    record = heard(a_booked(), TEN, ELEVEN, None)
    assert told(record) == ["meeting.rescheduled", "meeting.rescheduled", "meeting.cancelled"]
    for changes_ in ({"slot": TEN}, {"slot": ELEVEN}, {"cancelled": True}):
        record = saved(record, **changes_)
        assert plan(record, facts()) == Step(record), "no echo"
    assert record.told == ()
    assert state_of(record, a_tenant(), NOW) == (State.CANCELLED, None)


@pytest.mark.parametrize(
    ("tutor", "saves"),
    [
        pytest.param([None], [{"cancelled": True, "slot": TEN}], id="cancelled at a new start"),
        pytest.param(
            [None], [{"cancelled": True, "slot": TEN, "seen": 2}], id="the same, and seen"
        ),
        pytest.param([None], [{"cancelled": True}, {"slot": TEN}], id="cancelled, then moved"),
        pytest.param(
            [TEN, None], [{"cancelled": True, "slot": ELEVEN}], id="moved elsewhere at once"
        ),
        pytest.param([TEN, None], [{"cancelled": True}], id="only the cancellation carried out"),
    ],
)
def test_what_is_revived_stands_where_the_lms_has_it(
    tutor: list[Slot | None], saves: list[dict[str, Any]]
) -> None:
    record = heard(a_booked(), *tutor)
    for changes_ in (*saves, {"cancelled": False}):
        record = saved(record, **changes_)
    assert record.wants_meeting
    assert record.slot == record.saved.slot
    assert record.told == ()


def test_what_the_lms_cancelled_and_revived_itself_keeps_the_tutors_start() -> None:
    """It had not heard of the move; that is still on its way."""
    record = saved(saved(heard(a_booked(), TEN), cancelled=True), cancelled=False)
    assert record.slot == TEN


def test_a_move_and_a_cancellation_may_be_answered_by_one_save() -> None:
    record = saved(heard(a_booked(), TEN, None), slot=TEN, cancelled=True)
    assert plan(record, facts()) == Step(record)
    assert plan(saved(record, name="Renamed"), facts()).act is None
    back = saved(record, cancelled=False)
    assert back.slot == TEN
    assert plan(back, facts()).act is Act.CREATE


def test_after_it_was_carried_out_a_move_by_the_lms_is_its_own() -> None:
    record = saved(heard(a_booked(), TEN), slot=TEN)
    record = saved(record, slot=NINE)
    assert record.slot == NINE
    assert plan(record, facts(seen(record))).act is Act.UPDATE


@pytest.mark.parametrize(
    "changes_",
    [
        pytest.param([{"cancelled": True}, {"cancelled": False}], id="cancelled, then not"),
        pytest.param([{"slot": TEN}], id="a new start"),
        pytest.param([{"cancelled": True}, {"slot": TEN, "cancelled": False}], id="both"),
        pytest.param([{"seen": 2}], id="a save that knows of it"),
        pytest.param([{"deleted": True}, {"deleted": False}], id="deleted, and saved again"),
    ],
)
def test_a_component_cancelled_in_teams_comes_back(changes_: list[dict[str, Any]]) -> None:
    record = heard(a_booked(), None)
    for one in changes_:
        record = saved(record, **one)
    assert record.wants_meeting
    assert plan(record, facts()).act is Act.CREATE


@pytest.mark.parametrize(
    "changes_",
    [
        pytest.param({"name": "Renamed"}, id="another name"),
        pytest.param({"learner": OTHER_LEARNER}, id="another learner"),
        pytest.param({"owner": NEW_TUTOR}, id="another owner"),
        pytest.param({"cancelled": True}, id="cancelled"),
        pytest.param({"cancelled": True, "slot": TEN}, id="cancelled at a new start"),
    ],
)
def test_a_component_cancelled_in_teams_stays_so(changes_: dict[str, Any]) -> None:
    record = saved(heard(a_booked(), None), **changes_)
    assert not record.wants_meeting
    assert plan(record, facts(organizer=an_organizer(NEW_TUTOR))).act is None


def test_declines_are_recorded_once_and_change_nothing() -> None:
    record = a_booked()
    view = seen(record, guests=guests(ALL[:1], "declined"))
    step = plan(record, facts(view))
    assert step.act is None
    assert told(step.record) == []
    assert lines(step.record) == ["declined"]
    assert step.record.fresh[0].after == {"attendee": "learner"}, "a role, not an address"
    assert plan(step.record, facts(view)) == Step(step.record)
    accepted = plan(step.record, facts(seen(record, guests=guests(ALL[:1], "accepted"))))
    assert accepted.act is None


# -- saves that arrive late ----------------------------------------------------------------


def overtaken(
    record: Record, older: dict[str, Any], newer: dict[str, Any]
) -> tuple[Record, Record]:
    """*record* after the second of two saves, and after the first came in late."""
    first = saved_again(record, **older)
    second = replace(first, revision=first.revision + 1, digest="newer", **newer)
    once = save(record, second, NOW)
    return once, late(once, first, NOW)


@pytest.mark.parametrize(
    ("tutor", "older", "newer", "before", "after"),
    [
        pytest.param(
            [TEN],
            {"slot": TEN},
            {"slot": NINE},
            (TEN, False),
            (NINE, False),
            id="moved, moved back",
        ),
        pytest.param(
            [None],
            {"cancelled": True},
            {"cancelled": False},
            (NINE, True),
            (NINE, False),
            id="cancelled, revived",
        ),
        pytest.param(
            [TEN, ELEVEN],
            {"slot": TEN},
            {"slot": NINE},
            (ELEVEN, False),
            (NINE, False),
            id="the first of two moves, set against it",
        ),
        pytest.param(
            [TEN, ELEVEN],
            {"slot": TEN},
            {"slot": ELEVEN},
            (ELEVEN, False),
            (ELEVEN, False),
            id="both moves, in turn",
        ),
        pytest.param(
            [TEN],
            {"name": "Renamed"},
            {"name": "Renamed again"},
            (TEN, False),
            (TEN, False),
            id="neither knew of the move",
        ),
        pytest.param(
            [TEN],
            {"slot": TEN},
            {"name": "Renamed"},
            (TEN, False),
            (TEN, False),
            id="moved, renamed",
        ),
    ],
)
def test_a_save_is_judged_by_the_one_before_it_even_when_that_comes_late(
    tutor: list[Slot | None],
    older: dict[str, Any],
    newer: dict[str, Any],
    before: tuple[Slot, bool],
    after: tuple[Slot, bool],
) -> None:
    once, then = overtaken(heard(a_booked(), *tutor), older, newer)
    assert (once.slot, once.withdrawn) == before
    assert (then.slot, then.withdrawn) == after
    assert then.saved == once.saved, "an older one changes nothing of itself"
    assert (len(then.fresh) > len(once.fresh)) is (before != after), "and is told when it matters"


def test_what_a_late_save_brings_back_is_asked_for_when_it_comes() -> None:
    once, then = overtaken(heard(a_booked(), TEN), {"slot": TEN}, {"slot": NINE})
    assert once.asked_start == TEN.start
    assert (then.asked_start, then.asked_at) == (NINE.start, NOW)


def test_a_late_save_from_before_the_tutors_act_answers_nothing() -> None:
    record = heard(a_booked(a_snapshot(revision=5)), TEN)
    for revision in (4, 5):
        assert late(record, a_snapshot(revision=revision, slot=TEN), NOW) == record


def test_a_save_that_comes_late_after_the_start_changes_nothing() -> None:
    record = heard(a_booked(), TEN, now=NINE.start - HOUR)
    once, _ = overtaken(record, {"slot": TEN}, {"slot": NINE})
    assert late(once, saved_again(record, slot=TEN), TEN.start) == once


# -- rule 12: both sides -------------------------------------------------------------------


def test_when_both_moved_the_lms_wins_and_both_values_are_kept() -> None:
    record = saved(a_booked(), slot=TEN)
    step = plan(record, facts(seen(record, slot=ELEVEN)))
    assert step.act is Act.UPDATE
    assert step.record.slot == TEN
    assert told(step.record) == []
    (line,) = [one for one in step.record.fresh if one.what == "conflict"]
    assert line.before == {
        "start": "2026-04-30T10:00:00+00:00",
        "end": "2026-04-30T11:00:00+00:00",
    }
    assert line.after == {"start": "2026-04-30T09:00:00+00:00", "end": "2026-04-30T10:00:00+00:00"}


def test_a_conflict_is_written_down_once_however_often_its_update_fails() -> None:
    record = saved(a_booked(), slot=TEN)
    view = seen(record, slot=ELEVEN)
    step = plan(record, facts(view))
    again = plan(step.record, facts(view, now=NOW + HOUR))
    assert again.act is Act.UPDATE
    assert lines(again.record).count("conflict") == 1


def test_when_both_moved_to_the_same_time_they_agree() -> None:
    record = saved(a_booked(), slot=TEN)
    step = plan(record, facts(seen(record, slot=TEN)))
    assert step.act is None
    assert told(step.record) == []
    assert "conflict" not in lines(step.record)
    assert step.record.booking is not None
    assert step.record.booking.slot == TEN
    assert at_rest(step.record)


def test_when_the_lms_moved_what_the_tutor_cancelled_the_lms_wins() -> None:
    record = saved(a_booked(), slot=TEN)
    step = plan(record, facts(Gone(), vanished_may_go=True))
    assert step.act is Act.CREATE
    assert told(step.record) == []
    assert "conflict" in lines(step.record)


def test_when_the_lms_cancelled_what_the_tutor_moved_it_is_cancelled() -> None:
    record = saved(a_booked(), cancelled=True)
    step = plan(record, facts(seen(record, slot=TEN)))
    assert step.act is Act.CANCEL
    assert told(step.record) == []


def test_an_edit_in_the_lms_does_not_undo_the_tutors_move() -> None:
    record = saved(a_booked(), name="Renamed")
    step = plan(record, facts(seen(record, slot=TEN)))
    assert step.act is Act.UPDATE
    assert step.record.slot == TEN
    assert told(step.record) == ["meeting.rescheduled"]
    assert changes(step.record, "Europe/London", seen(step.record)) == Changes(subject=True)


# -- rule 13: the owner changes ------------------------------------------------------------


def handed_over(now: datetime = NOW, **changes_: Any) -> Record:
    return saved(a_booked(), now, owner=NEW_TUTOR, **changes_)


def new_owner(view: Any = None, now: datetime = NOW, **changes_: Any) -> Facts:
    return facts(view, now=now, organizer=an_organizer(NEW_TUTOR), **changes_)


def created(record: Record, known: Facts, **changes_: Any) -> Record:
    """*record* after the event that was wanted was made for its owner."""
    assert record.slot is not None
    booking = a_booking(
        record.saved,
        slot=record.slot,
        generation=record.generation + 1,
        event_id=EventId(""),
        join_url="",
    )
    made = replace(booking, event_id=EventId("event-of-teams"), join_url=OTHER_URL)
    shown = a_seen(made, **changes_)
    return after_create(replace(record, intent=an_intent(Act.CREATE, booking)), shown, known)


def test_a_new_owner_gets_a_new_event_and_the_lms_a_new_link() -> None:
    record = handed_over()
    assert plan(record, facts(organizer=None)).act is Act.RESOLVE
    assert plan(record, facts(organizer=an_organizer(TUTOR))).act is Act.RESOLVE
    assert plan(record, new_owner()).act is Act.READ, "the tutor may have moved it"
    step = plan(record, new_owner(seen(record)))
    assert step.act is Act.CANCEL
    assert record.booking is not None
    record = after_cancel(
        replace(step.record, intent=an_intent(Act.CANCEL, record.booking)), new_owner()
    )
    step = plan(record, new_owner())
    assert step.act is Act.CREATE
    record = created(step.record, new_owner())
    assert lines(record).count("owner_changed") == 1
    assert told(record) == ["meeting.scheduled"]
    assert record.queue[0].data["organizer"] == NEW_TUTOR.email
    assert record.queue[0].data["joinUrl"] == OTHER_URL
    assert [link.organizer for link in record.join_urls] == [USERS[TUTOR.key], USERS[NEW_TUTOR.key]]
    assert at_rest(record, organizer=an_organizer(NEW_TUTOR))


def test_what_the_old_owner_moved_goes_along() -> None:
    record = handed_over()
    step = plan(record, new_owner(seen(record, slot=TEN)))
    assert step.act is Act.CANCEL
    assert step.record.slot == TEN
    assert told(step.record) == ["meeting.rescheduled"]


def test_a_handover_asks_no_lead_time() -> None:
    now = NINE.start - HOUR
    record = replace(handed_over(now), problem=a_problem("throttled"))
    step = plan(record, new_owner(seen(record), now))
    assert step.act is Act.CANCEL
    assert record.booking is not None
    record = after_cancel(
        replace(step.record, intent=an_intent(Act.CANCEL, record.booking)), new_owner(now=now)
    )
    assert record.problem is None
    assert plan(record, new_owner(now=now)).act is Act.CREATE


def test_a_handover_asks_no_lead_time_of_the_tutors_own_start_either() -> None:
    """The old tutor moved it to an hour from now; the meeting stands, whoever holds it."""
    now = NOW
    record = heard(a_booked(), a_slot(now + HOUR), now=now)
    record = saved(record, now, owner=NEW_TUTOR)
    step = plan(record, new_owner(seen(record), now))
    assert step.act is Act.CANCEL
    assert record.booking is not None
    record = after_cancel(
        replace(step.record, intent=an_intent(Act.CANCEL, record.booking)), new_owner(now=now)
    )
    assert plan(record, new_owner(now=now)).act is Act.CREATE


def test_a_handover_beyond_the_window_is_made_at_once() -> None:
    """A meeting that stands is not taken from people because a tutor changes."""
    far = a_slot("2026-07-01 08:00")
    record = saved(a_booked(a_snapshot(slot=far)), owner=NEW_TUTOR)
    step = plan(record, new_owner(seen(record)))
    assert step.act is Act.CANCEL
    assert record.booking is not None
    record = after_cancel(
        replace(step.record, intent=an_intent(Act.CANCEL, record.booking)), new_owner()
    )
    step = plan(record, new_owner())
    assert step.act is Act.CREATE
    made = created(step.record, new_owner())
    assert not made.replaces
    gone = heard(made, None)
    assert plan(saved(gone, slot=a_slot("2026-07-02 08:00")), new_owner()).act is None, "as usual"


def test_a_handover_that_is_not_wanted_any_more_is_forgotten() -> None:
    record = saved(a_record(replaces=True), cancelled=True)
    record = plan(record, new_owner()).record
    back = saved(record, cancelled=False, slot=a_slot("2026-07-01 08:00"))
    assert plan(back, new_owner()).act is None, "its window is not open"


@pytest.mark.parametrize("slot", [NINE, a_slot("2026-07-01 08:00")], ids=["near", "far"])
def test_an_event_gone_from_the_old_owners_calendar_is_handed_over_all_the_same(
    slot: Slot,
) -> None:
    """What the LMS wants has been done: nothing is cancelled, and no brake need be asked."""
    record = saved(a_booked(a_snapshot(slot=slot)), owner=NEW_TUTOR)
    step = plan(record, new_owner(Gone()))
    assert not step.vanished
    assert step.act is Act.CREATE
    assert told(step.record) == []
    assert lines(step.record)[-1] == "owner_changed"


def test_another_address_of_the_same_person_moves_nothing() -> None:
    other = Person("t.utor@college.example", "T. Utor")
    record = saved(a_booked(), owner=other)
    known = ("t.utor@college.example", "tutor@college.example")
    same = an_organizer(other, id=USERS[TUTOR.key], addresses=known)
    step = plan(record, facts(seen(record), organizer=same))
    assert step.act is None
    assert step.record.booking is not None
    assert step.record.booking.owner_key == other.key
    assert step.record.booking.organizer_addresses == known
    assert plan(step.record, facts(seen(record), organizer=same)) == Step(step.record)
    assert told(step.record) == []


def test_an_organizer_whose_addresses_the_directory_keeps_has_the_lmss() -> None:
    other = Person("t.utor@college.example", "T. Utor")
    record = saved(a_booked(), owner=other)
    same = an_organizer(other, id=USERS[TUTOR.key], addresses=())
    step = plan(record, facts(seen(record), organizer=same))
    assert step.record.booking is not None
    assert step.record.booking.organizer_addresses == ("t.utor@college.example",)


REFUSALS: list[RemoteError] = [
    NotAllowed("graph", "ErrorAccessDenied"),
    Refused("graph", "ErrorInvalidRequest"),
    Throttled("graph", "TooManyRequests"),
    Broken("graph", "timeout"),
]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    ("left", "gives_up"),
    [
        pytest.param(timedelta(days=5), False, id="days ahead"),
        pytest.param(DAY + SECOND, False, id="a second more than 24 hours"),
        pytest.param(DAY, True, id="24 hours"),
        pytest.param(HOUR, True, id="an hour"),
    ],
)
def test_an_old_owner_who_refuses_or_fails_is_tried_until_24_hours_before_the_start(
    error: RemoteError, left: timedelta, gives_up: bool
) -> None:
    now = NINE.start - left
    record = handed_over()
    assert record.booking is not None
    claimed = replace(record, intent=an_intent(Act.CANCEL, record.booking))
    record = after_failure(claimed, error, new_owner(now=now))
    assert told(record) == [], "nobody need act: it is tried again"
    assert state_of(record, a_tenant(), now) == (State.PENDING, "old_owner_refuses")
    step = plan(record, new_owner(seen(record), now))
    if gives_up:
        assert step.act is Act.CREATE
        assert Flag.OLD_EVENT_MAY_REMAIN in step.record.flags
        assert lines(step.record)[-1] == "old_event_left"
    else:
        assert step.act is (Act.REPLAY if isinstance(error, Broken) else Act.CANCEL)


def test_only_an_old_owners_refusal_is_one() -> None:
    refusal = NotAllowed("graph", "ErrorAccessDenied")
    creating = replace(saved(a_record(), owner=NEW_TUTOR), intent=an_intent(Act.CREATE))
    assert told(after_failure(creating, refusal, new_owner())) == ["meeting.failed"], "a create's"
    unwanted = replace(handed_over(cancelled=True), intent=an_intent(Act.CANCEL))
    assert told(after_failure(unwanted, refusal, new_owner())) == ["meeting.failed"], "an end"
    back = replace(a_booked(), intent=an_intent(Act.CANCEL))
    assert told(after_failure(back, refusal, facts())) == ["meeting.failed"], "the owner's own"


def test_giving_up_on_an_old_owner_asks_no_lead_time_either() -> None:
    record = heard(a_booked(), a_slot(NOW + HOUR))
    record = saved(record, owner=NEW_TUTOR)
    record = replace(record, problem=a_problem("old_owner_refuses"))
    assert plan(record, new_owner(seen(record))).act is Act.CREATE


@pytest.mark.parametrize(
    ("code", "left", "act"),
    [
        pytest.param("throttled", 5 * DAY, None, id="what the tutor did there is not known yet"),
        pytest.param("teams_unavailable", DAY + SECOND, None, id="up to 24 hours before"),
        pytest.param("teams_unavailable", DAY, Act.CANCEL, id="then it cannot wait"),
        pytest.param("not_permitted", 5 * DAY, Act.CANCEL, id="no waiting will help"),
        pytest.param("owner_not_found", 5 * DAY, Act.CANCEL, id="nobody is there"),
    ],
)
def test_an_old_owners_calendar_that_cannot_be_read(
    code: str, left: timedelta, act: Act | None
) -> None:
    now = NINE.start - left
    record = handed_over()
    step = plan(record, new_owner(Unknown(code), now))
    assert step.act is act
    assert Flag.OLD_EVENT_MAY_REMAIN not in step.record.flags, "its cancellation was not tried yet"


def test_an_old_owner_who_cannot_be_read_is_still_the_old_owner_who_refuses() -> None:
    record = replace(handed_over(), problem=a_problem("old_owner_refuses"))
    step = plan(record, new_owner(Unknown("not_permitted")))
    assert step.act is Act.CANCEL
    near = plan(record, new_owner(Unknown("not_permitted"), NINE.start - HOUR))
    assert near.act is Act.CREATE
    assert Flag.OLD_EVENT_MAY_REMAIN in near.record.flags


def test_an_owner_changed_back_keeps_the_event() -> None:
    record = saved(handed_over(), owner=TUTOR)
    assert plan(record, facts(seen(record))).act is None


def test_after_the_start_a_new_owner_changes_nothing() -> None:
    now = NINE.start
    record = handed_over(now)
    assert plan(record, new_owner(seen(record), now)) == Step(record)
    assert Flag.EDITED_AFTER_START in record.flags


# -- rule 14: what cannot be seen ----------------------------------------------------------


@pytest.mark.parametrize(
    "code", ["throttled", "teams_unavailable", "not_permitted", "owner_not_found"]
)
@pytest.mark.parametrize("wanted", [{}, {"name": "Renamed"}, {"slot": TEN}], ids=str)
def test_unknown_is_no_reason_to_act(code: str, wanted: dict[str, Any]) -> None:
    record = saved(a_booked(), **wanted)
    step = plan(record, facts(Unknown(code)))
    assert step.act is None
    assert not step.vanished
    assert told(step.record) == []
    assert step.record.booking == record.booking


@pytest.mark.parametrize(
    ("after", "state"),
    [
        pytest.param(HOUR, State.SCHEDULED, id="an hour"),
        pytest.param(DAY - SECOND, State.SCHEDULED, id="a second short of 24 hours"),
        pytest.param(DAY, State.FAILED, id="24 hours"),
        pytest.param(DAY + SECOND, State.FAILED, id="a second more"),
    ],
)
@pytest.mark.parametrize(
    "codes",
    [
        pytest.param(("throttled", "throttled"), id="for one reason"),
        pytest.param(("throttled", "teams_unavailable"), id="for changing reasons"),
    ],
)
def test_24_hours_of_not_seeing_is_a_failure(
    after: timedelta, state: State, codes: tuple[str, str]
) -> None:
    record = a_booked()
    for n, now in enumerate((NOW, NOW + after / 2, NOW + after)):
        record = plan(record, facts(Unknown(codes[n % 2]), now=now)).record
    assert state_of(record, a_tenant(), NOW + after)[0] is state
    assert told(record) == (["meeting.failed"] if state is State.FAILED else [])
    again = plan(record, facts(Unknown(codes[0]), now=NOW + after + HOUR)).record
    assert told(again) == told(record) or state is State.SCHEDULED, "told once"


def test_the_latest_reason_for_not_seeing_is_shown_and_the_first_time_kept() -> None:
    record = plan(a_booked(), facts(Unknown("throttled"))).record
    later = plan(record, facts(Unknown("teams_unavailable"), now=NOW + HOUR)).record
    assert state_of(later, a_tenant(), NOW) == (State.SCHEDULED, "teams_unavailable")
    assert later.problem is not None
    assert later.problem.since == NOW
    assert later.problem.message == sentence("teams_unavailable")
    assert len(lines(later)) == 1, "no line for each reason"


def test_another_trouble_does_not_count_towards_the_24_hours_of_not_seeing() -> None:
    record = a_booked(problem=a_problem("link_pending", since=NOW - 2 * DAY))
    step = plan(record, facts(Unknown("throttled")))
    assert state_of(step.record, a_tenant(), NOW) == (State.SCHEDULED, "throttled")
    assert told(step.record) == []


def test_what_a_person_must_mend_stays_so_while_it_cannot_be_seen() -> None:
    record = plan(a_booked(), facts(a_seen(online=False))).record
    step = plan(record, facts(Unknown("throttled")))
    assert step == Step(record)


def test_a_problem_is_over_when_the_event_is_seen_and_not_before() -> None:
    record = plan(a_booked(), facts(Unknown("throttled"))).record
    assert plan(record, facts()) == Step(record)
    assert plan(record, facts(seen(record))).record.problem is None


def test_a_sight_in_between_begins_the_24_hours_anew() -> None:
    record = plan(a_booked(), facts(Unknown("throttled"))).record
    record = plan(record, facts(seen(record), now=NOW + HOUR)).record
    assert state_of(record, a_tenant(), NOW + HOUR) == (State.SCHEDULED, None)
    record = plan(record, facts(Unknown("throttled"), now=NOW + DAY)).record
    assert state_of(record, a_tenant(), NOW + DAY)[0] is State.SCHEDULED


def test_seen_again_after_a_failure_the_lms_hears_that_all_is_well() -> None:
    record = plan(a_booked(), facts(Unknown("throttled"))).record
    record = plan(record, facts(Unknown("throttled"), now=NOW + DAY)).record
    assert told(record) == ["meeting.failed"]
    step = plan(quiet(record), facts(seen(record), now=NOW + DAY + HOUR))
    assert told(step.record) == ["meeting.scheduled"]
    assert at_rest(step.record, now=NOW + DAY + HOUR)


@pytest.mark.parametrize(
    ("changes_", "code"),
    [
        pytest.param({"shape": Shape.OTHER}, "series_not_supported", id="made a series"),
        pytest.param({"online": False}, "online_meeting_removed", id="its Teams meeting removed"),
    ],
)
def test_what_the_tutor_made_of_it_is_told_once_and_left_alone(
    changes_: dict[str, Any], code: str
) -> None:
    record = a_booked()
    view = seen(record, **changes_)
    step = plan(record, facts(view))
    assert step.act is None
    assert state_of(step.record, a_tenant(), NOW) == (State.FAILED, code)
    assert [event.data["code"] for event in step.record.queue] == [code]
    assert plan(step.record, facts(view)) == Step(step.record)
    mended = plan(quiet(step.record), facts(seen(record)))
    assert told(mended.record) == ["meeting.scheduled"]
    assert state_of(mended.record, a_tenant(), NOW) == (State.SCHEDULED, None)


def test_the_times_of_a_series_are_nobodys_new_start() -> None:
    record = a_booked()
    step = plan(record, facts(seen(record, shape=Shape.OTHER, slot=TEN)))
    assert step.record.slot == NINE
    assert told(step.record) == ["meeting.failed"]


# -- rule 15: after the start --------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "act"),
    [
        pytest.param(NINE.start - SECOND, Act.UPDATE, id="a second before"),
        pytest.param(NINE.start, None, id="at the start"),
        pytest.param(NINE.start + SECOND, None, id="a second after"),
        pytest.param(NINE.end + DAY, None, id="the day after"),
    ],
)
def test_once_the_agreed_start_has_passed_nothing_moves(now: datetime, act: Act | None) -> None:
    record = saved(a_booked(), now, slot=a_slot("2026-05-20 08:00"))
    step = plan(record, facts(seen(record), now=now))
    assert step.act is act
    assert (Flag.EDITED_AFTER_START in step.record.flags) is (act is None)


@pytest.mark.parametrize("changes_", [*UNWANTED, pytest.param({"owner": NEW_TUTOR}, id="owner")])
def test_an_edit_after_the_start_is_recorded_and_the_save_at_the_start_kept(
    changes_: dict[str, Any],
) -> None:
    now = NINE.start + HOUR
    first = a_booked()
    record = saved(first, now, **changes_)
    assert record.saved == saved_again(first, **changes_), "the last save is what the LMS sees"
    assert record.at_start == first.saved
    assert Flag.EDITED_AFTER_START in record.flags
    assert "edited_after_start" in lines(record)
    later = saved(record, now + HOUR, name="Renamed")
    assert later.at_start == first.saved, "the first one after the start decides"
    assert plan(later, new_owner(seen(later), now + HOUR)) == Step(later)


@pytest.mark.parametrize(
    "changes_",
    [
        pytest.param({"name": "Renamed"}, id="a name, which the note will carry"),
        pytest.param({"description": "Notes of the meeting."}, id="a description"),
        pytest.param({}, id="nothing"),
    ],
)
def test_words_written_after_the_start_raise_no_flag(changes_: dict[str, Any]) -> None:
    record = saved(a_booked(), NINE.start, **changes_)
    assert record.flags == ()


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(a_seen(slot=a_slot("2026-05-20 08:00")), id="moved in Teams"),
        pytest.param(Gone(), id="cancelled in Teams"),
    ],
)
def test_an_edit_in_teams_after_the_start_is_recorded_too(view: Any) -> None:
    now = NINE.start + HOUR
    step = plan(a_booked(), facts(view, now=now, vanished_may_go=True))
    assert step.act is None
    assert not step.vanished
    assert step.record.slot == NINE
    assert step.record.booking is not None
    assert told(step.record) == []
    assert Flag.EDITED_AFTER_START in step.record.flags
    assert lines(step.record) == ["edited_after_start"]
    again = facts(view, now=now + HOUR, vanished_may_go=True)
    assert plan(step.record, again) == Step(step.record), "once"


@pytest.mark.parametrize(
    "view", [None, Unknown("throttled"), a_seen(subject="The tutor's title")], ids=str
)
def test_what_is_no_move_after_the_start_is_no_edit(view: Any) -> None:
    known = facts(view, now=NINE.start + HOUR)
    assert plan(a_booked(), known) == Step(a_booked())


def test_a_tutors_move_before_the_start_decides_which_start_counts() -> None:
    record = heard(a_booked(), ELEVEN, now=NINE.start - HOUR)
    now = NINE.start + HOUR
    record = saved(record, now, slot=TEN)
    assert Flag.EDITED_AFTER_START not in record.flags, "11:00 is still ahead"
    assert record.slot == TEN


def test_what_the_lms_moved_in_time_is_carried_although_the_old_start_passed() -> None:
    record = saved(a_booked(), NINE.start - HOUR, slot=a_slot("2026-05-20 08:00"))
    step = plan(record, facts(seen(record), now=NINE.start + SECOND))
    assert step.act is Act.UPDATE


# -- the link ------------------------------------------------------------------------------


def test_an_event_whose_link_comes_late_is_told_when_it_comes() -> None:
    record = a_booked(booking=a_booking(join_url=""))
    assert plan(record, facts()).act is Act.READ
    step = plan(record, facts(seen(record)))
    assert step.act is None
    assert state_of(step.record, a_tenant(), NOW) == (State.PENDING, "link_pending")
    assert step.record.problem is not None
    assert step.record.problem.code == "link_pending", "so that it is looked at again soon"
    assert told(step.record) == []
    done = plan(step.record, facts(seen(record, join_url=JOIN_URL)))
    assert told(done.record) == ["meeting.scheduled"]
    assert done.record.queue[0].data["joinUrl"] == JOIN_URL
    assert state_of(done.record, a_tenant(), NOW) == (State.SCHEDULED, None)
    assert "link_changed" not in lines(done.record), "it is the first one"
    assert at_rest(done.record)


def test_an_event_that_turns_out_to_have_no_meeting_while_its_link_is_awaited_goes() -> None:
    record = a_booked(booking=a_booking(join_url=""))
    assert plan(record, facts(seen(record, online=False))).act is Act.CANCEL


@pytest.mark.parametrize(
    ("changes_", "act"),
    [
        pytest.param({"slot": TEN}, Act.UPDATE, id="moved"),
        pytest.param({"name": "Renamed"}, Act.UPDATE, id="renamed"),
        pytest.param({"cancelled": True}, Act.CANCEL, id="cancelled"),
        pytest.param({"owner": NEW_TUTOR}, Act.CANCEL, id="handed over"),
    ],
)
def test_an_event_whose_link_is_late_follows_the_lms_all_the_same(
    changes_: dict[str, Any], act: Act
) -> None:
    record = saved(a_booked(booking=a_booking(join_url="")), **changes_)
    organizer = an_organizer(record.saved.owner)
    assert plan(record, facts(seen(record), organizer=organizer)).act is act


def test_an_event_that_came_out_without_a_meeting_is_cancelled_once() -> None:
    record = created(a_record(), facts(), online=False, join_url="")
    assert told(record) == []
    step = plan(record, facts())
    assert step.act is Act.CANCEL
    assert record.booking is not None
    done = after_cancel(replace(step.record, intent=an_intent(Act.CANCEL, record.booking)), facts())
    assert [event.data["code"] for event in done.queue] == ["owner_without_teams"]
    disproved = an_organizer(disproved="teamsForBusiness")
    step = plan(done, facts(organizer=disproved))
    assert step == Step(done), "not tried again, told once"
    changed = an_organizer(providers="a,teamsForBusiness", disproved="teamsForBusiness")
    assert plan(done, facts(organizer=changed)).act is Act.CREATE


def test_a_link_that_changed_is_told_and_the_old_one_kept() -> None:
    record = a_booked()
    step = plan(record, facts(seen(record, join_url=OTHER_URL)))
    assert step.act is None
    assert told(step.record) == ["meeting.scheduled"]
    assert step.record.queue[0].data["joinUrl"] == OTHER_URL
    assert [link.url for link in step.record.join_urls] == [JOIN_URL, OTHER_URL]
    assert "link_changed" in lines(step.record)
    assert at_rest(step.record)


def test_a_link_that_is_missing_from_an_answer_is_not_forgotten() -> None:
    record = a_booked()
    step = plan(record, facts(seen(record, join_url="")))
    assert step == Step(record)


# -- claims --------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [Act.CREATE, Act.UPDATE, Act.CANCEL])
@pytest.mark.parametrize("view", [None, a_seen(slot=TEN), Gone()], ids=["unread", "moved", "gone"])
def test_others_leave_a_claimed_row_alone(act: Act, view: Any) -> None:
    record = saved(a_booked(intent=an_intent(act)), cancelled=True)
    assert plan(record, facts(view)) == Step(record)
    assert state_of(record, a_tenant(), NOW)[0] is State.PENDING


@pytest.mark.parametrize(
    ("left", "lapsed"),
    [
        pytest.param(SECOND, False, id="a second left"),
        pytest.param(timedelta(), True, id="over now"),
        pytest.param(-SECOND, True, id="over"),
    ],
)
@pytest.mark.parametrize(
    ("act", "then"),
    [(Act.CREATE, Act.REPLAY), (Act.CANCEL, Act.REPLAY), (Act.UPDATE, Act.READ)],
    ids=str,
)
def test_a_lapsed_claim_is_taken_over(left: timedelta, lapsed: bool, act: Act, then: Act) -> None:
    record = a_booked(intent=an_intent(act, until=NOW + left))
    assert plan(record, facts()).act is (then if lapsed else None)


def lapsed_move() -> Record:
    """The LMS moved it to 10:00; whether our update arrived nobody knows."""
    record = saved(a_booked(), slot=TEN)
    return replace(record, intent=an_intent(Act.UPDATE, a_booking(slot=TEN), until=NOW))


def test_an_update_that_arrived_is_not_sent_again() -> None:
    record = lapsed_move()
    step = plan(record, facts(seen(record, slot=TEN)))
    assert step.act is None
    assert step.record.intent is None
    assert step.record.booking is not None
    assert step.record.booking.slot == TEN
    assert told(step.record) == [], "our own move comes back to nobody"
    assert at_rest(step.record)


def test_an_update_that_did_not_arrive_is_sent_again() -> None:
    record = lapsed_move()
    step = plan(record, facts(seen(record)))
    assert step.act is Act.UPDATE
    assert step.record.intent is None


def test_an_update_that_arrived_and_is_no_longer_wanted_is_taken_back() -> None:
    record = saved(lapsed_move(), slot=NINE)
    step = plan(record, facts(seen(record, slot=TEN)))
    assert step.act is Act.UPDATE
    assert step.record.slot == NINE
    assert told(step.record) == [], "that was not the tutor"


def test_a_lapsed_update_of_an_event_that_is_gone_asks_the_brake() -> None:
    record = lapsed_move()
    assert plan(record, facts(Gone())).vanished
    step = plan(record, facts(Gone(), vanished_may_go=True))
    assert step.record.intent is None
    assert step.act is Act.CREATE, "the LMS moved it: the LMS wins"


def test_a_lapsed_update_that_cannot_be_read_waits() -> None:
    record = lapsed_move()
    step = plan(record, facts(Unknown("throttled")))
    assert step.act is None
    assert step.record.intent == record.intent


# -- noting what was done ------------------------------------------------------------------


def test_a_created_event_is_told_with_all_the_lms_needs() -> None:
    record = created(a_record(), facts(), join_url=JOIN_URL)
    assert told(record) == ["meeting.scheduled"]
    assert record.queue[0].data == {
        "componentId": "C-1042",
        "revision": 1,
        "sequence": 1,
        "joinUrl": JOIN_URL,
        "organizer": "tutor@college.example",
        "start": "2026-04-30T09:00:00+01:00",
        "end": "2026-04-30T10:00:00+01:00",
        "timeZone": "Europe/London",
    }
    assert record.generation == 1
    assert record.booking is not None
    assert record.booking.event_id == "event-of-teams"
    assert record.intent is None
    assert record.join_urls == (JoinUrl(JOIN_URL, USERS[TUTOR.key]),)
    assert lines(record) == ["scheduled"]
    assert state_of(record, a_tenant(), NOW) == (State.SCHEDULED, None)
    assert at_rest(record)


@pytest.mark.parametrize(
    ("changes_", "act", "events"),
    [
        pytest.param({"cancelled": True}, Act.CANCEL, [], id="cancelled: the LMS need not hear"),
        pytest.param({"slot": TEN}, Act.UPDATE, ["meeting.scheduled"], id="moved"),
        pytest.param({"name": "Renamed"}, Act.UPDATE, ["meeting.scheduled"], id="renamed"),
        pytest.param({"owner": NEW_TUTOR}, Act.CANCEL, [], id="handed over: a stale link at once"),
    ],
)
def test_a_save_that_lands_during_the_create_is_followed_up(
    changes_: dict[str, Any], act: Act, events: list[str]
) -> None:
    record = a_record()
    intent = an_intent(Act.CREATE, a_booking(join_url=""))
    record = saved(replace(record, intent=intent), **changes_)
    record = after_create(record, a_seen(), facts())
    assert told(record) == events
    organizer = an_organizer(record.saved.owner)
    assert plan(record, facts(seen(record), organizer=organizer)).act is act


def found(record: Record, **shown: Any) -> Record:
    """*record* after its create turned out to have been made before, showing *shown*."""
    intent = an_intent(Act.CREATE, a_booking(record.saved, join_url=""))
    assert record.slot is not None
    intent = replace(intent, booking=replace(intent.booking, slot=record.slot))
    return after_find(replace(record, intent=intent), a_seen(**shown), facts())


def test_an_event_that_had_been_made_before_is_brought_up_to_date() -> None:
    record = found(saved(a_record(), slot=TEN, name="Renamed", learner=OTHER_LEARNER))
    assert record.slot == TEN
    assert told(record) == ["meeting.scheduled"]
    step = plan(record, facts(seen(record)))
    assert step.act is Act.UPDATE
    assert told(step.record) == ["meeting.scheduled"], "nobody moved anything in Teams"
    assert changes(record, "Europe/London", seen(record)) == Changes(True, True, True, True)


def test_what_a_new_event_shows_at_once_is_exchanges_way_of_writing_it() -> None:
    odd = {"slot": a_slot(NINE.start, 61), "subject": "Data ethics workshop ", "guests": ()}
    record = created(a_record(), facts(), **odd)
    assert told(record) == ["meeting.scheduled"]
    assert record.slot == NINE
    assert plan(record, facts(seen(record, **odd))).act is None


def replayed(**shown: Any) -> Record:
    """A create that was sent twice: its event may have stood for a while."""
    booking = a_booking(join_url="")
    record = a_record(intent=an_intent(Act.CREATE, booking))
    return after_create(record, a_seen(a_booking(), **shown), facts(), replayed=True)


def test_what_the_tutor_did_before_a_create_was_replayed_counts() -> None:
    record = replayed(slot=TEN)
    assert record.slot == TEN
    assert told(record) == ["meeting.scheduled", "meeting.rescheduled"]
    assert at_rest(record)
    assert plan(replayed(subject="Theirs"), facts(a_seen(subject="Theirs"))).act is Act.UPDATE
    assert plan(replayed(guests=()), facts(a_seen(guests=()))).act is Act.UPDATE
    assert told(replayed()) == ["meeting.scheduled"]


def test_what_the_tutor_did_while_an_update_was_under_way_counts() -> None:
    record = saved(a_booked(), name="Renamed")
    intent = an_intent(Act.UPDATE, a_booking(record.saved))
    shown = a_seen(intent.booking, slot=TEN)
    named = Changes(subject=True)
    record = replace(record, intent=intent)
    done = after_update(record, shown, facts(), agenda_kept=True, named=named)
    assert done.slot == TEN
    assert told(done) == ["meeting.rescheduled"]
    assert at_rest(done)


def test_an_updated_event_is_told_to_nobody() -> None:
    record = saved(a_booked(), slot=TEN)
    intent = an_intent(Act.UPDATE, a_booking(slot=TEN))
    done = after_update(
        replace(record, intent=intent), a_seen(slot=TEN), facts(), agenda_kept=False
    )
    assert told(done) == []
    assert lines(done)[-1] == "rescheduled"
    assert done.booking is not None
    assert done.booking.join_url == JOIN_URL, "the same link stays"
    assert at_rest(done)


def renamed(record: Record, **shown: Any) -> Record:
    """*record* after an update that named the title only."""
    record = saved(record, name="Renamed")
    intent = an_intent(Act.UPDATE, a_booking(record.saved))
    seen_ = a_seen(intent.booking, **shown)
    named = Changes(subject=True)
    record = replace(record, intent=intent)
    return after_update(record, seen_, facts(), agenda_kept=True, named=named)


def test_an_update_of_the_title_touches_nothing_else() -> None:
    done = renamed(a_booked(problem=a_problem("throttled")))
    assert lines(done)[-1] == "updated"
    assert done.flags == (), "the agenda was not to be changed"
    assert done.problem is None
    assert told(done) == []


def test_what_exchange_wrote_in_its_own_way_stays_nobodys_change_through_an_update() -> None:
    booking = a_booking(teams_slot=a_slot(NINE.start, 61), teams_attendees=())
    record = saved(a_booked(booking=booking), name="Renamed")
    assert record.booking is not None
    intent = an_intent(Act.UPDATE, replace(a_booking(record.saved)))
    shown = a_seen(record.booking, subject="Renamed ")
    record = replace(record, intent=intent)
    done = after_update(record, shown, facts(), agenda_kept=True, named=Changes(subject=True))
    assert told(done) == []
    assert plan(done, facts(shown)) == Step(done)


def test_a_link_and_a_move_that_show_together_are_both_told() -> None:
    done = renamed(a_booked(), join_url=OTHER_URL, slot=TEN)
    assert told(done) == ["meeting.scheduled", "meeting.rescheduled"]


def test_a_link_that_comes_back_is_kept_once() -> None:
    record = a_booked()
    for link in (OTHER_URL, JOIN_URL):
        record = plan(record, facts(seen(record, join_url=link))).record
    assert [one.url for one in record.join_urls] == [JOIN_URL, OTHER_URL]


def test_an_answer_without_a_link_leaves_the_link() -> None:
    done = renamed(a_booked(), join_url="")
    assert done.booking is not None
    assert done.booking.join_url == JOIN_URL
    assert "link_changed" not in lines(done)
    assert told(done) == []


def test_a_save_that_lands_during_the_update_is_followed_up() -> None:
    record = saved(a_booked(), slot=TEN)
    record = replace(record, intent=an_intent(Act.UPDATE, a_booking(slot=TEN)))
    record = saved(record, slot=ELEVEN)
    done = after_update(record, a_seen(slot=TEN), facts(), agenda_kept=False)
    assert done.slot == ELEVEN
    assert plan(done, facts(seen(done))).act is Act.UPDATE


def agenda_update(record: Record, kept: bool) -> Record:
    assert record.booking is not None
    booking = replace(a_booking(record.saved), slot=record.booking.slot)
    intent = an_intent(Act.UPDATE, booking)
    return after_update(replace(record, intent=intent), a_seen(booking), facts(), agenda_kept=kept)


def test_an_agenda_that_finds_no_place_is_flagged_until_one_does() -> None:
    record = agenda_update(saved(a_booked(), description="Another."), kept=True)
    assert record.flags == (Flag.AGENDA_NOT_UPDATED,)
    assert at_rest(record), "and not tried again and again"
    renamed = saved(record, name="Renamed")
    assert agenda_update(renamed, kept=True).flags == (Flag.AGENDA_NOT_UPDATED,)
    record = agenda_update(saved(record, description="A third."), kept=False)
    assert record.flags == ()


def test_a_link_that_an_update_changed_is_told() -> None:
    record = saved(a_booked(), name="Renamed")
    intent = an_intent(Act.UPDATE, a_booking(record.saved))
    shown = a_seen(a_booking(record.saved), join_url=OTHER_URL)
    done = after_update(replace(record, intent=intent), shown, facts(), agenda_kept=False)
    assert told(done) == ["meeting.scheduled"]
    assert lines(done)[-1] == "link_changed"
    assert [link.url for link in done.join_urls] == [JOIN_URL, OTHER_URL]


def test_a_note_without_its_intent_changes_nothing() -> None:
    record = a_booked()
    assert after_create(record, a_seen(), facts()) == record
    assert after_find(record, a_seen(), facts()) == record
    assert after_update(record, a_seen(), facts(), agenda_kept=False) == record
    assert after_cancel(record, facts()) == record
    assert after_failure(record, Broken("graph", "timeout"), facts()) == record


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param({}, id="as agreed"),
        pytest.param({"join_url": ""}, id="its link was still awaited"),
        pytest.param({"online": False}, id="its meeting had been taken out"),
    ],
)
def test_an_event_wanted_again_while_it_was_cancelled_is_made_anew(shown: dict[str, Any]) -> None:
    record = saved(a_booked(booking=a_booking(**shown)), cancelled=True)
    assert record.booking is not None
    record = replace(record, intent=an_intent(Act.CANCEL, record.booking))
    record = saved(record, cancelled=False)
    done = after_cancel(record, facts())
    assert told(done) == []
    assert lines(done)[-1] == "cancelled"
    assert plan(done, facts()).act is Act.CREATE


def test_what_was_wrong_with_a_cancelled_event_is_forgotten_with_it() -> None:
    problem = a_problem("not_permitted", final=True)
    record = saved(a_booked(problem=problem, told_problem="not_permitted"), cancelled=True)
    done = after_cancel(replace(record, intent=an_intent(Act.CANCEL)), facts())
    assert done.problem is None
    again = saved(done, cancelled=False)
    claimed = replace(again, intent=an_intent(Act.CREATE))
    failed = after_failure(claimed, NotAllowed("graph", "403"), facts())
    assert told(failed) == ["meeting.failed"], "the same cause, of another event"


# -- failures ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(Throttled("graph", "TooManyRequests"), ("throttled", False), id="429"),
        pytest.param(NotAllowed("graph", "ErrorAccessDenied"), ("not_permitted", True), id="403"),
        pytest.param(
            NotFound("graph", "MailboxNotEnabledForRESTAPI"),
            ("owner_without_teams", True),
            id="mailbox",
        ),
        pytest.param(
            NotFound("graph", "Request_ResourceNotFound"), ("owner_not_found", True), id="user"
        ),
        pytest.param(Broken("graph", "timeout"), ("teams_unavailable", False), id="no answer"),
        pytest.param(Refused("graph", "ErrorInvalidRequest"), ("teams_refused", True), id="400"),
        pytest.param(
            NotAllowed("entra", "AADSTS700016"),
            ("not_consented", True),
            id="app unknown",
        ),
        pytest.param(NotAllowed("entra", "AADSTS65001"), ("not_consented", True), id="no consent"),
        pytest.param(
            NotAllowed("entra", "AADSTS7000222"), ("credential_expired", True), id="an old secret"
        ),
        pytest.param(
            NotAllowed("entra", "AADSTS7000215"), ("credential_rejected", True), id="a wrong secret"
        ),
        pytest.param(
            NotAllowed("entra", "AADSTS90002"),
            ("entra_tenant_not_found", True),
            id="no tenant",
        ),
        pytest.param(
            NotAllowed("entra", "AADSTS999"), ("credential_rejected", True), id="another refusal"
        ),
        pytest.param(Broken("entra", "timeout"), ("entra_unavailable", False), id="Entra is down"),
        pytest.param(Throttled("entra", "429"), ("entra_unavailable", False), id="Entra is busy"),
    ],
)
def test_why_and_whether_a_person_must_act(error: RemoteError, expected: tuple[str, bool]) -> None:
    assert reason_of(error) == expected


@pytest.mark.parametrize("now", [NOW, NINE.start - HOUR], ids=["days ahead", "an hour ahead"])
@pytest.mark.parametrize("act", [Act.CREATE, Act.UPDATE, Act.CANCEL])
@pytest.mark.parametrize(
    ("error", "kept"),
    [
        pytest.param(Broken("graph", "timeout"), True, id="no answer: it may have arrived"),
        pytest.param(Throttled("graph", "429"), False, id="throttled: it did not"),
        pytest.param(Refused("graph", "400"), False, id="refused: it did not"),
        pytest.param(NotAllowed("graph", "403"), False, id="not allowed: it did not"),
    ],
)
def test_a_write_that_may_have_arrived_is_kept_to_be_replayed(
    act: Act, error: RemoteError, kept: bool, now: datetime
) -> None:
    record = a_booked(intent=an_intent(act))
    done = after_failure(record, error, facts(now=now))
    if kept:
        assert done.intent is not None
        assert done.intent.request == {}, "the very same request"
        assert plan(done, facts(now=now)).act in (Act.REPLAY, Act.READ), "at once, by anybody"
    else:
        assert done.intent is None


def failed_create(error: RemoteError) -> Record:
    return after_failure(a_record(intent=an_intent(Act.CREATE)), error, facts())


def test_a_failure_is_told_once_per_cause() -> None:
    record = failed_create(NotAllowed("graph", "ErrorAccessDenied"))
    assert told(record) == ["meeting.failed"]
    data = record.queue[0].data
    assert data["code"] == "not_permitted"
    assert data["message"]
    again = after_failure(
        replace(record, intent=an_intent(Act.CREATE)),
        NotAllowed("graph", "ErrorAccessDenied"),
        facts(),
    )
    assert told(again) == ["meeting.failed"]
    other = after_failure(
        replace(again, intent=an_intent(Act.CREATE)), Refused("graph", "ErrorInvalid"), facts()
    )
    assert [event.data["code"] for event in other.queue] == ["not_permitted", "teams_refused"]


def test_a_new_start_does_not_have_the_same_cause_told_again() -> None:
    """Only what a start itself is to blame for is another matter at another start."""
    refusal = NotAllowed("graph", "ErrorAccessDenied")
    record = saved(failed_create(refusal), slot=TEN)
    again = after_failure(replace(record, intent=an_intent(Act.CREATE)), refusal, facts())
    assert told(again) == ["meeting.failed"]


@pytest.mark.parametrize("error", [Throttled("graph", "429"), Broken("graph", "503")], ids=str)
def test_a_failure_that_passes_is_not_told(error: RemoteError) -> None:
    record = failed_create(error)
    assert told(record) == []
    assert state_of(record, a_tenant(), NOW)[0] is State.PENDING
    assert lines(record) == ["delayed"]


def test_a_cause_met_again_and_again_is_one_line_of_history_since_its_first_time() -> None:
    record = failed_create(Throttled("graph", "429"))
    for hours in (1, 2, 3):
        claimed = replace(record, intent=an_intent(Act.CREATE))
        record = after_failure(claimed, Throttled("graph", "429"), facts(now=NOW + hours * HOUR))
    assert lines(record) == ["delayed"]
    assert record.problem is not None
    assert record.problem.since == NOW


def test_a_cause_that_turns_out_to_need_a_person_keeps_its_time_and_its_line() -> None:
    record = fail(a_record(), "throttled", facts(), final=False)
    later = fail(record, "throttled", facts(now=NOW + DAY), final=True)
    assert later.problem is not None
    assert (later.problem.since, later.problem.final) == (NOW, True)
    assert lines(later) == ["delayed"]
    other = fail(later, "teams_unavailable", facts(now=NOW + DAY), final=False)
    assert other.problem is not None
    assert (other.problem.since, other.problem.final) == (NOW + DAY, False)
    assert lines(fail(other, "not_permitted", facts(), final=True)) == [
        "delayed",
        "delayed",
        "failed",
    ]


def test_a_tenant_that_is_not_live_is_told_of_its_failures_once_it_is() -> None:
    preview = facts(tenant=a_tenant(mode=Mode.PREVIEW))
    record = fail(a_record(), "not_permitted", preview, final=True)
    assert told(record) == []
    assert told(fail(record, "not_permitted", facts(), final=True)) == ["meeting.failed"]


def test_what_the_brake_holds_back_says_so() -> None:
    record = braked(a_booked(), NOW)
    assert state_of(record, a_tenant(), NOW) == (State.SCHEDULED, "braked")
    assert braked(record, NOW + HOUR) == record
    assert plan(record, facts(seen(record))).record.problem is None, "it was there after all"


def test_a_failure_of_what_was_given_up_in_between_is_told_anew() -> None:
    no_teams = facts(organizer=an_organizer(providers=""))
    record = plan(a_record(), no_teams).record
    assert told(record) == ["meeting.failed"]
    record = plan(saved(quiet(record), online=False), no_teams).record
    record = plan(saved(record, online=True), no_teams).record
    assert told(record) == ["meeting.failed"]


def test_success_after_a_failure_is_told() -> None:
    record = quiet(failed_create(NotAllowed("graph", "ErrorAccessDenied")))
    done = created(record, facts())
    assert told(done) == ["meeting.scheduled"]
    assert done.problem is None
    failed = after_failure(
        replace(quiet(done), intent=an_intent(Act.UPDATE)), NotAllowed("graph", "403"), facts()
    )
    assert told(failed) == ["meeting.failed"], "the same cause after a success is a new one"


def test_success_of_an_update_after_a_failure_is_told_by_scheduled() -> None:
    record = saved(a_booked(), name="Renamed")
    intent = an_intent(Act.UPDATE, a_booking(record.saved))
    failed = after_failure(replace(record, intent=intent), NotAllowed("graph", "403"), facts())
    assert told(failed) == ["meeting.failed"]
    assert state_of(failed, a_tenant(), NOW) == (State.FAILED, "not_permitted")
    done = after_update(
        replace(quiet(failed), intent=intent),
        a_seen(a_booking(record.saved)),
        facts(),
        agenda_kept=False,
    )
    assert told(done) == ["meeting.scheduled"]
    assert at_rest(done)


def test_each_start_that_is_too_late_is_told() -> None:
    """The law: never silently dropped. The second start is another matter than the first."""
    now = NINE.start - HOUR
    first = plan(save(None, a_snapshot(), now), facts(now=now)).record
    second = plan(saved(first, now, slot=a_slot(now + 2 * HOUR)), facts(now=now)).record
    assert [event.data["code"] for event in second.queue] == ["too_late", "too_late"]
    renamed = plan(saved(second, now, name="Renamed"), facts(now=now)).record
    assert len(renamed.queue) == 2, "the same start again is not"


def test_a_message_holds_no_personal_data() -> None:
    record = fail(a_record(), "owner_not_found", facts(), final=True)
    text = str(record.queue[0].data) + str(record.fresh)
    for word in ("tutor", "learner@", "Utor"):
        assert word not in text


# -- rule 16: preview, and disabled --------------------------------------------------------


@pytest.mark.parametrize(
    ("tenant", "code"),
    [
        pytest.param(a_tenant(mode=Mode.PREVIEW), "preview", id="preview"),
        pytest.param(a_tenant(enabled=False), "tenant_disabled", id="disabled"),
        pytest.param(a_tenant(enabled=False, mode=Mode.PREVIEW), "tenant_disabled", id="both"),
    ],
)
@pytest.mark.parametrize(
    ("record", "view"),
    [
        pytest.param(a_record(), None, id="to be made"),
        pytest.param(saved(a_booked(), slot=TEN), a_seen(), id="to be moved"),
        pytest.param(saved(a_booked(), cancelled=True), a_seen(), id="to be cancelled"),
        pytest.param(saved(a_booked(), owner=NEW_TUTOR), a_seen(), id="to be handed over"),
        pytest.param(a_booked(intent=an_intent(Act.UPDATE, until=NOW)), a_seen(), id="lapsed"),
    ],
)
def test_a_tenant_that_is_not_live_shows_what_is_due_and_does_nothing(
    tenant: Any, code: str, record: Record, view: Any
) -> None:
    for shown in (None, view, Gone(), Unknown("throttled")):
        known = facts(shown, tenant=tenant, vanished_may_go=True)
        assert plan(record, known) == Step(record)
    assert state_of(record, tenant, NOW) == (State.PENDING, code)
    assert tell(record, "meeting.scheduled", {}, facts(tenant=tenant)) == record


def test_a_tenant_made_live_does_what_it_showed() -> None:
    preview, live = a_tenant(mode=Mode.PREVIEW), a_tenant()
    record = plan(save(None, a_snapshot(), NOW), facts(tenant=preview)).record
    assert plan(record, facts(tenant=live)).act is Act.CREATE


# -- saves ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes_",
    [
        pytest.param({"name": "Renamed"}, id="a name"),
        pytest.param({"learner": OTHER_LEARNER}, id="a learner"),
        pytest.param({"planned_minutes": None}, id="planned time"),
        pytest.param({"slot": TEN}, id="a start"),
    ],
)
def test_a_save_is_stored_whole_and_leaves_what_is_agreed(changes_: dict[str, Any]) -> None:
    former = a_booked(flags=(Flag.AGENDA_NOT_UPDATED,))
    record = saved(former, **changes_)
    assert record.saved == saved_again(former, **changes_)
    kept = replace(record, saved=former.saved, slot=former.slot, fresh=())
    assert replace(kept, asked_at=former.asked_at, asked_start=former.asked_start) == former


def test_every_save_is_a_line_of_history() -> None:
    record = save(None, a_snapshot(), NOW)
    assert lines(record) == ["saved"]
    record = saved(record, slot=TEN)
    assert record.fresh[-1].before == {
        "start": "2026-04-30T08:00:00+00:00",
        "end": "2026-04-30T09:00:00+00:00",
    }
    assert lines(saved(record, deleted=True))[-1] == "deleted"


@pytest.mark.parametrize(
    ("changes_", "what", "shown"),
    [
        pytest.param({"name": "Renamed"}, "saved", False, id="words"),
        pytest.param({"slot": TEN}, "saved", True, id="a move"),
        pytest.param({"slot": None}, "saved", True, id="dates cleared"),
        pytest.param({"cancelled": True}, "saved", True, id="a cancellation"),
        pytest.param({"deleted": True}, "deleted", False, id="a deletion"),
    ],
)
def test_a_line_shows_times_only_where_they_matter(
    changes_: dict[str, Any], what: str, shown: bool
) -> None:
    line = saved(a_booked(), **changes_).fresh[-1]
    assert line.what == what
    assert (line.before is not None) is shown
    assert (line.after is not None) is (shown and changes_.get("slot", NINE) is not None)
    after_start = saved(a_booked(), NINE.start, name="Renamed")
    assert lines(after_start) == ["saved"]


def test_only_the_first_of_two_deletions_is_one() -> None:
    record = saved(a_booked(), deleted=True)
    assert lines(saved(record, name="Renamed")) == ["deleted", "saved"]
    assert lines(saved(record, deleted=False)) == ["deleted", "saved"]


def test_a_deletion_of_something_never_saved_is_kept() -> None:
    record = save(None, a_snapshot(deleted=True, slot=None), NOW)
    assert state_of(record, a_tenant(), NOW) == (State.CANCELLED, None)
    assert plan(record, facts()) == Step(record)


# -- events for the LMS --------------------------------------------------------------------


def test_events_are_numbered_by_component_and_named_for_good() -> None:
    record = tell(tell(a_record(), "meeting.cancelled", {}, facts()), "meeting.failed", {}, facts())
    first, second = record.queue
    assert (first.sequence, second.sequence) == (1, 2)
    assert first.data["sequence"] == 1
    assert first.id != second.id
    tenant = a_tenant()
    assert first.id == event_id(tenant.id, a_record(), 1), "whoever makes it"
    assert first.id != event_id(a_tenant(id="southern").id, a_record(), 1)
    other: Snapshot = a_snapshot(id="C-2")
    assert first.id != event_id(tenant.id, a_record(other), 1)


def test_an_event_says_what_the_revision_was_that_it_is_about() -> None:
    record = saved(a_booked(), name="Renamed")
    assert heard(record_after_update(record), TEN).queue[-1].data["revision"] == 2


def record_after_update(record: Record) -> Record:
    booking = a_booking(record.saved)
    return after_update(
        replace(record, intent=an_intent(Act.UPDATE, booking)),
        a_seen(booking),
        facts(),
        agenda_kept=False,
    )


def test_what_was_told_waits_for_its_answer_in_order() -> None:
    record = heard(a_booked(), TEN, None)
    assert record.told == (Told(2, TEN), Told(3, None))


def test_learners_and_organizers_may_share_an_address_without_an_empty_invitation() -> None:
    alone = a_snapshot(learner=TUTOR)
    assert invited(alone, ("tutor@college.example",)) == ()
    assert LEARNER in invited(a_snapshot(), ("tutor@college.example",))
