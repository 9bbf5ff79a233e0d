"""Whose invocation a record is told as, by Microsoft's own runtime: from our threads too."""

from __future__ import annotations

import re
from pathlib import Path

import requests

from tests.local.azurite import Azurite
from tests.local.hosting import LocalHost

SETTINGS = {
    "STATE_TABLE_PREFIX": "log",
    "CONNECTOR_CLIENT_ID": "c0000000-0000-4000-8000-000000000001",
    "CONNECTOR_CLIENT_SECRET": "a-secret",
    "SIGNING_KEY": "a-signing-key-for-tests-only",
    "SCHEDULE_CRON": "0 0 */3 * * *",
    "CATCH_UP_CRON": "0 * * * * *",
    "ATTENDANCE_CRON": "0 30 2 * * *",
    "PUBLIC_BASE_URL": "",
    "WORK_QUEUE__queueServiceUri": "",
}


def test_what_a_tenants_thread_logs_belongs_to_the_timers_run(
    azurite_server: Azurite, tmp_path: Path
) -> None:
    env = {**SETTINGS, "STATE_CONNECTION_STRING": azurite_server.connection_string}
    with LocalHost(env, log=tmp_path / "host.log").running() as host:
        for tenant in ("northern", "southern"):
            body = {
                "name": tenant,
                "entraTenantId": "8f0c0000-0000-4000-8000-000000000001",
                "timeZone": "Europe/London",
                "callbackUrl": "https://lms.example/hooks",
            }
            answer = requests.put(f"{host.url}/api/tenants/{tenant}", json=body, timeout=20)
            assert answer.status_code == 201, answer.text
        host.run("schedule_timer")
        log = host.log_text()
    told = re.findall(
        r"INFO (\S+) (\S+) [\w.]+: tenant_sweep\.finished (\{.*\})$", log, re.MULTILINE
    )
    assert {function for function, _, _ in told} == {"schedule_timer"}
    assert len({invocation for _, invocation, _ in told}) == 1
    assert sorted(re.findall(r'"tenant": "(\w+)"', " ".join(f for _, _, f in told))) == [
        "northern",
        "southern",
    ]
