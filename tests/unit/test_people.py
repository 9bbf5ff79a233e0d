"""Who is who: a component of tutor, learner, manager and mentor in one or two sessions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.intervals import Interval
from shared.model import (
    ComponentId,
    JoinUrl,
    Kind,
    Organizer,
    Person,
    Snapshot,
    UserId,
)
from shared.people import (
    Answers,
    Attended,
    Cast,
    Entry,
    Found,
    Identity,
    Joined,
    Known,
    Participant,
    Reading,
    Report,
    Rule,
    Who,
    cast_of,
    participants,
    recognise,
    unknown_identities,
)

NINE = datetime(2026, 4, 30, 8, tzinfo=UTC)
TUTOR, OLD_TUTOR = UserId("11111111-aaaa-4aaa-8aaa-111111111111"), UserId("old-tutor")
LEARNER = "22222222-bbbb-4bbb-8bbb-222222222222"
STRANGER = Identity("33333333-cccc-4ccc-8ccc-333333333333", "stranger@elsewhere.example")


def a_snapshot(**changes: object) -> Snapshot:
    snapshot = Snapshot(
        id=ComponentId("C-1"),
        revision=7,
        kind=Kind.REVIEW,
        name="Progress review",
        description="",
        description_is_html=False,
        slot=None,
        online=True,
        cancelled=False,
        deleted=False,
        planned_minutes=60,
        owner=Person("tutor@college.example", "T. Utor"),
        learner=Person("learner@work.example", "L. Earner", UserId(LEARNER)),
        manager=Person("manager@work.example", "M. Anager"),
        mentor=Person("mentor@work.example", "M. Entor"),
        employer_can_view=True,
        seen=None,
        digest="",
    )
    return replace(snapshot, **changes)  # type: ignore[arg-type]


def an_organizer(key: str, user: UserId, *addresses: str) -> Organizer:
    return Organizer(key, user, addresses, "teamsForBusiness", NINE)


URLS = (
    JoinUrl("https://teams.example/old", OLD_TUTOR),
    JoinUrl("https://teams.example/new", TUTOR),
)
DIRECTORY = (an_organizer("tutor@college.example", TUTOR, "tutor@college.example", "t.utor@upn"),)


def a_cast(**changes: object) -> Cast:
    return cast_of(a_snapshot(**changes), URLS, DIRECTORY)


def minutes(join: float, leave: float) -> Interval:
    return Interval(NINE + timedelta(minutes=join), NINE + timedelta(minutes=leave))


def signed_in(id_: str = "", address: str = "", name: str = "", *spells: Interval) -> Entry:
    return Entry(Joined.SIGNED_IN, id_, address, name, spells)


def anonymous(name: str, *spells: Interval, id_: str = "") -> Entry:
    return Entry(Joined.ANONYMOUS, id_, "", name, spells)


def there(*entries: Entry, cast: Cast | None = None, answers: Answers | None = None) -> list[str]:
    return [person.name for person in people_of(*entries, cast=cast, answers=answers)]


def people_of(
    *entries: Entry, cast: Cast | None = None, answers: Answers | None = None
) -> tuple[Participant, ...]:
    attended = [Attended("s1", TUTOR, entry) for entry in entries]
    return participants(attended, cast or a_cast(), answers or {})


# -- recognising --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "who", "rule"),
    [
        pytest.param(signed_in(TUTOR), Who.ORGANIZER, Rule.OBJECT_ID, id="the owner's id"),
        pytest.param(
            signed_in(address="Tutor@College.example"),
            Who.ORGANIZER,
            Rule.ADDRESS,
            id="the owner's address, in other case",
        ),
        pytest.param(
            signed_in(address="t.utor@upn"),
            Who.ORGANIZER,
            Rule.ADDRESS,
            id="the owner's other address, from the directory",
        ),
        pytest.param(signed_in(LEARNER), Who.LEARNER, Rule.OBJECT_ID, id="the learner's id"),
        pytest.param(
            signed_in(LEARNER.upper()), Who.LEARNER, Rule.OBJECT_ID, id="the same in capitals"
        ),
        pytest.param(
            signed_in(LEARNER, "married@work.example"),
            Who.LEARNER,
            Rule.OBJECT_ID,
            id="the learner's id with another address",
        ),
        pytest.param(
            signed_in("", " LEARNER@work.example "), Who.LEARNER, Rule.ADDRESS, id="by address"
        ),
        pytest.param(
            signed_in(TUTOR, "learner@work.example"),
            Who.ORGANIZER,
            Rule.OBJECT_ID,
            id="an id beats an address",
        ),
        pytest.param(
            signed_in("foreign", "manager@work.example"), Who.INVITED, Rule.ADDRESS, id="manager"
        ),
        pytest.param(
            signed_in("foreign", "mentor@work.example"), Who.INVITED, Rule.ADDRESS, id="mentor"
        ),
        pytest.param(
            Entry(Joined.GUEST, "", "learner@work.example", "L. Earner"),
            Who.UNIDENTIFIED,
            Rule.GUEST,
            id="a typed address only suggests",
        ),
        pytest.param(
            Entry(Joined.GUEST, LEARNER, "learner@work.example", "L. Earner"),
            Who.UNIDENTIFIED,
            Rule.GUEST,
            id="a guest's id is no sign-in",
        ),
        pytest.param(
            anonymous("L. Earner"), Who.UNIDENTIFIED, Rule.ANONYMOUS, id="a name only suggests"
        ),
        pytest.param(
            Entry(Joined.ANONYMOUS, "", "learner@work.example"),
            Who.UNIDENTIFIED,
            Rule.ANONYMOUS,
            id="an address without a sign-in",
        ),
        pytest.param(
            Entry(Joined.PHONE, "4:+441234", "", "+44 1234"),
            Who.UNIDENTIFIED,
            Rule.PHONE,
            id="phone",
        ),
        pytest.param(
            Entry(Joined.SERVICE, "8:acs:x"), Who.UNIDENTIFIED, Rule.SERVICE, id="other service"
        ),
        pytest.param(
            signed_in(name="L. Earner"), Who.UNIDENTIFIED, Rule.NAME_ONLY, id="name without more"
        ),
        pytest.param(signed_in(), Who.UNNAMED, Rule.NO_IDENTITY, id="nothing but a sign-in"),
        pytest.param(Entry(Joined.UNREADABLE), Who.UNNAMED, Rule.UNREADABLE, id="unreadable"),
        pytest.param(
            Entry(Joined.APPLICATION, "28:bot"), Who.APPLICATION, Rule.NOT_A_PERSON, id="a bot"
        ),
    ],
)
def test_who_is_who(entry: Entry, who: Who, rule: Rule) -> None:
    """A review the employer may view, in the owner's own meeting; nobody needs looking up."""
    recognised = recognise(entry, a_cast(), TUTOR, {})
    assert (recognised.who, recognised.rule) == (who, rule)


