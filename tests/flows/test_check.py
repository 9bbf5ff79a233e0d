"""``check`` tells what is missing, each thing by its own line, against independent stand-ins.

Over https, through the ports a deployment has; only the table is in memory and the clock settable.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import certifi
import pytest

from attendance_timer.night import night
from component_http import operate
from component_http.check import check
from component_http.receive import receive
from shared.errors import Invalid
from shared.graph.tokens import claims_of
from shared.model import TenantId
from shared.ports import Ports
from shared.signing import sign
from shared.wiring import make_ports
from tests.fakes import MemoryTable
from tests.flows.world import settings
from tests.simulators import Simulators
from tests.simulators.aadsts import ERRORS
from tests.simulators.graph.simulator import ALL_ROLES

CUSTOMER = "8f0c0000-0000-4000-8000-000000000001"
TENANT = "northern"
TUTOR, OTHER = "tutor@college.example", "other@college.example"
CALENDARS = {"Calendars.ReadWrite", "Calendars.Read"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    with Simulators(tmp_path_factory.mktemp("simulators")) as simulators:
        yield simulators


class Place:
    """A customer's set-up, and a connector that looks at it.

    Attributes:
        simulators: Where things are broken and mended.
        ports: The connector's.
    """

    def __init__(self, simulators: Simulators, **env: str) -> None:
        self.simulators = simulators
        self.graph, self.entra, self.lms = simulators.graph, simulators.entra, simulators.lms
        for name in (CUSTOMER,):
            simulators.add_tenant(name)
        for user in (TUTOR, OTHER):
            self.graph.add_user(CUSTOMER, user)
        self.entra.faults.clear()
        self.lms.faults.clear()
        self.graph.set_switches(policy_text="new", unmatched_join_url="404", policy_delay_s=0)
        self.graph.journal.clear()
        self.ports = self.connector(**env)
        self.put()

    def connector(self, **env: str) -> Ports:
        secret = {} if "CONNECTOR_IDENTITY_CLIENT_ID" in env else {
            "CONNECTOR_CLIENT_SECRET": self.simulators.credentials.client_secret
        }  # fmt: skip
        given = {
            "PUBLIC_BASE_URL": "https://connector.example",
            **self.simulators.environment(),
            **secret,
            **env,
        }
        made = make_ports(settings(**given), MemoryTable())
        return replace(made, clock=self.simulators.clock)

    def put(self, **more: Any) -> None:
        """Create or change the tenant, and connect its LMS."""
        body = {
            "name": TENANT,
            "entraTenantId": CUSTOMER,
            "timeZone": "Europe/London",
            "callbackUrl": self.simulators.callback_url(TENANT),
            **more,
        }
        reply = operate.put_tenant(self.ports, TENANT, json.dumps(body).encode(), None)
        if reply.status == 201:
            self.secret = reply.body["inboundSecret"]
            self.lms.configure(
                TENANT, "https://connector.test/api", self.secret, reply.body["outboundSecret"]
            )

    def save(self, component: str = "C-1", owner: str = TUTOR, days: float = 2) -> dict[str, Any]:
        """The LMS saves a meeting so many days ahead; the connector's answer."""
        start = self.simulators.clock() + timedelta(days=days)
        data = {
            "id": component, "revision": 1, "kind": "meeting", "name": "Workshop",
            "start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat(),
            "meetOnline": True, "plannedMinutes": 60,
            "owner": {"email": owner, "name": "T. Utor"},
            "learner": {"email": "learner@work.example", "name": "L. Earner"},
        }  # fmt: skip
        body = json.dumps({"type": "component.saved", "data": data}).encode()
        headers = sign([self.secret], f"m-{component}", self.simulators.clock(), body)
        answer: dict[str, Any] = receive(
            self.ports, TENANT, {**headers, "content-type": "application/json"}, body
        ).body
        return answer

    def check(self, organizer: str = "") -> dict[str, dict[str, Any]]:
        """The items by their names."""
        reply = check(self.ports, TENANT, {"organizer": organizer} if organizer else {})
        assert reply.status == 200
        items: list[dict[str, Any]] = reply.body["items"]
        for item in items:
            assert list(item) == ["item", "status", "code", "detail", "mend"]
            assert item["status"] in {"ok", "warning", "missing", "unknown"}
            assert item["detail"].endswith((".", ")")), item
            assert item["mend"] or item["status"] not in {"missing", "warning"}, item
        found = {item["item"]: item for item in items}
        assert len(found) == len(items), "each thing once"
        return found

    def consent(self, *roles: str) -> None:
        self.entra.consent(CUSTOMER, self.simulators.credentials.client_id, roles)


