"""What of a log record reaches Application Insights, and whose invocation it is told as."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from shared.each import each_tenant
from shared.errors import RemoteError, Unavailable
from shared.model import TenantId
from shared.telemetry import (
    Crashed,
    EventFormatter,
    bound,
    carried,
    inherited,
    prepare,
    wordless,
)
from tests.build import a_tenant

OURS = logging.getLogger("shared.sweep_of_tests")
QUERY = re.compile(r"\{.*\}$")
"""As ``rowsOf`` in infra/events.bicep takes the fields out of a message."""


class Host(logging.Handler):
    """As the Functions worker hands records over: their text, and by whose thread."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str | None, str]] = []
        self.local = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        invocation = getattr(self.local, "invocation_id", None)
        self.told.append((invocation, self.format(record)))

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.told]

    def context(self, invocation: str) -> Any:
        return SimpleNamespace(thread_local_storage=self.local, invocation_id=invocation)


@pytest.fixture
def host() -> Iterator[Host]:
    root, handler = logging.getLogger(), Host()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    prepare()
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


def read(text: str) -> tuple[str, dict[str, Any]]:
    """A message as the alerts read it: its event's name, and its fields."""
    found = QUERY.search(text)
    assert found
    return text[: found.start()].rstrip(), json.loads(found[0])


# -- fields --------------------------------------------------------------------------------


def test_an_event_carries_its_fields_in_its_text(host: Host) -> None:
    OURS.warning("component.failed", extra={"tenant": "northern", "why": None, "age_hours": 6.5})
    assert host.texts == ['component.failed {"tenant": "northern", "why": null, "age_hours": 6.5}']
    name, fields = read(host.texts[0])
    assert name == "component.failed"
    assert fields == {"tenant": "northern", "why": None, "age_hours": 6.5}


def test_an_event_without_fields_is_its_name_alone(host: Host) -> None:
    OURS.info("table.exists")
    assert host.texts == ["table.exists"]


def test_counts_stay_counts_and_other_values_become_texts(host: Host) -> None:
    counts = {"made": 2, "left": [1]}
    OURS.info("run.finished", extra={"counts": counts, "tenant": TenantId("x"), "of": {1}})
    assert read(host.texts[0])[1] == {
        "counts": {"made": 2, "left": "[1]"},
        "tenant": "x",
        "of": "{1}",
    }


def test_an_address_does_not_get_through(host: Host) -> None:
    """Nobody should log one; should it happen, nobody reads it."""
    OURS.info("x.y", extra={"why": "No mailbox for Zoë.L@work.example here", "deep": {"a": "b@c"}})
    assert read(host.texts[0])[1] == {
        "why": "No mailbox for (address) here",
        "deep": {"a": "(address)"},
    }


def test_a_long_value_is_cut(host: Host) -> None:
    OURS.info("x.y", extra={"why": "w" * 5000})
    assert len(host.texts[0]) < 600


def test_the_fields_of_a_crash_come_after_its_traceback(host: Host) -> None:
    try:
        raise ValueError("of no use")
    except ValueError:
        OURS.exception("tenant_run.crashed", extra={"tenant": "northern"})
    text = host.texts[0]
    assert text.startswith("tenant_run.crashed\nTraceback")
    assert read(text)[1] == {"tenant": "northern"}


def test_what_libraries_log_stays_as_it_is(host: Host) -> None:
    logging.getLogger("somebody").warning("took %s", "long", extra={"secret": "x"})
    assert host.texts == ["took long"]


def test_libraries_are_heard_when_something_is_wrong_only(host: Host) -> None:
    for name in ("azure.core.pipeline", "msal.application", "urllib3.connectionpool"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO), "no record is even made"
        logging.getLogger(name).info("GET /?sig=secret")
        logging.getLogger(name).warning("retrying")
    assert host.texts == ["retrying"] * 3


def test_and_then_say_what_went_wrong_without_the_data(host: Host) -> None:
    """A token that is no JSON is logged whole by msal, addresses and headers by urllib3."""
    library = logging.getLogger("msal.oauth2cli.oauth2")
    library.setLevel(logging.DEBUG)  # however a host may set it
    try:
        try:
            raise ValueError("eyJ.token")
        except ValueError:
            library.exception("Token response is not in json format: %s", "eyJ.token")
        library.info("got %s", "eyJ.token")
    finally:
        library.setLevel(logging.NOTSET)
    (text,) = host.texts
    assert text.startswith("Token response is not in json format: %s\nTraceback")
    assert text.endswith("Crashed: ValueError")


