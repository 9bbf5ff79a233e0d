"""Standard Webhooks, held against the reference library where that can judge."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st
from pytest_mock import MockerFixture
from standardwebhooks import Webhook

from shared import signing
from shared.model import Secrets, TenantId
from shared.signing import BadSignature, Direction

NOW = datetime(2026, 4, 25, 8, 0, tzinfo=UTC)
COLLEGE = TenantId("northern-college")
MASTER, OLD_MASTER = "a master key of some length", "the master key before it"
BODY = '{"type":"component.saved","data":{"name":"Zoë"}}'.encode()
SECRET = signing.derive(MASTER, COLLEGE, Direction.INBOUND, 1)
OTHER = "v1," + "A" * 43 + "="
"""A signature by nobody."""


def signed(at: datetime = NOW, **headers: str) -> dict[str, str]:
    return signing.sign([SECRET], "msg_1", at, BODY) | {
        name.replace("_", "-"): value for name, value in headers.items()
    }


def why(headers: dict[str, str], body: bytes = BODY, now: datetime = NOW) -> str:
    with pytest.raises(BadSignature) as caught:
        signing.verify([SECRET], headers, body, now)
    return caught.value.why


# --- secrets ------------------------------------------------------------------------------------


def test_a_secret_is_32_bytes_and_always_the_same() -> None:
    secret = signing.derive(MASTER, COLLEGE, Direction.INBOUND, 1)
    assert secret == SECRET
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32


def test_derived_secrets_never_change_between_releases() -> None:
    """An LMS holds these: another derivation would lock every tenant out."""
    salt, info = b"teams-connector webhook secret 1", b"northern-college\0inbound\x001"
    derived = HKDF(SHA256(), 32, salt, info).derive(MASTER.encode())
    assert f"whsec_{base64.b64encode(derived).decode()}" == SECRET
    assert SECRET == "whsec_Q4MeJiRUyBi1MD8cHL5ggn+xPglY5M/R9xFWcAlxnms="


def test_every_ingredient_makes_another_secret() -> None:
    assert (
        len(
            {
                signing.derive(master, tenant, direction, generation)
                for master in (MASTER, OLD_MASTER)
                for tenant in (COLLEGE, TenantId("northern"), TenantId("northern-college1"))
                for direction in Direction
                for generation in (1, 2, 11)
            }
        )
        == 2 * 3 * 2 * 3
    )


def test_the_newest_master_key_makes_the_secret_that_is_shown() -> None:
    shown = signing.newest_secret(
        [MASTER, OLD_MASTER], COLLEGE, Direction.OUTBOUND, Secrets(current=3)
    )
    assert shown == signing.derive(MASTER, COLLEGE, Direction.OUTBOUND, 3)


def test_rotation_keeps_the_replaced_secret_for_24_hours() -> None:
    secrets = signing.rotated(Secrets(), NOW)
    just_before = NOW + timedelta(hours=24) - timedelta(microseconds=1)
    assert signing.valid_generations(secrets, NOW) == (2, 1)
    assert signing.valid_generations(secrets, just_before) == (2, 1)
    assert signing.valid_generations(secrets, NOW + timedelta(hours=24)) == (2,)


def test_each_replaced_secret_has_its_own_24_hours() -> None:
    """Two rotations within a day: neither shortens or lengthens the other's time."""
    first = signing.rotated(Secrets(), NOW)
    second = signing.rotated(first, NOW + timedelta(hours=20))
    assert signing.valid_generations(second, NOW + timedelta(hours=21)) == (3, 2, 1)
    assert signing.valid_generations(second, NOW + timedelta(hours=24)) == (3, 2)
    assert signing.valid_generations(second, NOW + timedelta(hours=43, minutes=59)) == (3, 2)
    assert signing.valid_generations(second, NOW + timedelta(hours=44)) == (3,)


def test_what_is_over_is_not_kept() -> None:
    """However often a tenant rotates."""
    secrets = Secrets()
    for day in range(30):
        secrets = signing.rotated(secrets, NOW + timedelta(days=day))
    assert [old.generation for old in secrets.replaced] == [30]


def test_a_tenant_that_never_rotated_has_one_generation() -> None:
    assert signing.valid_generations(Secrets(), NOW) == (1,)


