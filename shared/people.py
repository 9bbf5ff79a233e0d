"""Who is who in an attendance report (the law, 3). No I/O, no clock, no Graph field name.

Rules of the house:

* An Entra object id decides, else the address of somebody who signed in, remembered aliases
  included. What a guest types, a name or an address, identifies nobody.
* Whom we cannot place is never dropped: an unplaced person is *unidentified*, a record that names
  nobody is *unnamed*.
* One person is one participant, however many devices, records and sessions. When that cannot be
  known, the reading that claims less is taken (see ``participants``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from itertools import combinations

from shared.intervals import Interval
from shared.model import JoinUrl, Kind, Organizer, Person, Snapshot, UserId, fold

# --- what a report tells -----------------------------------------------------------------------


class Joined(Enum):
    """How somebody came in, which says how far the rest of their record can be trusted."""

    SIGNED_IN = "signed_in"
    GUEST = "guest"  # typed an address nobody checked
    ANONYMOUS = "anonymous"
    PHONE = "phone"
    SERVICE = "service"  # Azure Communication Services
    APPLICATION = "application"  # a bot; not a person
    UNREADABLE = "unreadable"  # a record we do not understand


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a signed-in entry names: an object id, an address or both, "" for the one missing.

    Made by ``Entry.identity`` only, so that equal people compare equal.
    """

    id: str
    address: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a report. *id*, *address* and *name* are "" when the report has none."""

    joined: Joined
    id: str = ""
    address: str = ""
    name: str = ""
    intervals: tuple[Interval, ...] = ()

    @property
    def identity(self) -> Identity | None:
        """Whom this entry names beyond doubt; None for everyone who did not sign in."""
        if self.joined is not Joined.SIGNED_IN or not (self.id or self.address):
            return None
        return Identity(fold_id(self.id), fold(self.address))


@dataclass(frozen=True, slots=True)
class Report:
    """The attendance of one session.

    *started_at* and *ended_at* fall back on the first join and last leave, and are None when
    nothing tells them. *participants* is how many Teams counted. *sha256* digests all that was
    read, whatever its order.
    """

    id: str
    started_at: datetime | None
    ended_at: datetime | None
    participants: int
    entries: tuple[Entry, ...]
    sha256: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What one join URL gave. *refused*: Teams did not let us read; no reports is not refused."""

    url: JoinUrl
    reports: tuple[Report, ...] = ()
    refused: bool = False


# --- whom we know ------------------------------------------------------------------------------

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def is_guid(text: str) -> bool:
    """Whether *text* has the form of an Entra object id."""
    return _GUID.fullmatch(text) is not None


def fold_id(text: str) -> str:
    """The form of an id that is compared: GUIDs in lower case, any other as it is."""
    return text.lower() if is_guid(text) else text


@dataclass(frozen=True, slots=True)
class Known:
    """A person, by every object id and address they are known by, in the compared form."""

    ids: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()

    @classmethod
    def by(cls, ids: Iterable[str | None] = (), addresses: Iterable[str] = ()) -> Known:
        """Build one from ids and addresses as they come; blanks are left out."""
        return cls(
            frozenset(fold_id(i) for i in ids if i),
            frozenset(fold(a) for a in addresses if fold(a)),
        )

    @classmethod
    def of(cls, identities: Iterable[Identity]) -> Known:
        """The one person behind all of *identities*."""
        several = tuple(identities)
        return cls.by([i.id for i in several], [i.address for i in several])

    def joined_with(self, other: Known) -> Known:
        """The same person, by what either says."""
        return Known(self.ids | other.ids, self.addresses | other.addresses)

    def is_also(self, other: Known) -> bool:
        """Whether some id or address is shared."""
        return bool(self.ids & other.ids or self.addresses & other.addresses)


@dataclass(frozen=True, slots=True)
class Found:
    """Whom a look-up found: in the customer's directory, else as a person of another component."""

    known: Known
    in_directory: bool = True


@dataclass(frozen=True, slots=True)
class Cast:
    """The people of one component, as frozen at its start.

    *runners* are the organizers of its join URLs who are not the owner: an earlier owner counts
    as organizer in the meetings of their own link. *aliases* is what people accepted as the
    learner before. *uninvited* are the manager and mentor the LMS names but does not invite.
    """

    owner: Known
    runners: tuple[Known, ...]
    learner: Known
    aliases: Known
    invited: tuple[Known, ...]
    uninvited: tuple[Known, ...]


