"""The ways the connector proves who it is, over https against the stand-ins.

To Entra by secret, certificate or federated managed identity, through msal as it is shipped; to
Table Storage by managed identity, through azure-identity, against Microsoft's emulator.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.data.tables import TableServiceClient
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from shared.errors import Broken, ConfigError, NotAllowed, RemoteError, Stale, Unavailable
from shared.graph.client import Graph, MailboxLimits
from shared.graph.protocol import read_user
from shared.graph.tokens import Tokens
from shared.http import sender
from shared.reasons import REASONS, reason_of
from shared.table import Insert, Replace, Row, open_table
from tests.flows.world import settings
from tests.local.azurite import Azurite
from tests.simulators import Simulators
from tests.simulators.aadsts import ERRORS

CUSTOMER = "8f0c0000-0000-4000-8000-000000000001"
OTHER = "8f0c0000-0000-4000-8000-000000000002"
TUTOR = "tutor@college.example"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    with Simulators(tmp_path_factory.mktemp("simulators")) as simulators:
        for tenant in (CUSTOMER, OTHER):
            simulators.add_tenant(tenant)
        simulators.graph.add_user(CUSTOMER, TUTOR)
        yield simulators


@pytest.fixture
def simulators(served: Simulators, monkeypatch: pytest.MonkeyPatch) -> Simulators:
    """The stand-ins, with this process pointed at them as a deployment would be."""
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, served.environment()[name])
    served.entra.faults.clear()
    served.entra.requests.clear()
    for tenant in served.entra.tenants.values():
        tenant.error = None
    for tenant_id in (CUSTOMER, OTHER):
        served.entra.consent(tenant_id, served.credentials.client_id)
    return served


def tokens(simulators: Simulators, **credential: str) -> Tokens:
    """What a process with this credential gets its tokens from."""
    environment = simulators.environment()
    names = ("GRAPH_BASE_URL", "ENTRA_AUTHORITY_HOST", "CONNECTOR_CLIENT_ID")
    fallback = {"CONNECTOR_CLIENT_SECRET": ""} if credential else {}
    secret = {} if credential else {"CONNECTOR_CLIENT_SECRET": simulators.credentials.client_secret}
    given = {name: environment[name] for name in names}
    return Tokens(settings(**{**given, **fallback, **secret, **credential}))


def graph_of(simulators: Simulators, source: Tokens) -> Graph:
    def token(fresh: bool) -> str:
        return source.get(CUSTOMER, "global", fresh=fresh)

    return Graph(sender("graph"), simulators.graph_url, token, MailboxLimits())


def ways(simulators: Simulators) -> list[str]:
    """How the app proved itself at the token endpoint, request by request."""
    return [request.how for request in simulators.entra.requests if request.how != "identity"]


# -- the three ways ------------------------------------------------------------------------


def certificate(folder: Path, simulators: Simulators) -> tuple[Path, Path]:
    """A certificate that the registration trusts, as PEM and as PFX, each with its key."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "connector")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, SHA256())
    )
    public = made.public_bytes(Encoding.PEM)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem, pfx = folder / "connector.pem", folder / "connector.pfx"
    pem.write_bytes(private + public)
    pfx.write_bytes(pkcs12.serialize_key_and_certificates(b"c", key, made, None, NoEncryption()))
    app = simulators.entra.apps[simulators.credentials.client_id]
    app.certificates = [x509.load_pem_x509_certificate(public)]
    return pem, pfx


def test_a_secret_opens_graph(simulators: Simulators) -> None:
    source = tokens(simulators)
    found = graph_of(simulators, source).one(read_user(TUTOR), 10)
    assert found["userPrincipalName"] == TUTOR
    assert ways(simulators) == ["secret"]


@pytest.mark.parametrize("kind", [0, 1], ids=["PEM", "PFX"])
def test_a_certificate_opens_graph(simulators: Simulators, tmp_path: Path, kind: int) -> None:
    path = certificate(tmp_path, simulators)[kind]
    source = tokens(simulators, CONNECTOR_CERTIFICATE_PATH=str(path))
    assert graph_of(simulators, source).one(read_user(TUTOR), 10)["mail"] == TUTOR
    assert ways(simulators) == ["certificate"]


def test_a_certificate_nobody_registered_does_not(simulators: Simulators, tmp_path: Path) -> None:
    pem, _ = certificate(tmp_path, simulators)
    simulators.entra.apps[simulators.credentials.client_id].certificates = []
    with pytest.raises(NotAllowed) as caught:
        tokens(simulators, CONNECTOR_CERTIFICATE_PATH=str(pem)).get(CUSTOMER, "global")
    assert reason_of(caught.value) == ("credential_rejected", True)


@pytest.mark.parametrize("content", [None, b"no certificate", b"\xff\xfe"])
def test_a_certificate_that_cannot_be_read_says_so(
    simulators: Simulators, tmp_path: Path, content: bytes | None
) -> None:
    """A person must act, and the message tells where; nothing of the file is told."""
    path = tmp_path / "connector.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NotAllowed) as caught:
        tokens(simulators, CONNECTOR_CERTIFICATE_PATH=str(path)).get(CUSTOMER, "global")
    assert caught.value.code == "certificate"
    assert reason_of(caught.value) == ("credential_rejected", True)


