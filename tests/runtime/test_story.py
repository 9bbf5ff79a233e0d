"""The story that ``dev.py run`` tells is true."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.flows.needles import Needles
from tests.local import story
from tests.local.azurite import ACCOUNT_KEY
from tests.local.world import SIGNING_KEY, World


def test_the_story_is_told_to_its_end_and_nobodys_data_are_in_the_hosts_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    needles, logs = Needles(), []

    class Heard(World):
        @contextlib.contextmanager
        def running(self) -> Iterator[World]:
            with super().running() as world:
                yield world
                logs.append(world.host.log_text())
                facts = world.simulators.facts
                needles.add("secret", SIGNING_KEY, ACCOUNT_KEY, facts["clientSecret"])

    monkeypatch.setattr(story, "World", Heard)
    assert story.main(["--once"]) == 0
    told = capsys.readouterr().out
    assert "30 Apr 09:00 in Europe/London" in told
    assert "task moved to 30 Apr 10:00" in told
    assert "task is cancelled" in told
    assert "“Data ethics workshop hours verified” 0:50" in told
    assert "“Statistics tutorial hours verified” 1:00" in told
    assert "no hours (learner_absent)" in told
    needles.add("people", *story.TUTOR.values(), *story.LEARNER.values())
    needles.add("names", "Data ethics workshop", "Statistics tutorial")
    assert "tenant_night.finished" in logs[0]
    assert needles.found_in(told, *logs) == {"people", "names"}
    assert needles.found_in(*logs) == set()