def cast_of(
    frozen: Snapshot,
    urls: Iterable[JoinUrl],
    organizers: Iterable[Organizer] = (),
    aliases: Known = Known(),
) -> Cast:
    """Who the people of a component are.

    Args:
        frozen: The save that held when the component started.
        urls: Every join URL it ever had.
        organizers: What the directory told of its owners; those of others do no harm.
        aliases: The learner's remembered identities.
    """
    directory = tuple(organizers)
    owner = _owner(frozen.owner, directory)
    runners = {url.organizer: _runner(url.organizer, directory) for url in urls}
    for runner in runners.values():
        owner = owner.joined_with(runner) if owner.is_also(runner) else owner
    named = [person for person in (frozen.manager, frozen.mentor) if person]
    visible = frozen.kind is Kind.REVIEW and frozen.employer_can_view
    invited = [person for person in named if visible and fold(person.email)]
    return Cast(
        owner=owner,
        runners=tuple(runner for runner in runners.values() if not owner.is_also(runner)),
        learner=_known(frozen.learner),
        aliases=aliases,
        invited=tuple(map(_known, invited)),
        uninvited=tuple(_known(person) for person in named if person not in invited),
    )


def _known(person: Person) -> Known:
    return Known.by([person.entra_id], [person.email])


def _owner(owner: Person, directory: Sequence[Organizer]) -> Known:
    known = _known(owner)
    for row in directory:
        told = Known.by([row.id], row.addresses)
        if row.key == owner.key or known.is_also(told):
            known = known.joined_with(told)
    return known


def _runner(organizer: UserId, directory: Sequence[Organizer]) -> Known:
    addresses = [a for row in directory if row.id == organizer for a in row.addresses]
    return Known.by([organizer], addresses)


# --- who is who --------------------------------------------------------------------------------


class Who(Enum):
    """What somebody is to the component. The last two count as nobody."""

    ORGANIZER = "organizer"
    LEARNER = "learner"
    INVITED = "invited"
    SOMEONE_ELSE = "someone else"
    UNIDENTIFIED = "unidentified"
    UNNAMED = "unnamed"
    APPLICATION = "application"


class Rule(Enum):
    """By which rule somebody was recognised, the surest first; the text stands in evidence."""

    OBJECT_ID = "their Entra object id"
    ADDRESS = "the address they are signed in with"
    ALIAS = "an identity a person accepted before"
    DIRECTORY = "the customer's directory knows them"
    COMPONENT = "another component names them"
    NOT_INVITED = "the component names them but does not invite them"
    NOT_LOOKED_UP = "signed in; nobody was asked who they are"
    NOBODY_KNOWS = "signed in; neither the directory nor any component knows them"
    NAME_ONLY = "signed in with nothing but a name"
    GUEST = "joined as a guest; what guests type is not checked"
    ANONYMOUS = "joined without signing in"
    PHONE = "joined by telephone"
    SERVICE = "joined through another service"
    NO_IDENTITY = "signed in, but the report hides name, address and id"
    UNREADABLE = "the record could not be understood"
    NOT_A_PERSON = "an application"


_NOT_SIGNED_IN = {
    Joined.GUEST: (Who.UNIDENTIFIED, Rule.GUEST),
    Joined.ANONYMOUS: (Who.UNIDENTIFIED, Rule.ANONYMOUS),
    Joined.PHONE: (Who.UNIDENTIFIED, Rule.PHONE),
    Joined.SERVICE: (Who.UNIDENTIFIED, Rule.SERVICE),
    Joined.APPLICATION: (Who.APPLICATION, Rule.NOT_A_PERSON),
    Joined.UNREADABLE: (Who.UNNAMED, Rule.UNREADABLE),
}


@dataclass(frozen=True, slots=True)
class Recognised:
    """*known* is whom the record belongs to, by everything known of them; empty if nobody is."""

    who: Who
    rule: Rule
    known: Known = Known()


Answers = Mapping[Identity, Found | None]
"""What look-ups answered; None where neither the directory nor any component knows them."""


def recognise(entry: Entry, cast: Cast, organizer: UserId, answers: Answers) -> Recognised:
    """Who a record belongs to, and by which rule (the law, 3, "Who is who").

    An id that matches anybody beats an address that matches anybody; of two people who share
    one, the organizer is taken before the learner and the learner before the rest. An address
    whose owner we know by another id (a second account, or a stale one) is believed unless the
    look-up says it is another person's. Somebody signed in whom *answers* does not mention is
    taken for someone else: that claims least.

    Args:
        entry: The line of the report.
        cast: The component's people.
        organizer: Whose meeting it was: the organizer of the join URL the report came from.
        answers: Look-ups of all that ``unknown_identities`` listed.
    """
    if entry.joined is not Joined.SIGNED_IN:
        who, rule = _NOT_SIGNED_IN[entry.joined]
        return Recognised(who, rule)
    if entry.identity is None:
        if entry.name.strip():
            return Recognised(Who.UNIDENTIFIED, Rule.NAME_ONLY)
        return Recognised(Who.UNNAMED, Rule.NO_IDENTITY)
    return _signed_in(entry.identity, cast, organizer, answers)