@pytest.fixture
def place(served: Simulators, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, served.environment()[name])
    return Place(served)


def statuses(items: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: item["status"] for name, item in items.items()}


# -- all is well ---------------------------------------------------------------------------


def test_a_complete_set_up_is_green(place: Place) -> None:
    """But for what nothing can show before the first meeting."""
    found = statuses(place.check(TUTOR))
    assert found.pop(f"attendance reports: {TUTOR}") == "unknown"
    assert set(found.values()) == {"ok"}
    assert list(found) == [
        "token",
        "OnlineMeetings.Read.All",
        "OnlineMeetingArtifact.Read.All",
        "User.ReadBasic.All",
        "Calendars.ReadWrite",
        "Calendars.Read",
        "change notifications",
        *(f"{what}: {TUTOR}" for what in ("account", "mailbox", "calendar", "teams")),
        f"application access policy: {TUTOR}",
        "callback",
        "clock",
    ]


def test_nothing_is_written_anywhere(place: Place) -> None:
    place.save()
    place.graph.journal.clear()
    events = len(place.graph.events)
    mails = len(place.graph.journal.mails)
    place.check(OTHER)
    assert {entry.method for entry in place.graph.journal.entries} == {"GET", "POST"}
    assert {e.kind for e in place.graph.journal.entries if e.method == "POST"} == {"batch"}
    assert (len(place.graph.events), len(place.graph.journal.mails)) == (events, mails)


def test_everybody_with_meetings_ahead_is_looked_at_and_nobody_else(place: Place) -> None:
    place.save("C-1", OTHER)
    place.save("C-2", TUTOR, days=30)  # waits for its window
    assert [n for n in place.check() if n.startswith("account")] == [
        f"account: {OTHER}",
        f"account: {TUTOR}",
    ]


def test_who_is_asked_for_comes_first_and_once(place: Place) -> None:
    place.save("C-1", OTHER)
    place.save("C-2", TUTOR)
    found = [n for n in place.check(f" {TUTOR.upper()} ") if n.startswith("account")]
    assert found == [f"account: {TUTOR.upper()}", f"account: {OTHER}"]


def test_somebody_may_be_asked_for_by_object_id(place: Place) -> None:
    user = place.graph.user(TUTOR)
    assert place.check(user.id)[f"account: {user.id}"]["status"] == "ok"


@pytest.mark.parametrize("mode", [{"mode": "preview"}, {"enabled": False}])
def test_a_tenant_is_checked_before_it_goes_live(place: Place, mode: dict[str, Any]) -> None:
    place.put(**mode)
    found = place.check(TUTOR)
    assert found["callback"]["status"] == "ok"
    assert found["change notifications"]["code"] == "not_live"


# -- the token -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_every_refusal_of_entras_is_explained(place: Place, code: int) -> None:
    place.entra.tenants[CUSTOMER].error = code
    try:
        found = place.check(TUTOR)
    finally:
        place.entra.tenants[CUSTOMER].error = None
    token = found["token"]
    assert token["status"] == ("unknown" if code == 50196 else "missing")
    assert token["code"] == f"AADSTS{code}"
    assert found["Calendars.ReadWrite"]["code"] == "no_token"
    assert found["organizers"]["status"] == "unknown"
    assert found["callback"]["status"] == "ok", "what needs no token is looked at all the same"


def test_the_link_for_consent_has_the_real_ids(place: Place) -> None:
    client = place.simulators.credentials.client_id
    place.entra.withdraw(CUSTOMER, client)
    token = place.check()["token"]
    assert token["code"] == "AADSTS7000229"
    link = f"https://login.microsoftonline.com/{CUSTOMER}/adminconsent?client_id={client}"
    assert link in token["mend"]


