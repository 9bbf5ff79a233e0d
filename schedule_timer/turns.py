"""A piece of a sweep goes in turns, so that nothing waits that need not.

While Graph works on one turn's components the next one's are claimed, and what the last one came to
is told: Graph, the table and the LMS are each somewhere else, and none of them has to be idle for
another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from operator import itemgetter

from shared.telemetry import inherited
from shared.work import Work

TURN = 60
"""Components: three full batches to Graph, and full groups of rows."""
AT_ONCE = 2


def settle_and_tell(
    works: Sequence[Work],
    settle: Callable[[Sequence[Work]], list[Work]],
    tell: Callable[[Sequence[Work]], None],
) -> list[Work]:
    """*works*, each settled and told. Settled are ``AT_ONCE`` turns, told is one after another.

    A turn that fails holds up no other; what it raised is raised when they are done.
    """
    telling: list[Future[None]] = []
    with (
        ThreadPoolExecutor(1, "tell", initializer=inherited()) as teller,
        ThreadPoolExecutor(AT_ONCE, "settle", initializer=inherited()) as settler,
    ):

        def take(some: list[Work]) -> list[Work]:
            settled = settle(some)
            telling.append(teller.submit(tell, settled))
            return settled

        taken = [settler.submit(take, some) for some in turns(works)]
    done = [work for turn in taken for work in turn.result()]
    for one in telling:
        one.result()
    return done


def turns(works: Sequence[Work]) -> Iterator[list[Work]]:
    """*works*, ``TURN`` at a time, each owner's spread over them: a mailbox takes few at once."""
    met: Counter[str] = Counter()
    ranked: list[tuple[int, Work]] = []
    for work in works:
        owner = work.record.saved.owner.key
        ranked.append((met[owner], work))
        met[owner] += 1
    spread = [work for _, work in sorted(ranked, key=itemgetter(0))]
    return (spread[at : at + TURN] for at in range(0, len(spread), TURN))
