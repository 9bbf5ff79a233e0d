"""Over https: certificates, dropped connections, msal's own flows, all three together."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import msal
import pytest
import requests

from tests.simulators import Simulators, webhooks
from tests.simulators.clock import instant_text
from tests.simulators.serve import Served
from tests.simulators.wire import Reply, Request

from .client import event

ROOT = Path(__file__).parents[2]


def trusting(simulators: Simulators) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = str(simulators.certificates.ca)
    return session


@pytest.fixture
def tenant(served: Simulators) -> str:
    """A tenant of this test's own, with one tutor."""
    name = str(uuid.uuid4())
    served.add_tenant(name, "College")
    served.graph.add_user(name, f"tutor@{name}.example")
    return name


@pytest.fixture
def session(served: Simulators, tenant: str) -> requests.Session:
    session = trusting(served)
    session.headers["Authorization"] = f"Bearer {served.graph.token(tenant)}"
    return session


def events_url(served: Simulators, tenant: str) -> str:
    return f"{served.graph_url}/users/tutor@{tenant}.example/events"


def app_of(served: Simulators, tenant: str, credential: Any) -> msal.ConfidentialClientApplication:
    return msal.ConfidentialClientApplication(
        served.credentials.client_id,
        authority=f"{served.entra_url}/{tenant}",
        client_credential=credential,
        http_client=trusting(served),
        instance_discovery=False,
    )


def test_strangers_to_the_authority_are_not_trusted(served: Simulators) -> None:
    with requests.Session() as session:
        session.trust_env = False
        with pytest.raises(requests.exceptions.SSLError):
            session.get(served.graph_url)


def test_msal_gets_a_token_that_graph_takes(served: Simulators, tenant: str) -> None:
    app = app_of(served, tenant, served.credentials.client_secret)
    token = app.acquire_token_for_client(["https://graph.microsoft.com/.default"])
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    with trusting(served) as session:
        made = session.post(events_url(served, tenant), json=event(), headers=headers)
        assert made.status_code == 201
        assert made.json()["onlineMeeting"]["joinUrl"]


def test_msal_gets_a_token_with_a_managed_identity(
    served: Simulators, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", served.identity_endpoint)
    monkeypatch.setenv("IDENTITY_HEADER", served.entra.identity_header)
    identity = msal.ManagedIdentityClient(
        msal.UserAssignedManagedIdentity(client_id=served.credentials.identity_client_id),
        http_client=trusting(served),
    )

    def assertion() -> str:
        token = identity.acquire_token_for_client(resource="api://AzureADTokenExchange")
        return str(token["access_token"])

    app = app_of(served, tenant, {"client_assertion": assertion})
    token = app.acquire_token_for_client(["https://graph.microsoft.com/.default"])
    assert "access_token" in token, token


@pytest.mark.parametrize(("effect", "made"), [("drop", 0), ("drop_after", 1)])
def test_a_dropped_connection_is_a_dropped_connection(
    served: Simulators, tenant: str, session: requests.Session, effect: Any, made: int
) -> None:
    served.graph.faults.add(effect, method="POST", tenant=tenant)
    with pytest.raises(requests.ConnectionError):
        session.post(events_url(served, tenant), json=event())
    assert len(served.graph.live_events(f"tutor@{tenant}.example")) == made
    assert session.get(events_url(served, tenant)).status_code == 200


def test_a_simulator_can_refuse_connections(
    served: Simulators, tenant: str, session: requests.Session
) -> None:
    served.take_down("graph")
    with pytest.raises(requests.ConnectionError):
        session.get(events_url(served, tenant))
    served.bring_up("graph")
    assert session.get(events_url(served, tenant)).status_code == 200


def test_next_links_can_be_followed_as_they_stand(
    served: Simulators, tenant: str, session: requests.Session
) -> None:
    for _ in range(12):
        session.post(events_url(served, tenant), json=event())
    page = session.get(events_url(served, tenant)).json()
    assert page["@odata.nextLink"].startswith(served.graph_url)
    assert len(session.get(page["@odata.nextLink"]).json()["value"]) == 2


def test_many_clients_at_once(served: Simulators, tenant: str, session: requests.Session) -> None:
    token = str(session.headers["Authorization"])

    def create(number: int) -> int:
        with trusting(served) as other:
            body = event(transactionId=f"t{number % 10}")
            headers = {"Authorization": token}
            url = events_url(served, tenant)
            return other.post(url, json=body, headers=headers).status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(create, range(40)))
    assert statuses == [201] * 40
    assert len(served.graph.live_events(f"tutor@{tenant}.example")) == 10


class Endpoint:
    """A connector that takes webhooks and notifications, served for real."""

    def __init__(self) -> None:
        self.webhooks: list[Request] = []
        self.notifications: list[dict[str, Any]] = []

    async def answer(self, request: Request) -> Reply:
        token = request.params().get("validationToken")
        if token is not None:
            return Reply(200, token.encode(), {"content-type": "text/plain"})
        if request.path.endswith("/notifications"):
            self.notifications += request.json()["value"]
            return Reply(202)
        self.webhooks.append(request)
        return Reply.of({"state": "waiting"})


def test_webhooks_notifications_and_events_go_round(
    served: Simulators, tenant: str, session: requests.Session
) -> None:
    endpoint = Endpoint()
    connector = Served(endpoint, served.certificates)
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
    served.lms.configure(tenant, connector.url, secret, other)
    answer = served.lms.save(tenant, "C-1", owner={"email": "t@x.example"}).wait()
    assert (answer.status, answer.json()) == (200, {"state": "waiting"})
    [webhook] = endpoint.webhooks
    now = served.lms.clock()
    assert webhooks.verify([secret], webhook.headers, webhook.body, now)

    wanted = {
        "changeType": "created",
        "notificationUrl": f"{connector.url}/notifications",
        "resource": f"/users/tutor@{tenant}.example/events",
        "expirationDateTime": instant_text(now + timedelta(hours=1)),
    }
    made = session.post(f"{served.graph_url}/subscriptions", json=wanted)
    assert made.status_code == 201, made.text
    session.post(events_url(served, tenant), json=event())
    assert served.graph.subscriptions.notifier.flush()
    assert [one["changeType"] for one in endpoint.notifications] == ["created"]

    ping = b'{"type":"connector.ping","data":{}}'
    headers = webhooks.sign([other], "m1", now, ping)
    hook = f"{served.lms_url}/hooks/teams/{tenant}"
    with trusting(served) as connector_session:
        assert connector_session.post(hook, data=ping, headers=headers).status_code == 204
        assert connector_session.get(f"{served.lms_url}/?tenant={tenant}").status_code == 200
    connector.stop()


def test_it_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.simulators", "--folder", str(tmp_path)]
    command += ["--clock", "2026-04-25T08:00:00Z", "--register-app", "--stdin"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        clock = requests.get(f"{facts['graphDoor']}/clock", verify=facts["ca"], timeout=10).json()
        assert clock["now"].startswith("2026-04-25T08:00")
        assert facts["clientId"]
        process.communicate("", timeout=20)
        assert process.returncode == 0