def test_a_tenant_id_that_does_not_exist_is_told_apart(place: Place) -> None:
    place.put(entraTenantId="8f0c0000-0000-4000-8000-00000000dead")
    token = place.check()["token"]
    assert (token["status"], token["code"]) == ("missing", "AADSTS90002")
    assert "8f0c0000-0000-4000-8000-00000000dead" in token["mend"]


def test_an_expired_secret_is_told_apart(place: Place) -> None:
    app = place.entra.apps[place.simulators.credentials.client_id]
    app.secrets["old"] = place.simulators.clock() - timedelta(days=1)
    place.ports = place.connector(CONNECTOR_CLIENT_SECRET="old")
    place.put()
    token = place.check()["token"]
    assert token["code"] == "AADSTS7000222"
    assert f"az ad app credential reset --id {app.client_id}" in token["mend"]


def test_an_identity_nobody_trusts_is_told_with_what_it_presents(place: Place) -> None:
    """The very credential that is missing, to be pasted."""
    stranger = "c0000000-0000-4000-8000-0000000000dd"
    home = place.simulators.credentials.home_tenant
    identity = place.entra.add_identity(stranger, home)
    place.ports = place.connector(CONNECTOR_IDENTITY_CLIENT_ID=stranger)
    place.put()
    token = place.check()["token"]
    assert token["code"] == "AADSTS700213"
    command = token["mend"].partition("--parameters '")[2].rstrip("'")
    assert json.loads(command) == {
        "name": "connector-identity",
        "issuer": f"https://login.microsoftonline.com/{home}/v2.0",
        "subject": identity.principal_id,
        "audiences": ["api://AzureADTokenExchange"],
    }


def test_an_identity_the_platform_does_not_know(place: Place) -> None:
    unknown = "c0000000-0000-4000-8000-0000000000ee"
    place.ports = place.connector(CONNECTOR_IDENTITY_CLIENT_ID=unknown)
    place.put()
    token = place.check()["token"]
    assert (token["status"], token["code"]) == ("missing", "managed_identity")
    assert unknown in token["mend"]


def test_an_entra_that_does_not_answer_is_unknown(place: Place) -> None:
    place.entra.faults.add("drop", times=None)
    assert place.check()["token"]["status"] == "unknown"


def test_consent_that_was_given_meanwhile_shows_at_once(place: Place) -> None:
    """The kept token does not know of it."""
    place.consent(*(ALL_ROLES - {"OnlineMeetings.Read.All"}))
    assert place.check()["OnlineMeetings.Read.All"]["status"] == "missing"
    place.consent(*ALL_ROLES)
    assert place.check()["OnlineMeetings.Read.All"]["status"] == "ok"


# -- roles ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "role", ["OnlineMeetings.Read.All", "OnlineMeetingArtifact.Read.All", "User.ReadBasic.All"]
)
def test_each_missing_role_has_its_line(place: Place, role: str) -> None:
    place.consent(*(ALL_ROLES - {role}))
    found = place.check(TUTOR)
    assert (found[role]["status"], found[role]["code"]) == ("missing", "role_missing")
    assert "az ad app permission add" in found[role]["mend"]
    assert CUSTOMER in found[role]["mend"]
    others = {"OnlineMeetings.Read.All", "OnlineMeetingArtifact.Read.All", "User.ReadBasic.All"}
    assert {found[other]["status"] for other in others - {role}} == {"ok"}


def test_without_any_consented_role_all_are_missing(place: Place) -> None:
    """A token without `roles` is given all the same."""
    place.consent()
    found = place.check(TUTOR)
    assert found["token"]["status"] == "ok"
    assert found["OnlineMeetings.Read.All"]["status"] == "missing"
    assert found["Calendars.Read"]["status"] == "warning"


def test_wider_roles_do_as_well(place: Place) -> None:
    place.consent("User.Read.All", "OnlineMeetings.ReadWrite.All", *ALL_ROLES - {
        "User.ReadBasic.All", "OnlineMeetings.Read.All",
    })  # fmt: skip
    assert "missing" not in statuses(place.check(TUTOR)).values()


def test_notifications_are_a_warning_and_only_where_they_are_wanted(place: Place) -> None:
    place.consent(*(ALL_ROLES - {"Calendars.Read"}))
    assert place.check()["Calendars.Read"]["status"] == "warning"
    place.put(changeNotifications=False)
    assert place.check()["Calendars.Read"]["status"] == "ok"
    assert place.check()["change notifications"]["code"] == "not_wanted"


