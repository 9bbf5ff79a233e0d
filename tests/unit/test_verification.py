"""What follows from a verdict night after night, and from a person's word."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import codec
from shared.attendance import MESSAGES, Case, Outcome, judge, last_night
from shared.errors import Invalid
from shared.model import Attendance, AttendanceSettings, EvidenceId, Flag, Kind
from shared.people import Identity, Known
from shared.verification import Decision, Heard, Standing, Step, Tell, decide, is_due, next_step
from tests.meetings import (
    BOT,
    DAY,
    DEFAULT,
    HIDDEN,
    HOLD_EXTRA,
    HOLD_UNKNOWN,
    NIGHT,
    URL,
    World,
    a_case,
    assembled,
    choices,
    guest,
    learner,
    manager,
    night,
    of,
    outsider,
    result,
    session,
    staff,
    tutor,
    verdict,
    worlds,
)

# -- the nightly life ---------------------------------------------------------------------


def live(*nights: Case, before: Standing | None = None) -> tuple[Standing, list[tuple[str, bool]]]:
    """Run night after night, each three times; what the LMS heard in all."""
    heard = []
    standing = before
    for n, case in enumerate(nights, start=1):
        for _ in range(3):
            found = verdict(case, today=night(n))
            step = next_step(standing, case, found)
            standing = step.standing.filed(EvidenceId(f"e{n}")) if step.evidence else step.standing
            if step.tell is not Tell.NOTHING:
                heard.append((found.outcome.value, found.final))
    assert standing
    return standing, heard


NOTHING, REFUSED = a_case(), a_case(refused=(URL,))
ALONE = a_case(session(tutor((-60, -50)), report="r0", started=-60, ended=-50))
TEST_JOIN = a_case(
    session(tutor((-60, -50)), learner((-60, -50)), report="r0", started=-60, ended=-50)
)
TAUGHT = of(tutor(), learner())
ABSENT = of(tutor())
LONGER = a_case(
    session(tutor(), learner()),
    session(tutor((70, 90)), learner((70, 90)), report="r2", started=70, ended=90),
)
SAME_HOURS = a_case(session(tutor(), learner()), session(tutor((0, 1)), report="r2", ended=1))


@pytest.mark.parametrize(
    ("nights", "heard"),
    [
        pytest.param([TAUGHT], [("learner_time", True)], id="hours at once"),
        pytest.param([NOTHING, TAUGHT, TAUGHT], [("learner_time", True)], id="hours a night late"),
        pytest.param([NOTHING] * 7, [], id="still waiting"),
        pytest.param([NOTHING] * 9, [("no_report", True)], id="no report at all"),
        pytest.param(
            [ALONE, ALONE, TAUGHT],
            [("learner_absent", False), ("learner_time", True)],
            id="a test join, then the lesson",
        ),
        pytest.param(
            [ALONE] * 9, [("learner_absent", False), ("learner_absent", True)], id="told twice"
        ),
        pytest.param([ABSENT] * 9, [("learner_absent", True)], id="final at once, told once"),
        pytest.param([TEST_JOIN] * 7, [], id="hours wait until they settle"),
        pytest.param([TEST_JOIN] * 9, [("learner_time", True)], id="which the nights do"),
        pytest.param(
            [REFUSED, REFUSED, NOTHING, REFUSED, TAUGHT],
            [("not_permitted", False), ("learner_time", True)],
            id="refused, then granted",
        ),
        pytest.param([REFUSED] * 70, [("not_permitted", False)], id="refused to the end"),
        pytest.param(
            [ALONE, REFUSED, ALONE, REFUSED],
            [("learner_absent", False), ("not_permitted", False)],
            id="to and fro",
        ),
        pytest.param([TAUGHT, LONGER, TAUGHT], [("learner_time", True)], id="posted hours stay"),
        pytest.param([ABSENT, LONGER], [("learner_absent", True)], id="final is final"),
    ],
)
def test_what_the_lms_hears(nights: list[Case], heard: list[tuple[str, bool]]) -> None:
    assert live(*nights)[1] == heard


def test_refused_to_the_end_is_final() -> None:
    standing, _ = live(*[REFUSED] * 60)
    assert standing.attendance.final


def test_a_later_report_that_would_change_posted_hours_is_only_evidence() -> None:
    before, _ = live(TAUGHT)
    step = next_step(before, LONGER, verdict(LONGER))
    assert (step.tell, step.evidence, step.late) == (Tell.NOTHING, True, True)
    assert step.standing.attendance == replace(before.attendance, flags=(Flag.LATE_REPORT,))
    assert next_step(step.standing, LONGER, verdict(LONGER)) == Step(step.standing)


@pytest.mark.parametrize(
    ("case", "settings"),
    [
        pytest.param(SAME_HOURS, DEFAULT, id="a report that changes no hours"),
        pytest.param(NOTHING, DEFAULT, id="reports that Teams no longer keeps"),
        pytest.param(REFUSED, DEFAULT, id="a reading refused since"),
        pytest.param(
            TAUGHT, AttendanceSettings(learner_time="with_organizer"), id="settings changed since"
        ),
    ],
)
@pytest.mark.parametrize("asked", [False, True])
def test_nothing_else_touches_posted_hours(
    case: Case, settings: AttendanceSettings, asked: bool
) -> None:
    before, _ = live(TAUGHT)
    found = verdict(case, settings, night(40))
    assert next_step(before, case, found, asked=asked) == Step(before)


def test_a_late_report_after_no_hours_is_flagged() -> None:
    before, _ = live(ABSENT)
    step = next_step(before, TAUGHT, verdict(TAUGHT))
    assert step.late
    assert step.standing.attendance.outcome == "learner_absent"
    assert step.standing.attendance.flags == (Flag.LATE_REPORT,)


def test_a_person_who_asks_again_gets_the_hours_nobody_posted() -> None:
    before, _ = live(*[NOTHING] * 8)
    step = next_step(before, TAUGHT, verdict(TAUGHT, today=night(20)), asked=True)
    assert step.tell is Tell.VERIFIED
    assert step.standing.posted == timedelta(minutes=50)


def test_a_person_who_asks_again_hears_another_no() -> None:
    before, _ = live(*[NOTHING] * 8)
    step = next_step(before, ABSENT, verdict(ABSENT, today=night(20)), asked=True)
    assert (step.tell, step.standing.attendance.outcome) == (Tell.NOT_VERIFIED, "learner_absent")


def test_asking_again_for_the_same_leads_to_nothing() -> None:
    before, _ = live(ABSENT)
    assert next_step(before, ABSENT, verdict(ABSENT), asked=True) == Step(before)
    assert next_step(before, NOTHING, verdict(NOTHING, today=night(400)), asked=True) == Step(
        before
    )


def test_every_verdict_that_changes_something_leaves_evidence() -> None:
    first = next_step(None, NOTHING, verdict(NOTHING))
    assert (first.evidence, first.tell) == (True, Tell.NOTHING)
    again = next_step(first.standing, NOTHING, verdict(NOTHING, today=night(2)))
    assert again == Step(first.standing)
    second = next_step(first.standing, ALONE, verdict(ALONE, today=night(3)))
    assert (second.evidence, second.tell) == (True, Tell.NOT_VERIFIED)


def test_what_is_told_carries_its_sentence() -> None:
    step = next_step(None, ABSENT, verdict(ABSENT))
    assert step.message == MESSAGES[Outcome.LEARNER_ABSENT]


def a_standing(final: bool) -> Standing:
    return Standing(Attendance("learner_absent", final, None, DAY.isoformat(), None))


@pytest.mark.parametrize(
    ("standing", "nights", "due"),
    [
        pytest.param(None, 0, False, id="the day itself"),
        pytest.param(None, 1, True, id="the day after"),
        pytest.param(None, 100, True, id="never looked at"),
        pytest.param(a_standing(False), 8, True, id="not final"),
        pytest.param(a_standing(False), 50, True, id="not final for long"),
        pytest.param(a_standing(True), 8, True, id="final, last night for late reports"),
        pytest.param(a_standing(True), 9, False, id="final, nights over"),
    ],
)
def test_when_the_nightly_run_looks(standing: Standing | None, nights: int, due: bool) -> None:
    assert is_due(standing, DAY, night(nights), 7) is due
    assert last_night(DAY, 7) == night(8)


def test_a_standing_is_stored_and_read_back() -> None:
    standing, _ = live(ALONE, TAUGHT)
    decided = replace(standing, decided=Decision.ACCEPT)
    assert codec.loads(Standing, codec.dumps(decided)) == decided
    assert decided.told == (Heard("learner_absent", False), Heard("learner_time", True))


# -- a person's word ----------------------------------------------------------------------


def names_of(case: Case) -> dict[str, Any]:
    return {person.name: person for person in case.people}


def after(case: Case, settings: AttendanceSettings = DEFAULT, today: date = NIGHT) -> Standing:
    return next_step(None, case, judge(case, settings, today)).standing


@pytest.mark.parametrize(
    ("case", "settings", "participant", "expected", "alias"),
    [
        pytest.param(
            of(tutor(), guest("A")),
            HOLD_UNKNOWN,
            None,
            ("learner_time", 40),
            0,
            id="the only guest",
        ),
        pytest.param(
            of(tutor(), outsider()),
            HOLD_UNKNOWN,
            None,
            ("learner_time", 30),
            1,
            id="the only outside account, remembered",
        ),
        pytest.param(
            of(tutor(), guest("A", (0, 20)), guest("B", (5, 45))),
            HOLD_EXTRA,
            "unidentified 2",
            ("learner_time", 40),
            0,
            id="one of two guests",
        ),
        pytest.param(
            of(tutor(), learner(), guest("A")),
            HOLD_EXTRA,
            None,
            ("learner_time", 50),
            0,
            id="the learner who was identified all along",
        ),
        pytest.param(
            of(tutor(), staff()),
            DEFAULT,
            "someone else 1",
            ("learner_time", 30),
            1,
            id="somebody else after all",
        ),
        pytest.param(
            of(tutor(), HIDDEN), DEFAULT, None, ("learner_time", 45), 0, id="the hidden record"
        ),
        pytest.param(
            of(tutor((10, 60)), guest("A", (0, 40))),
            replace(HOLD_UNKNOWN, learner_time="with_organizer"),
            None,
            ("learner_time", 30),
            0,
            id="settings apply",
        ),
        pytest.param(
            of(tutor((0, 30)), guest("A", (0, 20)), guest("A", (25, 40))),
            HOLD_UNKNOWN,
            None,
            ("learner_time", 35),
            0,
            id="one who re-joined is one person by the person's word",
        ),
        pytest.param(
            of(tutor(), HIDDEN, planned=None),
            DEFAULT,
            None,
            ("no_planned_hours", None),
            0,
            id="the plan is still missing",
        ),
        pytest.param(
            of(tutor(), HIDDEN, kind=Kind.REVIEW),
            DEFAULT,
            None,
            ("review", None),
            0,
            id="a review earns nothing all the same",
        ),
        pytest.param(
            of(tutor(), guest("A", (0, 0.5))),
            HOLD_UNKNOWN,
            None,
            ("under_a_minute", None),
            0,
            id="half a minute",
        ),
        pytest.param(
            of(tutor(), manager(), kind=Kind.REVIEW, view=True),
            AttendanceSettings(reviews_earn_hours=True),
            "invited 1",
            ("learner_time", 60),
            0,
            id="the manager's account, not remembered",
        ),
    ],
)
def test_accepting(
    case: Case,
    settings: AttendanceSettings,
    participant: str | None,
    expected: tuple[str, float | None],
    alias: int,
) -> None:
    before = after(case, settings)
    word = decide(before, case, names_of(case), settings, Decision.ACCEPT, participant)
    assert result(word.verdict) == expected
    assert len(word.alias) == alias
    step = word.step
    assert step.tell is (Tell.VERIFIED if word.verdict.earned else Tell.NOT_VERIFIED)
    assert (step.evidence, step.standing.attendance.final) == (True, True)
    with pytest.raises(Invalid) as refused:
        decide(step.standing, case, names_of(case), settings, Decision.ACCEPT, participant)
    assert (refused.value.status, refused.value.code) == (409, "nothing_to_decide")


def test_accepting_says_so() -> None:
    case = of(tutor(), guest("A"))
    word = decide(after(case, HOLD_UNKNOWN), case, names_of(case), HOLD_UNKNOWN, Decision.ACCEPT)
    assert word.verdict.flags == ()
    assert word.step.message.startswith("A person recognised the learner")
    assert word.participant == names_of(case)["unidentified 1"]


def test_whoever_was_not_accepted_stays_uninvited() -> None:
    case = of(tutor(), guest("A"), guest("B"))
    word = decide(
        after(case, HOLD_EXTRA),
        case,
        names_of(case),
        HOLD_EXTRA,
        Decision.ACCEPT,
        "unidentified 1",
    )
    assert word.verdict.flags == (Flag.UNINVITED_PRESENT,)


def test_a_gate_keeps_its_own_sentence() -> None:
    case = of(tutor(), HIDDEN, planned=None)
    word = decide(after(case), case, names_of(case), DEFAULT, Decision.ACCEPT)
    assert word.step.message == MESSAGES[Outcome.NO_PLANNED_HOURS]


def test_an_accepted_stranger_is_no_longer_uninvited() -> None:
    case = of(tutor(), staff())
    word = decide(after(case), case, names_of(case), DEFAULT, Decision.ACCEPT, "someone else 1")
    assert word.verdict.flags == ()
    assert word.alias == (Identity("staff", "staff@x.example"),)


def test_an_accepted_stranger_is_the_learner_the_next_time() -> None:
    case = of(tutor(), outsider())
    word = decide(after(case, HOLD_UNKNOWN), case, names_of(case), HOLD_UNKNOWN, Decision.ACCEPT)
    later = of(tutor(), outsider(), aliases=Known.of(word.alias))
    assert result(verdict(later, HOLD_UNKNOWN)) == ("learner_time", 30)


@pytest.mark.parametrize(
    ("case", "settings", "participant", "code"),
    [
        pytest.param(of(tutor()), DEFAULT, None, "ambiguous", id="nobody could be the learner"),
        pytest.param(
            of(tutor(), staff()), DEFAULT, None, "ambiguous", id="someone else must be named"
        ),
        pytest.param(
            of(tutor(), guest("A"), guest("B")), HOLD_EXTRA, None, "ambiguous", id="two guests"
        ),
        pytest.param(
            of(tutor(), guest("A"), HIDDEN),
            HOLD_UNKNOWN,
            None,
            "ambiguous",
            id="a guest and a hidden record",
        ),
        pytest.param(
            of(tutor(), guest("A")),
            HOLD_UNKNOWN,
            "unidentified 9",
            "unknown_participant",
            id="who?",
        ),
        pytest.param(
            of(tutor(), guest("A")), HOLD_UNKNOWN, "organizer 1", "unknown_participant", id="tutor"
        ),
        pytest.param(
            of(tutor(), guest("A"), BOT),
            HOLD_UNKNOWN,
            "application 1",
            "unknown_participant",
            id="a bot",
        ),
        pytest.param(
            a_case(
                session(tutor()),
                session(guest("B", (100, 120)), report="r2", started=100, ended=120),
            ),
            DEFAULT,
            "unidentified 1",
            "unknown_participant",
            id="somebody in a session that does not count",
        ),
    ],
)
def test_accepting_nobody_in_particular_is_refused(
    case: Case, settings: AttendanceSettings, participant: str | None, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        decide(after(case, settings), case, names_of(case), settings, Decision.ACCEPT, participant)
    (fault,) = refused.value.faults
    assert (refused.value.status, fault.pointer, fault.code) == (422, "#/participant", code)


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(None, id="never verified"),
        pytest.param(after(TAUGHT), id="hours posted"),
        pytest.param(after(of(learner())), id="organizer absent"),
        pytest.param(after(NOTHING), id="no report yet"),
    ],
)
@pytest.mark.parametrize("decision", Decision)
def test_there_is_nothing_to_decide(before: Standing | None, decision: Decision) -> None:
    with pytest.raises(Invalid) as refused:
        decide(before, TAUGHT, names_of(TAUGHT), DEFAULT, decision)
    assert (refused.value.status, refused.value.code) == (409, "nothing_to_decide")


def test_rejecting_what_is_final_is_evidence_and_nothing_told() -> None:
    before = after(ABSENT)
    word = decide(before, ABSENT, names_of(ABSENT), DEFAULT, Decision.REJECT)
    assert (word.step.tell, word.step.evidence) == (Tell.NOTHING, True)
    assert word.step.standing == replace(before, decided=Decision.REJECT)


def test_rejecting_what_is_not_final_makes_it_final() -> None:
    before = after(ALONE)
    word = decide(before, ALONE, names_of(ALONE), DEFAULT, Decision.REJECT)
    assert word.step.tell is Tell.NOT_VERIFIED
    assert word.step.standing.attendance.final


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("decision", Decision)
def test_no_machine_overrides_a_persons_word(decision: Decision, asked: bool) -> None:
    case = of(tutor(), guest("A"))
    standing = decide(
        after(case, HOLD_UNKNOWN), case, names_of(case), HOLD_UNKNOWN, decision
    ).step.standing
    for settings in (DEFAULT, HOLD_UNKNOWN):
        assert next_step(standing, case, verdict(case, settings), asked=asked) == Step(standing)
    later = a_case(
        session(tutor(), guest("A")),
        session(tutor((70, 90)), learner((70, 90)), report="r2", started=70, ended=90),
    )
    step = next_step(standing, later, verdict(later), asked=asked)
    assert (step.tell, step.late) == (Tell.NOTHING, True)
    assert step.standing.posted == standing.posted


# -- properties ---------------------------------------------------------------------------


@given(worlds, choices, st.integers(1, 70), st.booleans())
def test_a_verdict_once_adopted_leaves_nothing_to_do(
    world: World, settings: AttendanceSettings, nights: int, asked: bool
) -> None:
    case = assembled(world)
    found = judge(case, settings, night(nights))
    first = next_step(None, case, found)
    assert next_step(first.standing, case, found, asked=asked) == Step(first.standing)


@given(st.lists(st.tuples(worlds, choices, st.booleans()), max_size=8))
def test_hours_are_told_once_and_never_change(
    nights: list[tuple[World, AttendanceSettings, bool]],
) -> None:
    standing: Standing | None = None
    posted = []
    for n, (world, settings, asked) in enumerate(nights, start=1):
        case = assembled(world)
        step = next_step(standing, case, judge(case, settings, night(n)), asked=asked)
        if step.tell is Tell.VERIFIED:
            posted.append(step.standing.posted)
        if posted:
            assert step.standing.posted == posted[0]
        standing = step.standing
    assert len(posted) <= 1
