"""Settings: read once, every fault named at once, secrets kept out of sight."""

from __future__ import annotations

import pytest

from shared.config import Settings
from shared.errors import ConfigError

ENV = {
    "STATE_CONNECTION_STRING": "UseDevelopmentStorage=true;AccountKey=storage-secret",
    "CONNECTOR_CLIENT_ID": "11111111-0000-4000-8000-000000000001",
    "CONNECTOR_CLIENT_SECRET": "client-secret",
    "SIGNING_KEY": "a-master-key-for-tests",
}
"""The least that works."""


def read(**changes: str) -> Settings:
    """The settings of ``ENV`` with *changes*; a blank one is as good as none."""
    return Settings.from_env({**ENV, **changes})


def faults(**changes: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(**changes)
    return str(caught.value)


def test_the_least_that_works_has_the_laws_defaults() -> None:
    settings = read()
    assert settings.state_table_prefix == "connector"
    assert settings.signing_keys == ("a-master-key-for-tests",)
    assert settings.callback_allowed_hosts == ()
    assert settings.graph_base_url == ""
    assert settings.entra_authority_host == ""
    assert settings.public_base_url == ""
    assert settings.deployment_id == ""
    assert settings.work_queue is False


def test_everything_may_be_set() -> None:
    settings = read(
        STATE_CONNECTION_STRING="",
        CONNECTOR_CLIENT_SECRET="",
        STATE_TABLE_ENDPOINT="https://account.table.core.windows.net",
        STATE_TABLE_PREFIX="blue",
        CONNECTOR_IDENTITY_CLIENT_ID="22222222-0000-4000-8000-000000000002",
        SIGNING_KEY=" the-newest-master-key , the-former-master-key ",
        GRAPH_BASE_URL="https://graph.test/v1.0/",
        ENTRA_AUTHORITY_HOST="https://login.test/",
        CALLBACK_ALLOWED_HOSTS="LMS.internal, localhost",
        PUBLIC_BASE_URL="https://connector.example/",
        DEPLOYMENT_ID="blue-1",
        WORK_QUEUE__queueServiceUri="https://account.queue.core.windows.net",
    )
    assert settings.state_table_endpoint == "https://account.table.core.windows.net"
    assert settings.state_table_prefix == "blue"
    assert settings.identity_client_id == "22222222-0000-4000-8000-000000000002"
    assert settings.signing_keys == ("the-newest-master-key", "the-former-master-key")
    assert settings.graph_base_url == "https://graph.test/v1.0", "no slash at the end"
    assert settings.entra_authority_host == "https://login.test"
    assert settings.callback_allowed_hosts == ("lms.internal", "localhost")
    assert settings.public_base_url == "https://connector.example"
    assert settings.deployment_id == "blue-1"
    assert settings.work_queue is True


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param({"STATE_CONNECTION_STRING": ""}, "STATE_TABLE_ENDPOINT", id="no table"),
        pytest.param(
            {"STATE_TABLE_ENDPOINT": "https://a.example"},
            "STATE_CONNECTION_STRING",
            id="two tables",
        ),
        pytest.param({"STATE_TABLE_PREFIX": "my-table"}, "STATE_TABLE_PREFIX", id="a hyphen"),
        pytest.param({"STATE_TABLE_PREFIX": "1table"}, "STATE_TABLE_PREFIX", id="a digit first"),
        pytest.param({"STATE_TABLE_PREFIX": "t" * 42}, "STATE_TABLE_PREFIX", id="a long prefix"),
        pytest.param({"CONNECTOR_CLIENT_ID": " "}, "CONNECTOR_CLIENT_ID", id="a blank client id"),
        pytest.param(
            {"CONNECTOR_CLIENT_SECRET": ""}, "CONNECTOR_IDENTITY_CLIENT_ID", id="no credential"
        ),
        pytest.param({"SIGNING_KEY": ""}, "SIGNING_KEY", id="no master key"),
        pytest.param({"SIGNING_KEY": " , "}, "SIGNING_KEY", id="only commas"),
        pytest.param({"SIGNING_KEY": "k" * 15}, "16", id="a short master key"),
        pytest.param({"SIGNING_KEY": "k" * 16 + ",short"}, "16", id="a short second one"),
        pytest.param(
            {"SIGNING_KEY": "@Microsoft.KeyVault(VaultName=kv;SecretName=signing-key)"},
            "unresolved Key Vault reference",
            id="a reference nobody resolved",
        ),
        pytest.param(
            {"SIGNING_KEY": "@microsoft.keyvault(SecretUri=https://kv.vault.azure.net/secrets/k/)"},
            "unresolved Key Vault reference",
            id="in another spelling",
        ),
        pytest.param({"GRAPH_BASE_URL": "http://graph.test"}, "GRAPH_BASE_URL", id="plain http"),
        pytest.param({"GRAPH_BASE_URL": "graph.test/v1.0"}, "GRAPH_BASE_URL", id="no scheme"),
        pytest.param({"GRAPH_BASE_URL": "https://[::1"}, "GRAPH_BASE_URL", id="not a URL"),
        pytest.param({"GRAPH_BASE_URL": "https:///v1.0"}, "GRAPH_BASE_URL", id="no host"),
        pytest.param(
            {"ENTRA_AUTHORITY_HOST": "http://localhost"}, "ENTRA_AUTHORITY_HOST", id="http to Entra"
        ),
        pytest.param({"PUBLIC_BASE_URL": "http://a.example"}, "PUBLIC_BASE_URL", id="public http"),
        pytest.param(
            {"PUBLIC_BASE_URL": "http://127.0.0.1.a.example"}, "PUBLIC_BASE_URL", id="not loopback"
        ),
        pytest.param({"PUBLIC_BASE_URL": "ftp://localhost"}, "PUBLIC_BASE_URL", id="ftp"),
        pytest.param({"PUBLIC_BASE_URL": "http://[::1"}, "PUBLIC_BASE_URL", id="no URL either"),
        pytest.param({"PUBLIC_BASE_URL": "https://"}, "PUBLIC_BASE_URL", id="no host either"),
        pytest.param({"DEPLOYMENT_ID": "a/b"}, "DEPLOYMENT_ID", id="a slash in the marker's parts"),
        pytest.param({"DEPLOYMENT_ID": "d" * 41}, "DEPLOYMENT_ID", id="a long deployment id"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(changes: dict[str, str], named: str) -> None:
    assert named in faults(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"SIGNING_KEY": "k" * 16}, id="a master key of exactly 16"),
        pytest.param({"STATE_TABLE_PREFIX": "t" * 41}, id="the longest prefix"),
        pytest.param({"DEPLOYMENT_ID": "d" * 40}, id="the longest deployment id"),
        pytest.param({"PUBLIC_BASE_URL": "http://127.0.0.1:7071"}, id="loopback under dev.py"),
        pytest.param({"PUBLIC_BASE_URL": "http://[::1]:7071"}, id="loopback of IPv6"),
        pytest.param({"PUBLIC_BASE_URL": "http://localhost:7071"}, id="localhost"),
        pytest.param({"CONNECTOR_CERTIFICATE_PATH": "/c.pem"}, id="two credentials: the best wins"),
        pytest.param({"AzureWebJobsStorage": "anything"}, id="the host's own are not ours"),
    ],
)
def test_settings_just_within_the_rules_are_taken(changes: dict[str, str]) -> None:
    read(**changes)