def test_without_an_address_of_ours_graph_cannot_tell_us(place: Place) -> None:
    place.ports = place.connector(PUBLIC_BASE_URL="")
    place.put()
    item = place.check()["change notifications"]
    assert (item["status"], item["code"]) == ("warning", "no_public_address")


# -- Exchange's grants ---------------------------------------------------------------------


def scope(place: Place, *users: str) -> None:
    place.graph.tenants[CUSTOMER].rbac_scope = {place.graph.user(user).id for user in users}


def test_a_grant_in_exchange_is_in_no_token_and_is_proven_by_reading(place: Place) -> None:
    place.consent(*(ALL_ROLES - CALENDARS))
    scope(place, TUTOR)
    found = place.check(TUTOR)
    assert found["Calendars.ReadWrite"]["status"] == "ok"
    assert "Exchange" in found["Calendars.ReadWrite"]["detail"]
    assert found[f"calendar: {TUTOR}"]["status"] == "ok"


def test_a_tutor_outside_the_scope_is_named_and_the_others_are_not(place: Place) -> None:
    place.consent(*(ALL_ROLES - CALENDARS))
    scope(place, OTHER)
    place.save("C-1", OTHER)
    found = place.check(TUTOR)
    right = found["Calendars.ReadWrite"]
    assert (right["status"], right["code"]) == ("missing", "calendar_denied")
    assert "1 of the 2" in right["detail"]
    item = found[f"calendar: {TUTOR}"]
    assert item["code"] == "not_permitted"
    assert f"-Member '{TUTOR}'" in item["mend"]
    assert found[f"calendar: {OTHER}"]["status"] == "ok"
    assert found[f"mailbox: {TUTOR}"]["status"] == "unknown"
    assert found[f"application access policy: {TUTOR}"]["status"] == "ok", "another thing"


def test_without_any_grant_the_commands_that_make_one_are_shown(place: Place) -> None:
    place.consent(*(ALL_ROLES - CALENDARS))
    mend = place.check(TUTOR)["Calendars.ReadWrite"]["mend"]
    principal = principal_in(place)
    assert f"-AppId '{place.simulators.credentials.client_id}'" in mend
    assert f"New-ManagementRoleAssignment -App '{principal}'" in mend


def principal_in(place: Place) -> str:
    """The application's object id in the customer's tenant, as its token says."""
    tenant = place.ports.tenants.get(TenantId(TENANT))
    assert tenant
    return str(claims_of(place.ports.graph(tenant).renew_token())["oid"])


def test_without_anybody_to_ask_the_right_is_unknown(place: Place) -> None:
    place.consent(*(ALL_ROLES - CALENDARS))
    item = place.check()["Calendars.ReadWrite"]
    assert (item["status"], item["code"]) == ("unknown", "no_organizer")


@pytest.mark.parametrize("in_scope", [True, False])
def test_reading_everything_does_not_prove_that_writing_is_granted(
    place: Place, in_scope: bool
) -> None:
    """The choice `read` of the set-up guide: Entra lets us read, Exchange is to let us write."""
    place.consent(*(ALL_ROLES - {"Calendars.ReadWrite"}))
    scope(place, *([TUTOR] if in_scope else [OTHER]))
    found = place.check(TUTOR)
    calendar = found[f"calendar: {TUTOR}"]
    assert calendar["status"] == ("ok" if in_scope else "missing")
    assert found["Calendars.ReadWrite"]["status"] == ("ok" if in_scope else "missing")
    assert "written" in calendar["detail"] or in_scope
    assert found[f"teams: {TUTOR}"]["status"] == "ok"


@pytest.mark.parametrize(
    ("state", "item", "code"),
    [
        ("missing", "mailbox", "no_mailbox"),
        ("invalid", "mailbox", "no_mailbox"),
        ("denied", "calendar", "not_permitted"),
        ("denied_by_policy", "calendar", "exchange_access_policy"),
    ],
)
def test_each_trouble_with_a_mailbox_has_its_line(
    place: Place, state: Any, item: str, code: str
) -> None:
    place.graph.user(TUTOR).mailbox = state
    found = place.check(TUTOR)[f"{item}: {TUTOR}"]
    assert (found["status"], found["code"]) == ("missing", code)


