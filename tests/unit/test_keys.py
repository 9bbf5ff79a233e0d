"""Any LMS id as a key that Azure takes, and never the same key for two ids."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.keys import component_key, partition, person_key, stamp
from shared.model import ComponentId, TenantId
from tests.build import NOW, at

unhurried = settings(deadline=None)
"""Machines are busy at times."""

# https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
REFUSED_BY_AZURE = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")
MOST = 400

ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)


def key(text: str) -> str:
    return component_key(ComponentId(text))


def units(text: str) -> int:
    """The length of *text* as Azure counts it."""
    return len(text.encode("utf-16-le")) // 2


@unhurried
@given(ids)
@example("/\\#?")
@example("a|b~c'd")
@example("\U0001f600" * 200)
@example("\x00\x7f\x85\n")
@example(" ")
@example(".")
def test_azure_takes_the_key_of_any_id(text: str) -> None:
    found = key(text)
    assert 0 < units(found) <= MOST
    assert not REFUSED_BY_AZURE.search(found)
    assert "|" not in found, "it parts our row keys"
    assert "'" not in found, "it ends a string in a filter"
    assert max(found) < "\x7f", "ranges of rows end there"


def near(text: str) -> list[str]:
    """Ids that a careless key would take for *text*."""
    return [
        text + " ",
        text + "~",
        text.lower(),
        text.upper(),
        text.replace("/", "~2f"),
        text.replace("~", "~7e"),
        text.encode("utf-8").decode("latin-1"),
        text.encode("utf-8").hex(),
        key(text),
        hashlib.sha256(text.encode()).hexdigest(),
    ]


@unhurried
@given(ids, ids)
def test_two_ids_never_share_a_key(one: str, other: str) -> None:
    for text in [other, *near(one)]:
        assert (key(one) == key(text)) == (one == text)


@unhurried
@given(ids)
def test_a_key_is_always_the_same(text: str) -> None:
    assert key(text) == key(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("C-1042", "C-1042", id="plain ones stay readable"),
        pytest.param("a/b", "a~2fb", id="a slash"),
        pytest.param("a|b", "a~7cb", id="our own separator"),
        pytest.param("a~2fb", "a~7e2fb", id="what looks like an escape"),
        pytest.param("é", "~c3~a9", id="beyond ASCII"),
        pytest.param("50%", "50~25", id="a percent sign, which some clients decode"),
    ],
)
def test_unsafe_characters_are_escaped(text: str, expected: str) -> None:
    assert key(text) == expected


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        pytest.param("/" * 133, False, id="399 units"),
        pytest.param("/" * 133 + "a", False, id="exactly 400"),
        pytest.param("/" * 133 + "ab", True, id="401"),
        pytest.param("/" * 200, True, id="the longest of the plainest"),
        pytest.param("\U0001f600" * 200, True, id="the longest there is"),
        pytest.param("a" * 200, False, id="200 safe characters"),
    ],
)
def test_a_key_over_400_units_is_a_hash(text: str, hashed: bool) -> None:
    found = key(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert (digest in found) is hashed
    assert units(found) <= MOST


@pytest.mark.parametrize("text", ["a@b", "review of learner@work.example, 30 April"])
def test_no_key_tells_an_address(text: str) -> None:
    assert "@" not in key(text)
    assert key(text) != key(text + "!")


@pytest.mark.parametrize("text", ["@1042", "1042@", "a @ b"])
def test_an_at_sign_alone_is_no_address(text: str) -> None:
    assert "@" in key(text)


def test_long_ids_that_differ_in_their_last_character_have_two_keys() -> None:
    assert key("/" * 199 + "a") != key("/" * 199 + "b")


def test_an_id_that_is_written_like_a_hash_meets_none() -> None:
    long = "/" * 200
    assert key(key(long)) != key(long)


# -- people and times ----------------------------------------------------------------------


def test_a_persons_key_folds_the_address_and_tells_nothing() -> None:
    tenant = TenantId("northern")
    one = person_key("salt", tenant, "Learner@Work.example")
    assert one == person_key("salt", tenant, " learner@work.example ")
    assert "learner" not in one
    assert one != person_key("salt", TenantId("southern"), "learner@work.example")
    assert one != person_key("pepper", tenant, "learner@work.example")
    assert one != person_key("salt", tenant, "other@work.example")


@unhurried
@given(st.timedeltas(timedelta(days=-9000), timedelta(days=9000)))
def test_stamps_sort_as_the_instants_do(apart: timedelta) -> None:
    later = NOW + apart
    if abs(apart) >= timedelta(seconds=1):
        assert (stamp(NOW) < stamp(later)) == (later > NOW)


def test_a_stamp_is_in_utc() -> None:
    assert stamp(at("2026-04-30T09:00+01:00")) == "20260430T080000Z"


def test_each_tenant_has_a_partition_of_its_own() -> None:
    assert partition(TenantId("a")) != partition(TenantId("b"))