def test_current_generation_and_newest_master_come_first() -> None:
    secrets = signing.rotated(Secrets(), NOW)
    assert signing.valid_secrets(
        [MASTER, OLD_MASTER], COLLEGE, Direction.OUTBOUND, secrets, NOW
    ) == tuple(
        signing.derive(master, COLLEGE, Direction.OUTBOUND, generation)
        for generation in (2, 1)
        for master in (MASTER, OLD_MASTER)
    )


def test_a_new_master_key_locks_nobody_out() -> None:
    """The LMS still signs with, and checks by, what the old key derived."""
    old = signing.newest_secret([OLD_MASTER], COLLEGE, Direction.INBOUND, Secrets())
    both = signing.valid_secrets([MASTER, OLD_MASTER], COLLEGE, Direction.INBOUND, Secrets(), NOW)
    assert signing.verify(both, signing.sign([old], "m", NOW, BODY), BODY, NOW) == "m"
    ours = signing.sign(both, "m", NOW, BODY)
    assert signing.verify([old], ours, BODY, NOW) == "m"


def test_an_old_master_key_taken_off_the_list_ends_what_it_derived() -> None:
    old = signing.newest_secret([OLD_MASTER], COLLEGE, Direction.INBOUND, Secrets())
    only_new = signing.valid_secrets([MASTER], COLLEGE, Direction.INBOUND, Secrets(), NOW)
    with pytest.raises(BadSignature):
        signing.verify(only_new, signing.sign([old], "m", NOW, BODY), BODY, NOW)


# --- signing and verifying ----------------------------------------------------------------------


@given(
    webhook_id=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1),
    text=st.text(),
)
def test_the_reference_library_accepts_ours_and_we_accept_its(webhook_id: str, text: str) -> None:
    now, body = datetime.now(UTC), text.encode()
    reference = Webhook(SECRET)
    reference.verify(body, signing.sign([SECRET], webhook_id, now, body), json_parse=False)
    theirs = {
        "Webhook-Id": webhook_id,
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": reference.sign(webhook_id, now, text),
    }
    if len(webhook_id) <= 255:
        assert signing.verify([SECRET], theirs, body, now) == webhook_id


def test_while_two_secrets_are_valid_our_events_satisfy_a_holder_of_either() -> None:
    now = datetime.now(UTC)
    pair = [signing.derive(MASTER, COLLEGE, Direction.OUTBOUND, number) for number in (2, 1)]
    headers = signing.sign(pair, "evt_1", now, BODY)
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in pair:
        Webhook(secret).verify(BODY, headers)


@pytest.mark.parametrize("minutes", [-5, 0, 5])
def test_five_minutes_either_way_pass(minutes: int) -> None:
    headers = signed(at=NOW + timedelta(minutes=minutes))
    assert signing.verify([SECRET], headers, BODY, NOW) == "msg_1"


def test_more_than_five_minutes_do_not() -> None:
    late, early = timedelta(minutes=5, seconds=1), timedelta(minutes=-5, seconds=-1)
    assert why(signed(), now=NOW + late) == "too_old"
    assert why(signed(), now=NOW + early) == "too_new"


def test_parts_of_a_second_do_not_count() -> None:
    almost = NOW + timedelta(minutes=5, microseconds=999_999)
    assert signing.verify([SECRET], signed(), BODY, almost) == "msg_1"


def test_header_names_may_be_in_any_case() -> None:
    shouted = {name.upper(): value for name, value in signed().items()}
    assert signing.verify([SECRET], shouted, BODY, NOW) == "msg_1"


def test_one_good_signature_among_others_is_enough() -> None:
    good = signed()["webhook-signature"]
    among = signed(webhook_signature=f"v1a,{'A' * 88} v1,short  {good} v2,{good[3:]}")
    assert signing.verify([SECRET], among, BODY, NOW) == "msg_1"


def test_body_id_and_time_are_all_signed() -> None:
    assert why(signed(), body=BODY + b" ") == "no_match"
    assert why(signed(webhook_id="msg_2")) == "no_match"
    assert why(signed(webhook_timestamp=str(int(NOW.timestamp()) + 1))) == "no_match"


def test_the_other_directions_secret_is_no_good() -> None:
    outbound = signing.derive(MASTER, COLLEGE, Direction.OUTBOUND, 1)
    assert why(signing.sign([outbound], "m", NOW, BODY)) == "no_match"