def test_a_mailbox_that_fails_just_now_is_unknown(place: Place) -> None:
    place.graph.user(TUTOR).mailbox = "failing"
    found = place.check(TUTOR)[f"mailbox: {TUTOR}"]
    assert (found["status"], found["code"]) == ("unknown", "teams_unavailable")


def test_a_calendar_without_teams_is_told(place: Place) -> None:
    user = place.graph.user(TUTOR)
    user.teams = False
    found = place.check(TUTOR)[f"teams: {TUTOR}"]
    assert (found["status"], found["code"]) == ("missing", "owner_without_teams")
    assert user.id in found["mend"]


def test_somebody_the_directory_does_not_know(place: Place) -> None:
    found = place.check("nobody@college.example")
    item = found["account: nobody@college.example"]
    assert (item["status"], item["code"]) == ("missing", "owner_not_found")
    assert "mail eq 'nobody@college.example'" in item["mend"]
    assert "mailbox: nobody@college.example" not in found


# -- the policy of Teams -------------------------------------------------------------------


@pytest.mark.parametrize("text", ["new", "old"])
@pytest.mark.parametrize("has_meeting", [True, False])
def test_a_missing_application_access_policy_is_told_from_everything_else(
    place: Place, text: str, has_meeting: bool
) -> None:
    if has_meeting:
        place.save()
    place.graph.set_switches(policy_text=text)
    place.graph.revoke_policy(TUTOR)
    found = place.check(TUTOR)
    item = found[f"application access policy: {TUTOR}"]
    assert (item["status"], item["code"]) == ("missing", "no_application_access_policy")
    user, client = place.graph.user(TUTOR), place.simulators.credentials.client_id
    assert (
        f"Grant-CsApplicationAccessPolicy -PolicyName 'Connector' -Identity '{user.id}'"
        in (item["mend"])
    )
    assert f"-AppIds '{client}'" in item["mend"]
    assert "Exchange" in item["detail"], "people confuse the two"
    assert found[f"calendar: {TUTOR}"]["status"] == "ok"


@pytest.mark.parametrize("answer", ["404", "400", "empty"])
def test_a_meeting_that_is_not_found_shows_that_the_policy_is_there(
    place: Place, answer: str
) -> None:
    place.graph.set_switches(unmatched_join_url=answer)
    item = place.check(TUTOR)[f"application access policy: {TUTOR}"]
    assert item["status"] == "ok"


def test_a_refusal_as_no_organizer_is_past_the_policy(place: Place) -> None:
    place.graph.faults.add(
        "answer", path="onlineMeetings", times=None, status=403,
        body={"error": {"code": "Forbidden", "message": "3003: User does not have access to it"}},
    )  # fmt: skip
    try:
        item = place.check(TUTOR)[f"application access policy: {TUTOR}"]
    finally:
        place.graph.faults.clear()
    assert item["status"] == "ok"


def test_a_policy_that_does_not_work_yet_is_missing_and_then_there(place: Place) -> None:
    place.graph.set_switches(policy_delay_s=1800)
    place.graph.grant_policy(TUTOR, at_once=False)
    name = f"application access policy: {TUTOR}"
    assert place.check(TUTOR)[name]["status"] == "missing"
    place.graph.set_switches(policy_delay_s=0)
    assert place.check(TUTOR)[name]["status"] == "ok"


# -- attendance ----------------------------------------------------------------------------


@pytest.mark.parametrize("came", [True, False])
def test_reports_show_once_a_meeting_was_held(place: Place, came: bool) -> None:
    name = f"attendance reports: {TUTOR}"
    place.save("C-1", days=1)
    (event,) = place.graph.live_events(TUTOR)
    assert place.check(TUTOR)[name]["code"] == "no_meeting_yet"
    clock = place.simulators.clock
    before = clock()
    try:
        clock.set(event.start, frozen=False)
        if came:
            place.graph.hold_meeting(event, [(TUTOR, [(0, 30)])])
        clock.set(event.end + timedelta(hours=12), frozen=False)
        item = place.check(TUTOR)[name]
        assert item["status"] == ("ok" if came else "warning")
        assert item["code"] == (None if came else "no_report")
        night(place.ports)
        assert place.check(TUTOR)[name]["status"] == item["status"]
    finally:
        clock.set(before, frozen=False)
        place.graph.delete_user(TUTOR)