def known(*ids: str, at: tuple[str, ...] = ()) -> Known:
    return Known.by(ids, at)


@pytest.mark.parametrize(
    ("answer", "who", "rule"),
    [
        pytest.param(None, Who.UNIDENTIFIED, Rule.NOBODY_KNOWS, id="nobody knows them"),
        pytest.param(
            Found(known(STRANGER.id)), Who.SOMEONE_ELSE, Rule.DIRECTORY, id="in the directory"
        ),
        pytest.param(
            Found(known(at=(STRANGER.address,)), in_directory=False),
            Who.SOMEONE_ELSE,
            Rule.COMPONENT,
            id="another component's person",
        ),
        pytest.param(
            Found(known(STRANGER.id, at=("Learner@work.example", "l.earner@upn"))),
            Who.LEARNER,
            Rule.DIRECTORY,
            id="the directory says it is the learner's account",
        ),
        pytest.param(
            Found(known(STRANGER.id, at=("manager@work.example",))),
            Who.INVITED,
            Rule.DIRECTORY,
            id="the manager's account",
        ),
        pytest.param(
            Found(known(LEARNER, at=(STRANGER.address,)), in_directory=False),
            Who.LEARNER,
            Rule.COMPONENT,
            id="another component knows the learner by this address",
        ),
    ],
)
def test_what_a_look_up_makes_of_somebody_signed_in(
    answer: Found | None, who: Who, rule: Rule
) -> None:
    entry = signed_in(STRANGER.id, STRANGER.address)
    recognised = recognise(entry, a_cast(), TUTOR, {STRANGER: answer})
    assert (recognised.who, recognised.rule) == (who, rule)


def test_somebody_nobody_looked_up_is_never_taken_for_the_learner() -> None:
    recognised = recognise(signed_in(STRANGER.id), a_cast(), TUTOR, {})
    assert (recognised.who, recognised.rule) == (Who.SOMEONE_ELSE, Rule.NOT_LOOKED_UP)


