"""Events that are gone: counted first, confirmed, and acted on as far as the brake lets them.

The law, rule 14. A run that sees a part of a tenant only counts; who has seen all, or was told of
these very events, asks the brake.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from shared import brake
from shared.brake import Vanished
from shared.errors import RemoteError
from shared.graph import protocol
from shared.graph.client import Graph
from shared.model import Tenant
from shared.ports import Ports
from shared.reasons import reason_of
from shared.reconcile import Reconciler
from shared.scheduling import problems
from shared.scheduling.views import Unknown
from shared.store import bucket
from shared.work import Work

SECONDS = 30.0


def vanished_in(works: Sequence[Work], now: datetime) -> list[Vanished]:
    """Those of *works* whose events are gone, as the brake counts them."""
    return [
        Vanished(str(work.key), bucket(work.record.saved.owner.key), now)
        for work in works
        if work.vanished
    ]


def count_vanished(
    ports: Ports, tenant: Tenant, reconciler: Reconciler, works: list[Work]
) -> list[Work]:
    """Count events that are gone; where the brake holds already, say so. Returns *works*."""
    found = vanished_in(works, ports.clock())
    if not found:
        return works
    may_go = brake.let_go(brake.count(ports, tenant, found), found)
    return _held(reconciler, works, may_go)


def act_on_vanished(
    ports: Ports, tenant: Tenant, reconciler: Reconciler, works: list[Work]
) -> list[Work]:
    """Act on events that are gone, those that the brake lets through. Returns *works*."""
    gone = [work for work in works if work.vanished]
    if not gone:
        return works
    silent = _in_silent_mailboxes(reconciler.graph, gone)
    allowed = brake.ask(ports, tenant, vanished_in(gone, ports.clock()))
    going = [work for work in gone if work.vanished and str(work.key) in allowed]
    for work in going:
        work.vanished_may_go = True
    works = _taken_further(reconciler, works, [*going, *silent])
    return _held(reconciler, works, allowed)


def is_held(work: Work) -> bool:
    """Whether it is written down that the brake holds this one."""
    return work.record.problem is not None and work.record.problem.code == "braked"


def hold(reconciler: Reconciler, works: Sequence[Work]) -> None:
    """Write down that the brake holds these."""
    now = reconciler.ports.clock()
    for work in works:
        work.record = problems.braked(work.record, now)
    reconciler.settle([work for work in works if work.dirty])


def _held(reconciler: Reconciler, works: list[Work], may_go: set[str]) -> list[Work]:
    """*works*; those that the brake holds count as vanished no more, and are nobody's to see to."""
    staying = [work for work in works if work.vanished and str(work.key) not in may_go]
    hold(reconciler, staying)
    for work in staying:
        work.vanished = False
    return works


def _in_silent_mailboxes(graph: Graph, gone: Sequence[Work]) -> list[Work]:
    """Those of *gone* whose mailbox does not answer otherwise either: they count as not seen."""
    users = list(dict.fromkeys(w.record.booking.organizer for w in gone if w.record.booking))
    requests = [protocol.read_providers(user) for user in users]
    answers = dict(zip(users, graph.run(requests, SECONDS) if requests else [], strict=True))
    silent = []
    for work in gone:
        answer = answers[work.record.booking.organizer] if work.record.booking else None
        if isinstance(answer, RemoteError):
            work.view, work.vanished = Unknown(reason_of(answer)[0]), False
            silent.append(work)
    return silent


def _taken_further(reconciler: Reconciler, works: list[Work], some: Sequence[Work]) -> list[Work]:
    """*works*, with *some* of them settled once more."""
    done = reconciler.settle(some)
    taken = {id(work) for work in [*some, *done]}
    return [*(work for work in works if id(work) not in taken), *done]