# -- the LMS -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 404, 405, 410, 302, 500])
def test_what_the_lms_answers_is_told(place: Place, status: int) -> None:
    place.lms.faults.add("answer", status=status, headers={"location": "https://elsewhere.example"})
    item = place.check()["callback"]
    assert (item["status"], item["code"]) == ("missing", f"http_{status}")
    assert str(status) in item["detail"]


def test_a_ping_is_signed_and_accepted(place: Place) -> None:
    assert place.check()["callback"]["status"] == "ok"
    (ping,) = [one for one in place.lms.received if one.type == "connector.ping"][-1:]
    assert (ping.tenant, ping.status) == (TENANT, 204)


def test_a_secret_the_lms_does_not_hold_is_told(place: Place) -> None:
    place.lms.configure(TENANT, "https://connector.test/api", place.secret, "whsec_AAAA")
    item = place.check()["callback"]
    assert item["code"] == "http_401"
    assert f"/api/tenants/{TENANT}/rotate" in item["mend"]


def test_an_lms_that_hangs_up_is_told(place: Place) -> None:
    place.lms.faults.add("drop")
    item = place.check()["callback"]
    assert (item["status"], item["code"]) == ("missing", "no_answer")


def test_an_lms_with_a_certificate_of_its_own_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the usual authorities are trusted."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    lms = place.connector().lms
    place.ports = replace(place.ports, lms=lms)
    item = place.check()["callback"]
    assert (item["status"], item["code"]) == ("missing", "certificate")


def test_a_callback_that_turned_inward_is_told(place: Place) -> None:
    ports = place.connector(CALLBACK_ALLOWED_HOSTS="")
    place.ports = replace(place.ports, lms=ports.lms)
    item = place.check()["callback"]
    assert (item["status"], item["code"]) == ("missing", "private_address")


# -- the clock -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "status"), [(0, "ok"), (30, "ok"), (-120, "warning"), (400, "missing")]
)
def test_a_clock_that_is_off_is_told(place: Place, seconds: int, status: str) -> None:
    there = place.simulators.clock() + timedelta(seconds=seconds)
    date = there.strftime("%a, %d %b %Y %H:%M:%S GMT")
    place.lms.faults.add("answer", status=204, headers={"Date": date})
    item = place.check()["clock"]
    assert item["status"] == status
    assert "the LMS" in item["detail"]
    assert (item["mend"] is None) == (status == "ok")


def test_when_everybody_else_agrees_it_is_ours_that_is_wrong(place: Place) -> None:
    there = place.simulators.clock()
    place.ports = replace(place.ports, clock=lambda: there - timedelta(minutes=4))
    date = there.strftime("%a, %d %b %Y %H:%M:%S GMT")
    place.lms.faults.add("answer", status=204, headers={"Date": date})
    item = place.check()["clock"]
    assert item["status"] == "warning"
    assert "Ours is wrong" in item["detail"]


# -- the call ------------------------------------------------------------------------------


@pytest.mark.parametrize("organizer", ["nobody", "a b@c.example", "a@b\x1b[31m.example"])
def test_what_is_no_address_is_refused(place: Place, organizer: str) -> None:
    with pytest.raises(Invalid) as caught:
        check(place.ports, TENANT, {"organizer": organizer})
    assert [fault.code for fault in caught.value.faults] == ["not_an_address"]


def test_an_unknown_tenant_is_not_found(place: Place) -> None:
    with pytest.raises(Invalid) as caught:
        check(place.ports, "nowhere", {})
    assert caught.value.status == 404


def test_an_address_cannot_break_out_of_a_command(place: Place) -> None:
    """People paste this into a shell."""
    nasty = "o'brien’$(calc)@college.example"
    place.graph.add_user(CUSTOMER, nasty)
    place.consent(*(ALL_ROLES - CALENDARS))
    mend = place.check(nasty)[f"calendar: {nasty}"]["mend"]
    assert "'o''brien’’$(calc)@college.example'" in mend
    assert (
        "$(calc)"
        not in place.check("$(calc)@college.example")["account: $(calc)@college.example"]["mend"]
    )