def test_a_handler_with_a_form_of_its_own_keeps_it() -> None:
    root, form = logging.getLogger(), logging.Formatter("%(message)s")
    own, other = logging.NullHandler(), Host()
    own.setFormatter(form)
    for handler in (own, other):
        root.addHandler(handler)
    try:
        prepare()
        prepare()
        assert own.formatter is form
        assert isinstance(other.formatter, EventFormatter)
    finally:
        for handler in (own, other):
            root.removeHandler(handler)


# -- errors that nobody foresaw -------------------------------------------------------------


SOMEBODY = "L. Earner"


def fail_unforeseen() -> dict[str, Any]:
    try:
        nobody: dict[str, Any] = {}
        return {"of": nobody[SOMEBODY]}
    except KeyError as error:
        raise ValueError(SOMEBODY) from error


def test_a_crash_tells_its_kind_and_place_and_none_of_its_words(host: Host) -> None:
    each_tenant(set(), "test", [a_tenant(id=TenantId("a"))], lambda tenant: fail_unforeseen(), 10)
    (text,) = host.texts
    assert "Crashed: ValueError from KeyError" in text
    assert "in fail_unforeseen" in text
    assert SOMEBODY not in text


def test_what_leaves_a_function_has_no_words_either() -> None:
    with pytest.raises(Crashed) as caught, wordless():
        fail_unforeseen()
    assert str(caught.value) == "ValueError from KeyError"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert caught.traceback[-1].name == "fail_unforeseen"


def test_what_another_system_says_is_no_part_of_what_an_error_prints_as() -> None:
    said = f"No mailbox for {SOMEBODY}"
    error = RemoteError("graph", "ErrorItemNotFound", said, "r-1")
    assert str(error) == "graph: ErrorItemNotFound (request-id r-1)"
    assert said not in repr(error)
    assert error.message == said


@pytest.mark.parametrize("code", [SOMEBODY, "l.earner@work.example", "", "x" * 101, "a\nb"])
def test_what_is_no_code_is_not_taken_for_one(code: str) -> None:
    error = RemoteError("graph", code, request_id=code)
    assert (error.code, error.request_id) == ("unclear", "")


def test_an_error_raised_on_purpose_keeps_its_words() -> None:
    with pytest.raises(Unavailable, match="no table"), wordless():
        raise Unavailable("no table")


# -- whose invocation ----------------------------------------------------------------------


def test_a_thread_of_a_run_logs_for_its_invocation_and_tenant(host: Host) -> None:
    def work(_tenant: Any) -> dict[str, Any]:
        OURS.info("piece.done", extra={"n": 1})
        return {}

    tenants = [a_tenant(id=TenantId(name)) for name in ("a", "b")]
    each_tenant(set(), "test", tenants, work, 10, carried(host.context("i-1")))
    assert sorted(host.told) == [
        ("i-1", 'piece.done {"tenant": "a", "n": 1}'),
        ("i-1", 'piece.done {"tenant": "b", "n": 1}'),
    ]


def test_so_do_the_threads_that_it_starts(host: Host) -> None:
    """As when events go out to an LMS several at a time."""

    def work(_tenant: Any) -> dict[str, Any]:
        with ThreadPoolExecutor(2, "lanes", inherited()) as pool:
            list(pool.map(lambda n: OURS.info("lane.done", extra={"n": n}), range(4)))
        return {}

    each_tenant(set(), "test", [a_tenant(id=TenantId("a"))], work, 10, carried(host.context("i-2")))
    assert sorted(host.told) == [
        ("i-2", f'lane.done {{"tenant": "a", "n": {n}}}') for n in range(4)
    ]


def test_without_a_context_work_is_only_done(host: Host) -> None:
    assert carried(None)(lambda: 5)() == 5
    inherited()()
    OURS.info("x.y")
    assert host.told == [(None, "x.y")]


def test_what_a_record_says_itself_goes_before_what_is_bound(host: Host) -> None:
    with bound(tenant="outer", run="sweep"), bound(run="night"):
        OURS.info("x.y", extra={"tenant": "own"})
    OURS.info("x.z")
    assert host.texts == ['x.y {"tenant": "own", "run": "night"}', "x.z"]
