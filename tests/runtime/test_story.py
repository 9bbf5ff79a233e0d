"""The story that ``dev.py run`` tells is true."""

from __future__ import annotations

import pytest

from tests.local.story import main


def test_the_story_is_told_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--once"]) == 0
    told = capsys.readouterr().out
    assert "30 Apr 09:00 in Europe/London" in told
    assert "task moved to 30 Apr 10:00" in told
    assert "task is cancelled" in told
    assert "“Data ethics workshop hours verified” 0:50" in told
    assert "“Statistics tutorial hours verified” 1:00" in told
    assert "no hours (learner_absent)" in told