def _signed_in(identity: Identity, cast: Cast, organizer: UserId, answers: Answers) -> Recognised:
    parts = _parts(cast, organizer)
    own = Known.of([identity])
    by_id = next((part for part in parts if own.ids & part.known.ids), None)
    if by_id:
        return by_id.recognised(Rule.OBJECT_ID, own)
    by_address = next((part for part in parts if own.addresses & part.known.addresses), None)
    if by_address and not (own.ids and by_address.known.ids):
        return by_address.recognised(Rule.ADDRESS, own)
    if looked_up := _looked_up(identity, own, parts, answers):
        return looked_up
    if by_address:
        return by_address.recognised(Rule.ADDRESS, own)
    return Recognised(Who.UNIDENTIFIED, Rule.NOBODY_KNOWS, own)


@dataclass(frozen=True, slots=True)
class _Part:
    """Somebody of the cast, and the rule to name where it is not plain id or address."""

    who: Who
    known: Known
    rule: Rule | None = None

    def recognised(self, rule: Rule, own: Known) -> Recognised:
        return Recognised(self.who, self.rule or rule, self.known.joined_with(own))


def _parts(cast: Cast, organizer: UserId) -> list[_Part]:
    """The cast in the order in which they are recognised, for a meeting of *organizer*."""
    own = [runner for runner in cast.runners if fold_id(organizer) in runner.ids]
    away = [runner for runner in cast.runners if runner not in own]
    return [
        *(_Part(Who.ORGANIZER, known) for known in (cast.owner, *own)),
        _Part(Who.LEARNER, cast.learner),
        _Part(Who.LEARNER, cast.aliases, Rule.ALIAS),
        *(_Part(Who.INVITED, known) for known in cast.invited),
        *(_Part(Who.SOMEONE_ELSE, known, Rule.NOT_INVITED) for known in (*cast.uninvited, *away)),
    ]


def _looked_up(
    identity: Identity, own: Known, parts: Sequence[_Part], answers: Answers
) -> Recognised | None:
    if identity not in answers:
        return Recognised(Who.SOMEONE_ELSE, Rule.NOT_LOOKED_UP, own)
    found = answers[identity]
    if found is None:
        return None
    rule = Rule.DIRECTORY if found.in_directory else Rule.COMPONENT
    known = found.known.joined_with(own)
    for part in parts:
        if found.known.is_also(part.known):
            return Recognised(part.who, rule, part.known.joined_with(known))
    return Recognised(Who.SOMEONE_ELSE, rule, known)


def unknown_identities(readings: Iterable[Reading], cast: Cast) -> tuple[Identity, ...]:
    """Whom to look up before ``participants`` is asked, each once, in a fixed order.

    Look each up in the customer's directory by id, else by address, and then among the people of
    the tenant's other components (their aliases included); the answers go into ``Answers``.
    """
    unknown = {
        entry.identity
        for reading in readings
        for report in reading.reports
        for entry in report.entries
        if recognise(entry, cast, reading.url.organizer, {}).rule is Rule.NOT_LOOKED_UP
    }
    return _in_order(unknown)


def _in_order(identities: Iterable[Identity | None]) -> tuple[Identity, ...]:
    return tuple(sorted({one for one in identities if one}, key=lambda one: (one.id, one.address)))


# --- one person, one participant ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stay:
    """When somebody was in one session. Without intervals: there, but no times are shown."""

    session: str
    intervals: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Participant:
    """One person in a component's sessions.

    *name* tells them apart without saying who they are (``unidentified 1``). *identities* are
    those they signed in with, and *known* is all that is known of them; both are empty for
    people who did not sign in. *rejoined* tells that several records were taken for one person's
    because they never overlap and bear one typed name: likely, not certain.
    """

    name: str
    who: Who
    rule: Rule
    stays: tuple[Stay, ...]
    identities: tuple[Identity, ...] = ()
    known: Known = Known()
    rejoined: bool = False

    def intervals_in(self, session: str) -> tuple[Interval, ...]:
        """Every interval of this person in *session*, overlapping ones included."""
        return tuple(i for stay in self.stays if stay.session == session for i in stay.intervals)

    def was_in(self, session: str) -> bool:
        """Whether this person was in *session* at all, with or without times."""
        return any(stay.session == session for stay in self.stays)


@dataclass(frozen=True, slots=True)
class Attended:
    """A record, the session it is of, and whose meeting that was."""

    session: str
    organizer: UserId
    entry: Entry


