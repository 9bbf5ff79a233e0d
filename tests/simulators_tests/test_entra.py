"""The token endpoint and the identity endpoint: graph-facts 9, number 45, and section 7."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from tests.simulators import EntraSimulator, SimClock
from tests.simulators.entra import ASSERTION_TYPE, CONNECTOR_ROLES
from tests.simulators.tokens import b64, read, thumbprints
from tests.simulators.wire import Reply

from .client import NOW, TENANT

APP = "c0000000-0000-4000-8000-000000000001"
IDENTITY = "c0000000-0000-4000-8000-000000000002"
HOME = "c0000000-0000-4000-8000-00000000000f"
SECRET = "s3cret"
TOKEN_PATH = f"/{TENANT}/oauth2/v2.0/token"
SCOPE = "https://graph.microsoft.com/.default"


@pytest.fixture
def entra() -> EntraSimulator:
    clock = SimClock()
    clock.set(NOW, frozen=True)
    simulator = EntraSimulator(clock)
    simulator.add_tenant(TENANT, ["college.example"])
    simulator.add_tenant(HOME)
    simulator.add_app(APP, secrets={SECRET: None, "old": NOW - timedelta(days=1)})
    simulator.add_identity(IDENTITY, HOME)
    simulator.federate(APP, IDENTITY)
    simulator.consent(TENANT, APP)
    return simulator


def ask(entra: EntraSimulator, path: str = TOKEN_PATH, /, **form: str | None) -> Reply:
    body = {
        "grant_type": "client_credentials",
        "client_id": APP,
        "scope": SCOPE,
        "client_secret": SECRET,
    } | form
    sent = urlencode({name: value for name, value in body.items() if value is not None})
    return entra.call("POST", path, body=sent.encode())


def claims(reply: Reply) -> dict[str, Any]:
    assert reply.status == 200, reply.text
    return read(reply.json()["access_token"]).claims


def assert_refused(reply: Reply, code: int) -> None:
    error = reply.json()
    assert error["error_codes"] == [code]
    assert error["error_description"].startswith(f"AADSTS{code}: ")
    assert "Trace ID" in error["error_description"]


def identity_token(entra: EntraSimulator, resource: str = "api://AzureADTokenExchange") -> Reply:
    query = urlencode({"api-version": "2019-08-01", "resource": resource, "client_id": IDENTITY})
    return entra.call("GET", f"/msi/token?{query}", None, {"X-IDENTITY-HEADER": "simulated"})


def test_a_secret_gives_a_token_for_the_tenant_with_its_roles(entra: EntraSimulator) -> None:
    reply = ask(entra)
    token = claims(reply)
    assert (token["tid"], token["appid"]) == (TENANT, APP)
    assert set(token["roles"]) == CONNECTOR_ROLES
    assert 3600 <= reply.json()["expires_in"] <= 5400
    assert token["exp"] == int(NOW.timestamp()) + reply.json()["expires_in"]
    lifetimes = {ask(entra).json()["expires_in"] for _ in range(5)}
    assert len(lifetimes) > 1


def test_a_tenant_may_be_named_by_its_domain(entra: EntraSimulator) -> None:
    assert claims(ask(entra, "/college.example/oauth2/v2.0/token"))["tid"] == TENANT


def test_without_granted_roles_there_is_no_roles_claim(entra: EntraSimulator) -> None:
    entra.consent(TENANT, APP, [])
    assert "roles" not in claims(ask(entra))


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"client_secret": "wrong"}, 401, 7000215),
        ({"client_secret": "old"}, 401, 7000222),
        ({"client_secret": None}, 401, 7000218),
        ({"client_id": "another"}, 400, 700016),
        ({"grant_type": "password"}, 400, 70003),
        ({"scope": None}, 400, 900144),
        ({"scope": "https://vault.azure.net/.default"}, 400, 500011),
        ({"scope": "https://graph.microsoft.com/User.Read"}, 400, 500011),
        ({"client_secret": None, "client_assertion": "a.b.c"}, 401, 7000218),
        (
            {
                "client_secret": None,
                "client_assertion": "a.b.c",
                "client_assertion_type": ASSERTION_TYPE,
            },
            401,
            700027,
        ),
    ],
)
def test_refusals(
    entra: EntraSimulator, form: dict[str, str | None], status: int, code: int
) -> None:
    reply = ask(entra, **form)
    assert reply.status == status
    assert_refused(reply, code)


def test_an_unknown_tenant(entra: EntraSimulator) -> None:
    for path in ("/common/oauth2/v2.0/token", "/nowhere/oauth2/v2.0/token"):
        assert_refused(ask(entra, path), 90002)
    known = entra.call("GET", "/nowhere/v2.0/.well-known/openid-configuration")
    assert known.status == 400


def test_a_customer_who_never_consented_and_one_who_withdrew(entra: EntraSimulator) -> None:
    entra.withdraw(TENANT, APP)
    assert_refused(ask(entra), 7000229)
    entra.tenants[TENANT].error = 53003
    assert_refused(ask(entra), 53003)


def test_a_managed_identitys_token_is_an_assertion(entra: EntraSimulator) -> None:
    assertion = identity_token(entra).json()["access_token"]
    form = {
        "client_secret": None,
        "client_assertion": assertion,
        "client_assertion_type": ASSERTION_TYPE,
    }
    assert claims(ask(entra, **form))["tid"] == TENANT
    assert [one.how for one in entra.requests] == ["identity", "federated"]
    entra.apps[APP].federated.clear()
    assert_refused(ask(entra, **form), 700213)


def test_the_identity_endpoint_minds_its_header_and_its_identities(
    entra: EntraSimulator,
) -> None:
    assert identity_token(entra).json()["resource"] == "api://AzureADTokenExchange"
    path = "/msi/token?api-version=2019-08-01&resource=https://storage.azure.com"
    assert entra.call("GET", path).status == 401
    header = {"X-IDENTITY-HEADER": "simulated"}
    assert entra.call("GET", f"{path}&client_id=unknown", None, header).status == 400
    assert entra.call("GET", "/msi/token?api-version=2017-09-01", None, header).status == 400


def test_storage_tokens_are_good_on_both_clocks(entra: EntraSimulator) -> None:
    reply = identity_token(entra, "https://storage.azure.com/")
    token = read(reply.json()["access_token"]).claims
    assert token["aud"] == "https://storage.azure.com"
    assert token["iss"] == f"https://sts.windows.net/{HOME}/"
    for now in (NOW, datetime.now(UTC)):
        assert token["nbf"] < now.timestamp() < token["exp"]
    assert int(reply.json()["expires_on"]) == int(NOW.timestamp()) + 86_400


class Certificate:
    """A key of ours and the assertions it signs, the way msal does."""

    def __init__(self) -> None:
        issued = trustme.CA().issue_cert("app.example")
        self.pem = issued.cert_chain_pems[0].bytes()
        self.public = x509.load_pem_x509_certificate(self.pem)
        key = load_pem_private_key(issued.private_key_pem.bytes(), None)
        if not isinstance(key, rsa.RSAPrivateKey):
            key = rsa.generate_private_key(65537, 2048)
            self.pem, self.public = self._self_signed(key)
        self.key = key

    def _self_signed(self, key: rsa.RSAPrivateKey) -> tuple[bytes, x509.Certificate]:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app.example")])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
            .sign(key, hashes.SHA256())
        )
        return made.public_bytes(Encoding.PEM), made

    def assertion(self, algorithm: str = "PS256", **changes: Any) -> str:
        now = int(NOW.timestamp())
        payload = {
            "aud": f"https://localhost{TOKEN_PATH}",
            "iss": APP,
            "sub": APP,
            "nbf": now,
            "exp": now + 600,
            "jti": "1",
        } | changes
        x5t = base64.urlsafe_b64encode(self.public.fingerprint(hashes.SHA256())).rstrip(b"=")
        head = {"alg": algorithm, "typ": "JWT", "x5t#S256": x5t.decode()}
        signed = ".".join(b64(json.dumps(part).encode()) for part in (head, payload))
        way: Any = padding.PKCS1v15()
        if algorithm == "PS256":
            way = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        return f"{signed}.{b64(self.key.sign(signed.encode(), way, hashes.SHA256()))}"


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return Certificate()


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({}, True),
        ({"algorithm": "RS256"}, True),
        ({"aud": "https://elsewhere.example/token"}, False),
        ({"exp": 1}, False),
        ({"sub": "somebody"}, False),
        ({"registered": False}, False),
        ({"forged": True}, False),
    ],
    ids=str,
)
def test_certificate_assertions_are_checked(
    entra: EntraSimulator, certificate: Certificate, changes: dict[str, Any], good: bool
) -> None:
    changes = dict(changes)
    certificates = [certificate.pem] if changes.pop("registered", True) else []
    entra.add_app(APP, certificates=certificates)
    forged = changes.pop("forged", False)
    assertion = certificate.assertion(**changes)
    if forged:
        assertion = assertion[:-8] + "AAAAAAAA"
    reply = ask(
        entra,
        client_secret=None,
        client_assertion=assertion,
        client_assertion_type=ASSERTION_TYPE,
    )
    if good:
        assert claims(reply)["tid"] == TENANT
    else:
        assert_refused(reply, 700027)


def test_thumbprints_cover_both_header_forms(certificate: Certificate) -> None:
    assert len(thumbprints(certificate.public)) == 2


def test_faults_strike_the_token_endpoint(entra: EntraSimulator) -> None:
    entra.faults.add("throttle", path="token", retry_after=7)
    refused = ask(entra)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "7")
    assert ask(entra).status == 200
