"""A piece goes in turns: each component once, and no mailbox's all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from schedule_timer.turns import TURN, settle_and_tell, turns
from shared.errors import Unavailable
from shared.graph.client import PER_MAILBOX
from shared.model import Person
from shared.work import Work
from tests.build import a_record, a_snapshot


def works(*per_owner: int) -> list[Work]:
    """So many components of each owner, one owner's after another's."""
    return [
        Work(None, a_record(a_snapshot(id=f"C-{o}-{n}", owner=Person(f"tutor{o}@x.example", ""))))
        for o, count in enumerate(per_owner)
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("per_owner", "sizes"),
    [
        pytest.param((), [], id="nothing"),
        pytest.param((1,), [1], id="one"),
        pytest.param((TURN - 1,), [TURN - 1], id="one less than a turn"),
        pytest.param((TURN,), [TURN], id="a turn"),
        pytest.param((TURN + 1,), [TURN, 1], id="one more than a turn"),
        pytest.param((10,) * 20, [60, 60, 60, 20], id="twenty owners of ten"),
    ],
)
def test_each_component_has_one_turn(per_owner: tuple[int, ...], sizes: list[int]) -> None:
    given = works(*per_owner)
    taken = list(turns(given))
    assert [len(some) for some in taken] == sizes
    assert sorted(id(work) for some in taken for work in some) == sorted(map(id, given))


def test_no_turn_waits_for_a_mailbox_while_others_have_something_to_do() -> None:
    for some in turns(works(*(10,) * 20)):
        met = Counter(work.record.saved.owner.key for work in some)
        assert max(met.values()) <= PER_MAILBOX


def test_of_one_owner_the_order_stays() -> None:
    given = works(3, 1, 2)
    (taken,) = turns(given)
    assert [work.key for work in taken if "C-0-" in str(work.key)] == ["C-0-0", "C-0-1", "C-0-2"]


def test_a_turn_that_fails_holds_up_no_other_and_is_not_hidden() -> None:
    given = works(*(10,) * 20)
    first, *others = turns(given)
    told: list[Work] = []

    def settle(some: Sequence[Work]) -> list[Work]:
        if some[0] is first[0]:
            raise Unavailable("the state table does not answer")
        return list(some)

    with pytest.raises(Unavailable):
        settle_and_tell(given, settle, told.extend)
    assert sorted(map(id, told)) == sorted(id(work) for some in others for work in some)


def test_what_telling_raises_is_raised() -> None:
    def tell(_: Sequence[Work]) -> None:
        raise Unavailable("the state table does not answer")

    with pytest.raises(Unavailable):
        settle_and_tell(works(1), list, tell)


def test_all_are_settled_and_told_once() -> None:
    given, told = works(*(10,) * 20), list[Work]()
    settled = settle_and_tell(given, list, told.extend)
    assert sorted(map(id, settled)) == sorted(map(id, told)) == sorted(map(id, given))