def participants(
    attended: Iterable[Attended], cast: Cast, answers: Answers
) -> tuple[Participant, ...]:
    """Everybody who was there, each person once, in an order that is the same for every order in.

    Whoever signed in is merged by object id, else address; the rest by the id of their record.
    Anonymous ids are new at each join, so a drop-out looks like two people, and two unidentified
    people earn the whole meeting where one earns their own time. Records that bear the same typed
    name and never overlap are therefore taken for one person who re-joined. Should they have been
    two after all, less was claimed, not more: the hours rule counts such a person's time only
    while the organizer was there, so it never exceeds the whole meeting. Records of one name that
    overlap are two people.
    """
    seen = [
        (one, recognise(one.entry, cast, one.organizer, answers))
        for one in sorted(attended, key=_fixed_order)
    ]
    groups = _rejoined(_grouped(seen))
    return tuple(_named(sorted((_participant(group) for group in groups), key=_by_arrival)))


_Seen = tuple[Attended, Recognised]


@dataclass(slots=True, eq=False)
class _Group:
    """Records of one person, and what they have in common with those to come."""

    tokens: set[tuple[str, str]]
    members: list[_Seen]
    rejoined: bool = False

    @property
    def intervals(self) -> list[Interval]:
        return [interval for one, _ in self.members for interval in one.entry.intervals]


def _fixed_order(one: Attended) -> tuple[object, ...]:
    entry = one.entry
    return (
        one.session,
        entry.intervals,
        entry.joined.value,
        entry.id,
        entry.address,
        entry.name,
    )


def _tokens(one: Attended, recognised: Recognised) -> set[tuple[str, str]]:
    """What two records of one person share; empty when nothing is sure to be this person's."""
    who = recognised.who
    if who is Who.LEARNER:
        return {("learner", "")}  # there is but one
    if recognised.known != Known():
        ids = {(f"{who.value} id", i) for i in recognised.known.ids}
        return ids | {(f"{who.value} address", a) for a in recognised.known.addresses}
    if one.entry.id and who in (Who.UNIDENTIFIED, Who.APPLICATION):
        return {(f"{who.value} {one.entry.joined.value}", one.entry.id)}
    return set()


def _grouped(seen: Iterable[_Seen]) -> list[_Group]:
    groups: list[_Group] = []
    for one, recognised in seen:
        group = _Group(_tokens(one, recognised), [(one, recognised)])
        for same in [g for g in groups if g.tokens & group.tokens]:
            groups.remove(same)
            group = _Group(same.tokens | group.tokens, same.members + group.members)
        groups.append(group)
    return groups


def _rejoined(groups: Sequence[_Group]) -> list[_Group]:
    """Join the groups of one typed name that were never there at the same time."""
    kept: list[_Group] = []
    namesakes: dict[str, list[_Group]] = {}
    for group in groups:
        name = _typed_name(group)
        if name:
            namesakes.setdefault(name, []).append(group)
        else:
            kept.append(group)
    for same in namesakes.values():
        if len(same) == 1 or any(_together(a, b) for a, b in combinations(same, 2)):
            kept.extend(same)
        else:
            members = [seen for group in same for seen in group.members]
            kept.append(_Group(set(), members, rejoined=True))
    return kept


def _typed_name(group: _Group) -> str:
    """The one name an unidentified person typed, folded; "" if it is not one, or not typed."""
    if any(seen.who is not Who.UNIDENTIFIED or seen.known != Known() for _, seen in group.members):
        return ""
    names = {" ".join(one.entry.name.split()).casefold() for one, _ in group.members}
    return names.pop() if len(names) == 1 else ""


def _together(one: _Group, other: _Group) -> bool:
    return any(a.overlaps(b) for a in one.intervals for b in other.intervals)


def _participant(group: _Group) -> Participant:
    known = Known()
    stays: dict[str, list[Interval]] = {}
    for one, recognised in group.members:
        known = known.joined_with(recognised.known)
        stays.setdefault(one.session, []).extend(one.entry.intervals)
    rules = [recognised.rule for _, recognised in group.members]
    return Participant(
        name="",
        who=group.members[0][1].who,
        rule=min(rules, key=list(Rule).index),
        stays=tuple(Stay(session, tuple(sorted(stays[session]))) for session in sorted(stays)),
        identities=_in_order(one.entry.identity for one, _ in group.members),
        known=known,
        rejoined=group.rejoined,
    )


def _by_arrival(person: Participant) -> tuple[object, ...]:
    intervals = sorted(interval for stay in person.stays for interval in stay.intervals)
    return (
        list(Who).index(person.who),
        not intervals,
        intervals,
        [(stay.session, stay.intervals) for stay in person.stays],
        list(Rule).index(person.rule),
        sorted(person.known.ids),
        sorted(person.known.addresses),
    )


def _named(people: Iterable[Participant]) -> Iterator[Participant]:
    """Number the people of each sort in the order they came."""
    counts: dict[Who, int] = {}
    for person in people:
        counts[person.who] = counts.get(person.who, 0) + 1
        yield replace(person, name=f"{person.who.value} {counts[person.who]}")