def test_a_tenant_nobody_knows_gets_the_same_answer() -> None:
    with pytest.raises(BadSignature) as unknown:
        signing.verify([], signed(), BODY, NOW)
    with pytest.raises(BadSignature) as wrong:
        signing.verify([SECRET], signed(webhook_id="x"), BODY, NOW)
    told = [(e.status, e.code, e.title, e.faults) for e in (unknown.value, wrong.value)]
    assert told[0] == told[1]
    assert told[0][:2] == (401, "bad_signature")


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_a_bad_signature(name: str) -> None:
    headers = signed()
    del headers[name]
    assert why(headers) == "header_missing"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"webhook_id": ""}, id="empty id"),
        pytest.param({"webhook_id": "a\0b"}, id="NUL in the id"),
        pytest.param({"webhook_id": "é"}, id="id not ASCII"),
        pytest.param({"webhook_id": "x" * 256}, id="long id"),
        pytest.param({"webhook_timestamp": ""}, id="empty time"),
        pytest.param({"webhook_timestamp": "9" * 5000}, id="huge time"),
        pytest.param({"webhook_timestamp": "-1"}, id="negative time"),
        pytest.param({"webhook_timestamp": "1e9"}, id="float time"),
        pytest.param({"webhook_timestamp": "nan"}, id="not a number"),
        pytest.param({"webhook_timestamp": "१७७७१०४०००"}, id="digits of another script"),
        pytest.param({"webhook_timestamp": "999999999999"}, id="the year 33658"),
        pytest.param({"webhook_signature": ""}, id="empty signature"),
        pytest.param({"webhook_signature": "v1"}, id="no comma"),
        pytest.param({"webhook_signature": "v1, v1,"}, id="nothing after the comma"),
        pytest.param({"webhook_signature": "v1," + "A" * 43}, id="bad base64"),
        pytest.param({"webhook_signature": "v1," + "é" * 44}, id="base64 not ASCII"),
        pytest.param({"webhook_signature": "v1," + "\ud800" * 44}, id="lone surrogates"),
        pytest.param({"webhook_signature": "v1," + "\0" * 44}, id="NULs"),
        pytest.param({"webhook_signature": "v1," + "=" * 44}, id="only padding"),
    ],
)
def test_a_hostile_header_is_a_bad_signature(headers: dict[str, str]) -> None:
    assert why(signed(NOW, **headers))


def test_two_values_of_one_header_are_a_bad_signature() -> None:
    assert why(signed() | {"Webhook-Id": "msg_2"}) == "header_unreadable"


def test_every_signature_is_compared_with_every_secrets_in_constant_time(
    mocker: MockerFixture,
) -> None:
    """Whichever matches, and however early: the time taken tells nothing."""
    secrets = [signing.derive(MASTER, COLLEGE, Direction.INBOUND, n) for n in (3, 2, 1)]
    good = signed()["webhook-signature"]
    spy = mocker.spy(hmac, "compare_digest")
    for offered in (f"{good} {OTHER} {OTHER}", f"{OTHER} {OTHER} {good}"):
        spy.reset_mock()
        signing.verify(secrets, signed(webhook_signature=offered), BODY, NOW)
        assert spy.call_count == 9


def test_a_header_full_of_signatures_costs_one_digest_of_the_body_a_secret(
    mocker: MockerFixture,
) -> None:
    """Else a stranger's 32 KiB of header has us read a 4 MiB body a thousand times."""
    secrets = [signing.derive(MASTER, COLLEGE, Direction.INBOUND, n) for n in (2, 1)]
    crowd = signed(webhook_signature=" ".join([OTHER] * 700))
    spy = mocker.spy(hmac, "digest")
    with pytest.raises(BadSignature):
        signing.verify(secrets, crowd, BODY, NOW)
    assert spy.call_count == 2


@given(
    headers=st.dictionaries(
        st.sampled_from(["webhook-id", "Webhook-Timestamp", "webhook-signature", "Host"]),
        st.text(),
    ),
    body=st.binary(max_size=50),
)
def test_nothing_but_a_bad_signature_ever_leaves(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(BadSignature):
        signing.verify([SECRET], headers, body, NOW)