CREDENTIALS = [
    "CONNECTOR_IDENTITY_CLIENT_ID",
    "CONNECTOR_CERTIFICATE_PATH",
    "CONNECTOR_CLIENT_SECRET",
]


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_any_one_credential_will_do(credential: str) -> None:
    read(**{**dict.fromkeys(CREDENTIALS, ""), credential: "something"})


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_env({"GRAPH_BASE_URL": "http://x", "DEPLOYMENT_ID": "a b"})
    text = str(caught.value)
    for name in (
        "STATE_TABLE_ENDPOINT",
        "CONNECTOR_CLIENT_ID",
        "CONNECTOR_IDENTITY_CLIENT_ID",
        "SIGNING_KEY",
        "GRAPH_BASE_URL",
        "DEPLOYMENT_ID",
    ):
        assert name in text


def test_a_longest_table_name_is_one_that_azure_takes() -> None:
    name = read(STATE_TABLE_PREFIX="t" * 41).state_table_prefix + "state"
    assert len(name) <= 63


def test_secrets_do_not_show() -> None:
    shown = repr(read()) + str(read())
    for secret in ("storage-secret", "client-secret", "a-master-key-for-tests"):
        assert secret not in shown


def test_a_fault_does_not_show_the_secret_either() -> None:
    assert "tiny-secret" not in faults(SIGNING_KEY="tiny-secret")