@pytest.mark.parametrize(
    ("answer", "who"),
    [
        pytest.param(None, Who.LEARNER, id="nobody knows that id: the address decides"),
        pytest.param(
            Found(known("account-2", at=("learner@work.example",))),
            Who.LEARNER,
            id="a second account of the learner's",
        ),
        pytest.param(
            Found(known("account-2", at=("other@college.example",))),
            Who.SOMEONE_ELSE,
            id="the directory knows the id as another person",
        ),
    ],
)
def test_the_learners_address_with_another_id_is_looked_up(answer: Found | None, who: Who) -> None:
    entry = signed_in("account-2", "learner@work.example")
    (asked,) = unknown_identities([a_reading(TUTOR, entry)], a_cast())
    assert recognise(entry, a_cast(), TUTOR, {asked: answer}).who is who


def test_a_learner_without_an_id_is_recognised_by_address_without_a_look_up() -> None:
    cast = a_cast(learner=Person("learner@work.example", "L. Earner"))
    entry = signed_in("foreign", "learner@work.example")
    assert unknown_identities([a_reading(TUTOR, entry)], cast) == ()
    assert recognise(entry, cast, TUTOR, {}).rule is Rule.ADDRESS


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(signed_in("PRIVATE", "x@y.example"), id="by id"),
        pytest.param(signed_in("", "Private@home.example"), id="by address"),
    ],
)
def test_an_accepted_identity_is_the_learner_from_then_on(entry: Entry) -> None:
    aliases = Known.of([Identity("PRIVATE", "private@home.example")])
    cast = cast_of(a_snapshot(), URLS, DIRECTORY, aliases)
    recognised = recognise(entry, cast, TUTOR, {})
    assert (recognised.who, recognised.rule) == (Who.LEARNER, Rule.ALIAS)


@pytest.mark.parametrize(
    ("changes", "who"),
    [
        pytest.param({}, Who.INVITED, id="a review the employer may view"),
        pytest.param({"employer_can_view": False}, Who.SOMEONE_ELSE, id="one they may not"),
        pytest.param({"kind": Kind.MEETING}, Who.SOMEONE_ELSE, id="a meeting"),
        pytest.param(
            {"manager": Person(" ", "M. Anager", UserId("manager-id"))},
            Who.SOMEONE_ELSE,
            id="without an address nobody is invited",
        ),
    ],
)
def test_the_manager_is_invited_only_where_the_employer_may_view(
    changes: dict[str, object], who: Who
) -> None:
    cast = a_cast(
        **{"manager": Person("manager@work.example", "", UserId("manager-id")), **changes}
    )
    recognised = recognise(signed_in("manager-id"), cast, TUTOR, {})
    rule = Rule.OBJECT_ID if who is Who.INVITED else Rule.NOT_INVITED
    assert (recognised.who, recognised.rule) == (who, rule)


def test_the_learner_who_is_also_the_tutor_is_the_organizer() -> None:
    cast = a_cast(learner=Person("tutor@college.example", "T. Utor"))
    assert (
        recognise(signed_in(address="tutor@college.example"), cast, TUTOR, {}).who is Who.ORGANIZER
    )


@pytest.mark.parametrize(
    ("organizer", "who", "rule"),
    [
        pytest.param(
            OLD_TUTOR, Who.ORGANIZER, Rule.OBJECT_ID, id="in the meeting of their own link"
        ),
        pytest.param(TUTOR, Who.SOMEONE_ELSE, Rule.NOT_INVITED, id="in the new owner's meeting"),
    ],
)
def test_an_earlier_owner_runs_only_their_own_meeting(
    organizer: UserId, who: Who, rule: Rule
) -> None:
    recognised = recognise(signed_in(OLD_TUTOR), a_cast(), organizer, {})
    assert (recognised.who, recognised.rule) == (who, rule)


@pytest.mark.parametrize(
    ("row", "owner"),
    [
        pytest.param(
            an_organizer("tutor@college.example", TUTOR, "other@college.example"),
            Known.by([TUTOR], ["tutor@college.example", "other@college.example"]),
            id="their own row, by its key",
        ),
        pytest.param(
            an_organizer("elsewhere", TUTOR, "Tutor@College.example"),
            Known.by([TUTOR], ["tutor@college.example"]),
            id="a row with their address",
        ),
        pytest.param(
            an_organizer("elsewhere", UserId("somebody"), "somebody@college.example"),
            Known.by([], ["tutor@college.example"]),
            id="a colleague's row says nothing of them",
        ),
    ],
)
def test_what_the_directory_adds_to_the_owner(row: Organizer, owner: Known) -> None:
    assert cast_of(a_snapshot(), [], [row]).owner == owner


