"""What is made of pip-audit's answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.local import audit

CLEAN = {"name": "idna", "version": "3.20", "vulns": []}
WEAK = {
    "name": "requests",
    "version": "2.0.0",
    "vulns": [
        {"id": "PYSEC-2099-1", "fix_versions": ["2.0.1", "3.0"]},
        {"id": "PYSEC-2099-2", "fix_versions": []},
    ],
}
UNKNOWN = {"name": "yarl", "skip_reason": "not found"}


def answer(*dependencies: object) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


def test_nothing_known() -> None:
    assert audit.judged(answer(CLEAN)) == ([], "")


def test_every_known_weakness_is_named_with_what_mends_it() -> None:
    faults, unchecked = audit.judged(answer(CLEAN, WEAK))
    assert faults == [
        "requests 2.0.0: PYSEC-2099-1, mended in 2.0.1, 3.0",
        "requests 2.0.0: PYSEC-2099-2, mended in no version yet",
    ]
    assert unchecked == ""


def test_what_could_not_be_looked_up_is_named_beside_it() -> None:
    assert audit.judged(answer(CLEAN, UNKNOWN)) == ([], "yarl")
    faults, unchecked = audit.judged(answer(WEAK, UNKNOWN))
    assert len(faults) == 2
    assert unchecked == "yarl"


@pytest.mark.parametrize("output", ["", "Traceback", "[]", "{}", "null", answer(UNKNOWN)])
def test_no_answer_is_not_a_clean_one(output: str) -> None:
    faults, unchecked = audit.judged(output)
    assert faults == []
    assert unchecked.startswith("all of it")


@pytest.mark.parametrize(
    ("told", "status", "line"),
    [
        (answer(CLEAN), 0, "no known weakness"),
        (answer(WEAK), 1, "PYSEC-2099-1"),
        ("", 0, "NOTICE: not checked"),
    ],
)
def test_only_a_known_weakness_fails_the_check(
    told: str,
    status: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(audit, "auditor", lambda: Path("pip-audit"))
    monkeypatch.setattr(audit, "_told_by", lambda program: told)
    assert audit.main() == status
    assert line in capsys.readouterr().out


def test_a_program_that_does_not_start_is_an_answer_that_did_not_come(tmp_path: Path) -> None:
    assert audit._told_by(tmp_path / "absent") == ""
