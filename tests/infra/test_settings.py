"""One list of settings: template, code, triggers, example and README say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.infra.compiler import ROOT, Deployment
from tests.infra.test_deployment import sources

# Read by the Functions host, its worker or a library, not by the connector.
FOR_THE_HOST = re.compile(
    r"AzureWebJobsStorage(__\w+)?|APPLICATIONINSIGHTS_\w+|FUNCTIONS_WORKER_RUNTIME"
    r"|PYTHON_THREADPOOL_THREAD_COUNT|WORK_QUEUE__(credential|clientId)|REQUESTS_CA_BUNDLE"
)

# Settings that Azure does not need, each with what takes its place there.
NOT_IN_AZURE = {
    "STATE_CONNECTION_STRING",  # STATE_TABLE_ENDPOINT and the identity
    "CONNECTOR_CERTIFICATE_PATH",  # CONNECTOR_IDENTITY_CLIENT_ID
    "CONNECTOR_CLIENT_SECRET",  # the same
    "GRAPH_BASE_URL",  # the tenant's own cloud
    "ENTRA_AUTHORITY_HOST",  # the same
}

# And what a laptop does not have.
NOT_ON_A_LAPTOP = {
    "STATE_TABLE_ENDPOINT",  # STATE_CONNECTION_STRING
    "CONNECTOR_IDENTITY_CLIENT_ID",  # CONNECTOR_CLIENT_SECRET
    "CONNECTOR_CERTIFICATE_PATH",  # the same
    "DEPLOYMENT_ID",  # made once, and stored
    "WORK_QUEUE__queueServiceUri",  # without a queue the timers do the pieces themselves
}


def ours(names: set[str]) -> set[str]:
    """Without those that others read."""
    return {name for name in names if not FOR_THE_HOST.fullmatch(name)}


def in_readme() -> set[str]:
    """The names in the first column of the README's table of settings."""
    names: set[str] = set()
    rows = iter((ROOT / "README.md").read_text("utf-8").splitlines())
    for row in rows:
        if re.match(r"\|\s*setting\s*\|", row, re.IGNORECASE):
            break
    for row in rows:
        if not row.startswith("|"):
            break
        names |= set(re.findall(r"`([A-Z][A-Za-z_]+)`", row.split("|")[1]))
    return names


def in_code() -> set[str]:
    """Names that shared/config.py reads, and those the triggers have the host read."""
    config = (ROOT / "shared" / "config.py").read_text("utf-8")
    return set(re.findall(r'"([A-Z][A-Z]*_[A-Za-z_]+)"', config)) | in_triggers()


def in_triggers() -> set[str]:
    return {
        name
        for path in sources()
        for name in re.findall(r'"%([A-Z][A-Za-z_]+)%"', path.read_text("utf-8"))
    }


def in_example() -> dict[str, str]:
    values: dict[str, str] = json.loads((ROOT / "local.settings.example.json").read_text("utf-8"))[
        "Values"
    ]
    return values


def test_the_readme_lists_what_the_code_reads() -> None:
    """No setting without a word about it, and no word about one that nobody reads."""
    assert in_readme() == in_code()


def test_schedules_come_from_settings() -> None:
    """Each timer's, so that a deployment can choose its hours."""
    assert in_triggers() == {"SCHEDULE_CRON", "CATCH_UP_CRON", "ATTENDANCE_CRON"}


def test_the_template_sets_all_of_them_but_those_azure_does_not_need(
    settings: dict[str, str],
) -> None:
    """And none besides; the host stops at a %NAME% that is not there."""
    assert ours(set(settings)) == in_code() - NOT_IN_AZURE
    assert in_triggers() <= set(settings)


def test_the_example_sets_all_of_them_but_those_a_laptop_does_not_need() -> None:
    """And none besides."""
    assert ours(set(in_example())) == in_code() - NOT_ON_A_LAPTOP


def test_the_schedules_are_the_same_everywhere(settings: dict[str, str]) -> None:
    """What runs on the laptop runs in Azure."""
    example = in_example()
    for name in in_triggers():
        assert settings[name] == example[name]


def test_the_queue_triggers_connection_is_set(settings: dict[str, str]) -> None:
    """The host makes <connection>__queueServiceUri of a trigger's connection."""
    connections = {
        name
        for path in sources()
        for name in re.findall(r'connection="(\w+)"', path.read_text("utf-8"))
    }
    assert connections == {"WORK_QUEUE"}
    assert {f"{name}__queueServiceUri" for name in connections} <= set(settings)


def test_the_packages_settings_need_no_key(settings: dict[str, str]) -> None:
    """The public address is the app's own name unless another is given."""
    assert "defaultHostName" in settings["PUBLIC_BASE_URL"]
    assert settings["STATE_TABLE_PREFIX"] == "connector"


def test_the_state_table_is_the_one_the_code_opens(deployment: Deployment) -> None:
    """Its name is the prefix and `state`, in the template as in the code."""
    [table] = deployment.of("Microsoft.Storage/storageAccounts/tableServices/tables")
    assert table["name"].endswith("/connectorstate")
    texts = [path.read_text("utf-8") for path in sources()]
    assert any(re.search(r"""prefix\}?\s*(\+\s*["'])?state["']""", text) for text in texts)


def test_alerts_see_every_event() -> None:
    """host.json keeps traces out of sampling: an alert that counts events must not miss one."""
    logging = json.loads(Path(ROOT / "host.json").read_text("utf-8"))["logging"]
    sampling = logging["applicationInsights"]["samplingSettings"]
    excluded = sampling.get("excludedTypes", "").split(";")
    assert sampling["isEnabled"] is False or "Trace" in excluded