def test_the_managed_identity_opens_graph(simulators: Simulators) -> None:
    """Its token is the app's assertion: no secret anywhere."""
    identity = simulators.credentials.identity_client_id
    source = tokens(simulators, CONNECTOR_IDENTITY_CLIENT_ID=identity)
    assert graph_of(simulators, source).one(read_user(TUTOR), 10)["mail"] == TUTOR
    assert ways(simulators) == ["federated"]


def test_the_managed_identity_serves_every_customer(simulators: Simulators) -> None:
    """One token of the identity's, then one per customer, then what is kept."""
    identity = simulators.credentials.identity_client_id
    source = tokens(simulators, CONNECTOR_IDENTITY_CLIENT_ID=identity)
    given = [source.get(tenant, "global") for tenant in (CUSTOMER, OTHER, CUSTOMER)]
    assert given[0] == given[2] != given[1]
    assert [request.how for request in simulators.entra.requests] == [
        "identity",
        "federated",
        "federated",
    ]


def test_the_best_credential_is_taken(simulators: Simulators, tmp_path: Path) -> None:
    """The identity before the certificate, the certificate before the secret."""
    pem, _ = certificate(tmp_path, simulators)
    secret = simulators.credentials.client_secret
    both = {"CONNECTOR_CERTIFICATE_PATH": str(pem), "CONNECTOR_CLIENT_SECRET": secret}
    tokens(simulators, **both).get(CUSTOMER, "global")
    identity = simulators.credentials.identity_client_id
    tokens(simulators, CONNECTOR_IDENTITY_CLIENT_ID=identity, **both).get(CUSTOMER, "global")
    assert ways(simulators) == ["certificate", "federated"]


def test_a_token_is_kept_until_a_fresh_one_is_asked_for(simulators: Simulators) -> None:
    source = tokens(simulators)
    first = source.get(CUSTOMER, "global")
    assert source.get(CUSTOMER, "global") == first
    assert source.get(CUSTOMER, "global", fresh=True) != first
    assert ways(simulators) == ["secret", "secret"]


# -- when Entra says no --------------------------------------------------------------------

REASON_OF = {
    700016: "not_consented",
    7000229: "not_consented",
    65001: "not_consented",
    7000215: "credential_rejected",
    7000218: "credential_rejected",
    700027: "credential_rejected",
    700213: "credential_rejected",
    7000222: "credential_expired",
    90002: "entra_tenant_not_found",
    500011: "wrong_cloud",
    900382: "wrong_cloud",
    900432: "wrong_cloud",
    90038: "wrong_cloud",
    53003: "sign_in_blocked",
    50196: "entra_unavailable",
    70003: "credential_rejected",
    900144: "credential_rejected",
}
"""What people are told of each AADSTS code that graph-facts 7 or the stand-in knows."""


def refused(simulators: Simulators, code: int, **credential: str) -> RemoteError:
    simulators.entra.tenants[CUSTOMER].error = code
    with pytest.raises(RemoteError) as caught:
        tokens(simulators, **credential).get(CUSTOMER, "global")
    return caught.value


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_every_refusal_has_its_reason(simulators: Simulators, code: int) -> None:
    error = refused(simulators, code)
    assert error.system == "entra"
    assert error.code == f"AADSTS{code}"
    reason, final = reason_of(error)
    assert reason == REASON_OF[code]
    assert reason in REASONS
    # A loop that Entra cut off is over in minutes; everything else waits for a person.
    assert final is (code != 50196)


@pytest.mark.parametrize("code", sorted(set(REASON_OF) - set(ERRORS)))
def test_and_so_have_those_the_stand_in_does_not_give(code: int) -> None:
    assert reason_of(NotAllowed("entra", f"AADSTS{code}"))[0] == REASON_OF[code]


def test_a_customer_that_does_not_exist_is_told_apart(simulators: Simulators) -> None:
    """The tenant's configuration is asked for first, and that is where it ends."""
    with pytest.raises(NotAllowed) as caught:
        tokens(simulators).get("8f0c0000-0000-4000-8000-00000000dead", "global")
    assert caught.value.code == "AADSTS90002"


def test_a_wrong_secret(simulators: Simulators) -> None:
    with pytest.raises(NotAllowed) as caught:
        tokens(simulators, CONNECTOR_CLIENT_SECRET="another").get(CUSTOMER, "global")
    assert caught.value.code == "AADSTS7000215"
    assert "another" not in str(caught.value)


def test_an_expired_secret(simulators: Simulators) -> None:
    app = simulators.entra.apps[simulators.credentials.client_id]
    app.secrets["last-years"] = datetime.now(UTC) - timedelta(days=1)
    with pytest.raises(NotAllowed) as caught:
        tokens(simulators, CONNECTOR_CLIENT_SECRET="last-years").get(CUSTOMER, "global")
    assert reason_of(caught.value) == ("credential_expired", True)


