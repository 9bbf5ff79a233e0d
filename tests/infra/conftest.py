"""The compiler and what it makes of the templates, once for all tests; and a notice without it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.infra import compiler, judges
from tests.infra.compiler import Bicep, Deployment

# Values that are recognised again in what comes out.
CLIENT_ID = "44444444-4444-4444-4444-444444444444"
PRINCIPAL_ID = "33333333-3333-3333-3333-333333333333"
SIGNING_KEY = "a-signing-key-that-must-show-up-nowhere"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it where it is seen: a skipped test is one letter among hundreds."""
    for what, consequence in judges.absent().items():
        terminalreporter.section(f"NOTICE: {what}", yellow=True, bold=True)
        terminalreporter.line(consequence)


@pytest.fixture(scope="session")
def bicep(tmp_path_factory: pytest.TempPathFactory) -> Bicep:
    """The compiler; skips the test where there is none."""
    program = compiler.find()
    if program is None:
        pytest.skip("no Bicep compiler: see the notice")
    return Bicep(program, tmp_path_factory.mktemp("bicep") / "infra")


@pytest.fixture(scope="session")
def templates(bicep: Bicep) -> dict[str, dict[str, Any]]:
    """Every .bicep file as the JSON template it compiles to, by its path in infra/."""
    complaints = bicep.complaints("build", "--pattern", "**/*.bicep")
    if "BCP192" in complaints:  # an artifact that could not be fetched
        pytest.skip(
            f"Microsoft Graph's types are neither beside the repository nor online:\n{complaints}"
        )
    assert not complaints, complaints
    return {
        str(path.relative_to(bicep.folder).as_posix()): json.loads(
            path.with_suffix(".json").read_text("utf-8")
        )
        for path in sorted(bicep.folder.rglob("*.bicep"))
    }


@pytest.fixture(scope="session")
def deployment(bicep: Bicep) -> Deployment:
    """The connector as deployed for the first time, defaults otherwise."""
    return bicep.resolve(
        "main",
        CONNECTOR_CLIENT_ID=CLIENT_ID,
        CONNECTOR_SIGNING_KEY=SIGNING_KEY,
        CONNECTOR_ALERT_EMAILS="it@college.example,ops@college.example",
    )


@pytest.fixture(scope="session")
def private_deployment(bicep: Bicep) -> Deployment:
    """The connector with private networking."""
    return bicep.resolve("main", CONNECTOR_CLIENT_ID=CLIENT_ID, CONNECTOR_PRIVATE_NETWORKING="true")


@pytest.fixture(scope="session")
def settings(deployment: Deployment) -> dict[str, str]:
    """The app settings."""
    properties: dict[str, str] = deployment.one("Microsoft.Web/sites/config")["properties"]
    return properties