def test_the_organizer_of_the_link_is_the_owner_when_the_directory_says_so() -> None:
    assert a_cast().owner == Known.by([TUTOR], ["tutor@college.example", "t.utor@upn"])
    assert a_cast().runners == (Known.by([OLD_TUTOR]),)


def test_the_owner_runs_a_meeting_by_an_earlier_owners_link_too() -> None:
    assert recognise(signed_in(TUTOR), a_cast(), OLD_TUTOR, {}).who is Who.ORGANIZER


def test_blank_ids_and_addresses_match_nobody() -> None:
    cast = a_cast(learner=Person("", ""), manager=None, mentor=None)
    assert recognise(signed_in(name="X"), cast, TUTOR, {}).who is Who.UNIDENTIFIED
    assert cast.learner == Known()


# -- whom to look up ----------------------------------------------------------------------


def a_reading(organizer: UserId, *entries: Entry) -> Reading:
    report = Report("r", NINE, NINE, len(entries), entries, "sha")
    return Reading(JoinUrl("https://teams.example/x", organizer), (report,))


def test_only_signed_in_people_whom_the_component_does_not_know_are_looked_up() -> None:
    readings = [
        a_reading(
            TUTOR,
            signed_in(TUTOR),
            signed_in(LEARNER),
            signed_in("zoe", "Zoe@x.example"),
            signed_in("zoe", "zoe@X.example"),
            signed_in("", "abe@x.example"),
            signed_in(name="nameless"),
            anonymous("guest"),
            Entry(Joined.APPLICATION, "28:bot"),
        )
    ]
    assert unknown_identities(readings, a_cast()) == (
        Identity("", "abe@x.example"),
        Identity("zoe", "zoe@x.example"),
    )


# -- one person, one participant ----------------------------------------------------------


def test_two_devices_and_two_sessions_of_one_person_are_one_participant() -> None:
    attended = [
        Attended("s1", TUTOR, signed_in(LEARNER, "", "L", minutes(0, 30))),
        Attended("s1", TUTOR, signed_in(LEARNER, "", "L phone", minutes(10, 40))),
        Attended("s2", TUTOR, signed_in("", "learner@work.example", "L", minutes(50, 60))),
    ]
    (person,) = participants(attended, a_cast(), {})
    assert person.name == "learner 1"
    assert person.rule is Rule.OBJECT_ID
    assert person.intervals_in("s1") == (minutes(0, 30), minutes(10, 40))
    assert person.intervals_in("s2") == (minutes(50, 60),)


def test_the_learners_own_account_and_an_accepted_one_are_one_participant() -> None:
    cast = cast_of(a_snapshot(), URLS, DIRECTORY, Known.of([Identity("private", "")]))
    assert there(signed_in(LEARNER), signed_in("private"), cast=cast) == ["learner 1"]


def test_ids_and_addresses_chain_a_stranger_together() -> None:
    answers = dict.fromkeys(
        [Identity("a", ""), Identity("a", "a@x.example"), Identity("", "a@x.example")]
    )
    names = there(
        signed_in("a"), signed_in("", "a@x.example"), signed_in("a", "a@x.example"), answers=answers
    )
    assert names == ["unidentified 1"]


def test_two_strangers_stay_two() -> None:
    answers = dict.fromkeys([Identity("a", ""), Identity("b", "")])
    names = there(signed_in("a", "", "Sam"), signed_in("b", "", "Sam"), answers=answers)
    assert names == ["unidentified 1", "unidentified 2"]


def test_anonymous_people_with_the_same_id_are_one() -> None:
    one = anonymous("Lea", minutes(0, 30), id_="8:teamsvisitor:1")
    two = anonymous("Lea", minutes(10, 40), id_="8:teamsvisitor:1")
    assert there(one, two) == ["unidentified 1"]