def test_consent_that_was_never_given(simulators: Simulators) -> None:
    simulators.entra.withdraw(CUSTOMER, simulators.credentials.client_id)
    with pytest.raises(NotAllowed) as caught:
        tokens(simulators).get(CUSTOMER, "global")
    assert reason_of(caught.value) == ("not_consented", True)


def test_an_identity_that_the_registration_does_not_trust(simulators: Simulators) -> None:
    """A wrong subject is taken when it is written down, and refused only here."""
    stranger = "c0000000-0000-4000-8000-0000000000aa"
    simulators.entra.add_identity(stranger, simulators.credentials.home_tenant)
    with pytest.raises(NotAllowed) as caught:
        tokens(simulators, CONNECTOR_IDENTITY_CLIENT_ID=stranger).get(CUSTOMER, "global")
    assert caught.value.code == "AADSTS700213"
    assert reason_of(caught.value) == ("credential_rejected", True)


def test_an_identity_that_the_app_does_not_have(simulators: Simulators) -> None:
    """The platform refuses before Entra is asked."""
    unknown = "c0000000-0000-4000-8000-0000000000bb"
    with pytest.raises(NotAllowed) as caught:
        tokens(simulators, CONNECTOR_IDENTITY_CLIENT_ID=unknown).get(CUSTOMER, "global")
    assert caught.value.code == "managed_identity"
    assert reason_of(caught.value) == ("credential_rejected", True)


@pytest.mark.parametrize("path", ["/token$", "well-known", "/msi/token"])
@pytest.mark.parametrize("how", [{"effect": "unavailable"}, {"effect": "drop"}], ids=str)
def test_an_entra_that_does_not_answer_is_tried_again(
    simulators: Simulators, path: str, how: dict[str, Any]
) -> None:
    """Nobody is told that a person must act."""
    simulators.entra.faults.add(path=path, times=None, **how)
    identity = simulators.credentials.identity_client_id
    source = tokens(simulators, CONNECTOR_IDENTITY_CLIENT_ID=identity)
    with pytest.raises(RemoteError) as caught:
        source.get(CUSTOMER, "global")
    assert isinstance(caught.value, Broken), caught.value
    assert reason_of(caught.value) == ("entra_unavailable", False)
    simulators.entra.faults.clear()


# -- storage -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def storage(served: Simulators) -> Iterator[Azurite]:
    """Tables over https, which take bearer tokens for Azure Storage and no others."""
    files = served.certificates
    azurite = Azurite(queues=False, certificate=(files.chain, files.key))
    with azurite.running():
        yield azurite


def by_identity(simulators: Simulators, storage: Azurite, identity: str | None = None) -> Any:
    """The state table as a deployment opens it: an endpoint, an identity, no key."""
    given = {
        "STATE_CONNECTION_STRING": "",
        "STATE_TABLE_ENDPOINT": storage.table_endpoint,
        "STATE_TABLE_PREFIX": "identity",
        "CONNECTOR_IDENTITY_CLIENT_ID": identity or simulators.credentials.identity_client_id,
    }
    return open_table(settings(**given))


def test_the_state_is_kept_by_the_managed_identity(
    simulators: Simulators, storage: Azurite
) -> None:
    """Read, written and guarded by ETags. The table is the deployment's to make."""
    connection = TableServiceClient.from_connection_string(storage.connection_string)
    connection.create_table_if_not_exists("identitystate")
    table = by_identity(simulators, storage)
    assert table.get("p", "nothing") is None
    (etag,) = table.commit("p", [Insert(Row("k", "one"))])
    assert table.get("p", "k").text == "one"
    table.commit("p", [Replace(Row("k", "two", etag=etag))])
    with pytest.raises(Stale):
        table.commit("p", [Replace(Row("k", "three", etag=etag))])
    assert [row.text for row in table.page("p", "", "z").rows] == ["two"]
    asked = [request for request in simulators.entra.requests if request.how == "identity"]
    assert len(asked) == 1, "one token for all of it"


def test_a_missing_table_is_not_made_in_azure(simulators: Simulators, storage: Azurite) -> None:
    """Opening it writes nothing: the deployment makes tables, with the rights for it."""
    given = {
        "STATE_CONNECTION_STRING": "",
        "STATE_TABLE_ENDPOINT": storage.table_endpoint,
        "STATE_TABLE_PREFIX": "nowhere",
        "CONNECTOR_IDENTITY_CLIENT_ID": simulators.credentials.identity_client_id,
    }
    open_table(settings(**given))
    names = TableServiceClient.from_connection_string(storage.connection_string).list_tables()
    assert "nowherestate" not in {table.name for table in names}


def test_an_identity_that_the_platform_does_not_know_has_no_state(
    simulators: Simulators, storage: Azurite
) -> None:
    """Told as what it is for the LMS: nothing could be stored just now."""
    table = by_identity(simulators, storage, "c0000000-0000-4000-8000-0000000000cc")
    with pytest.raises(Unavailable):
        table.get("p", "k")


def test_no_credential_at_all_is_a_fault_of_the_settings() -> None:
    with pytest.raises(ConfigError):
        settings(CONNECTOR_CLIENT_SECRET="")