@pytest.mark.parametrize(
    ("entries", "people", "rejoined"),
    [
        pytest.param(
            [anonymous("Lea", minutes(0, 20)), anonymous(" lea ", minutes(25, 60))],
            1,
            True,
            id="a drop-out and a re-join under one name",
        ),
        pytest.param(
            [anonymous("Lea", minutes(0, 20)), anonymous("Lea", minutes(20, 60))],
            1,
            True,
            id="touching is not overlapping",
        ),
        pytest.param(
            [anonymous("Lea", minutes(0, 20)), anonymous("Lea", minutes(19.9, 60))],
            2,
            False,
            id="there at the same time, so two",
        ),
        pytest.param(
            [anonymous("Lea", minutes(0, 20)), anonymous("Leo", minutes(25, 60))],
            2,
            False,
            id="two names",
        ),
        pytest.param(
            [anonymous("", minutes(0, 20)), anonymous("", minutes(25, 60))],
            2,
            False,
            id="no name says nothing",
        ),
        pytest.param(
            [
                anonymous("Lea", minutes(0, 20)),
                anonymous("Lea", minutes(25, 60)),
                anonymous("Lea", minutes(50, 60)),
            ],
            3,
            False,
            id="namesakes of whom two overlap are not told apart",
        ),
    ],
)
def test_when_unidentified_records_are_one_person(
    entries: list[Entry], people: int, rejoined: bool
) -> None:
    found = people_of(*entries)
    assert len(found) == people
    assert any(person.rejoined for person in found) is rejoined


def test_somebody_rejoins_across_two_sessions() -> None:
    attended = [
        Attended("s1", TUTOR, anonymous("Lea", minutes(0, 20), id_="8:teamsvisitor:1")),
        Attended("s2", TUTOR, anonymous("Lea", minutes(30, 60), id_="8:teamsvisitor:2")),
    ]
    (person,) = participants(attended, a_cast(), {})
    assert [stay.session for stay in person.stays] == ["s1", "s2"]


def test_records_that_name_nobody_are_never_merged() -> None:
    assert there(signed_in(), signed_in(), Entry(Joined.UNREADABLE)) == [
        "unnamed 1",
        "unnamed 2",
        "unnamed 3",
    ]


def test_people_are_numbered_as_they_came() -> None:
    found = people_of(anonymous("late", minutes(20, 30)), anonymous("early", minutes(5, 60)))
    assert [person.intervals_in("s1") for person in found] == [
        (minutes(5, 60),),
        (minutes(20, 30),),
    ]
    assert [person.name for person in found] == ["unidentified 1", "unidentified 2"]


def test_people_without_times_come_last() -> None:
    found = people_of(anonymous("a"), anonymous("b", minutes(20, 30)))
    assert [len(person.intervals_in("s1")) for person in found] == [1, 0]


def test_people_without_sign_in_are_known_by_nothing() -> None:
    (person,) = people_of(Entry(Joined.GUEST, "x", "learner@work.example", "L. Earner"))
    assert (person.identities, person.known) == ((), Known())


def test_participants_tell_the_identities_they_signed_in_with() -> None:
    (person,) = people_of(signed_in("Foreign", "A@x.example"), answers={})
    assert person.identities == (Identity("Foreign", "a@x.example"),)


ENTRIES = [
    signed_in(TUTOR, "", "", minutes(0, 60)),
    signed_in(LEARNER, "", "", minutes(5, 30)),
    signed_in("", "learner@work.example", "", minutes(5, 50)),
    anonymous("Lea", minutes(0, 10)),
    anonymous("Lea", minutes(20, 30)),
    anonymous("", minutes(1, 2)),
]


def test_the_order_of_records_is_irrelevant() -> None:
    results = {people_of(*entries) for entries in permutations(ENTRIES)}
    assert len(results) == 1


entries = st.builds(
    Entry,
    joined=st.sampled_from(Joined),
    id=st.sampled_from(["", "a", "b", LEARNER, TUTOR]),
    address=st.sampled_from(["", "a@x.example", "learner@work.example", "Tutor@college.example"]),
    name=st.sampled_from(["", "Lea", "lea", "Leo"]),
    intervals=st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda t: minutes(min(t), max(t))),
        max_size=2,
    ).map(tuple),
)


@given(st.lists(entries, max_size=8), st.randoms())
def test_nobody_is_dropped_and_order_never_matters(found: list[Entry], random: object) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    people = people_of(*found)
    assert people == people_of(*shuffled)
    assert {i for p in people for i in p.intervals_in("s1")} == {
        i for entry in found for i in entry.intervals
    }
    assert len({person.name for person in people}) == len(people)
    assert len([p for p in people if p.who is Who.LEARNER]) <= 1
