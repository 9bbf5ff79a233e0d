"""Where callbacks may go, and where they must not."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.callback_address import check_url, is_public, resolve_public
from shared.errors import Broken, Refused


def codes(url: str, *allowed: str) -> list[str]:
    return [fault.code for fault in check_url(url, allowed)]


@pytest.mark.parametrize(
    "url",
    [
        "https://lms.example/hooks/teams",
        "https://lms.example",
        "https://LMS.Example/hooks?tenant=1&x=%20",
        "https://lms.example:8443/hooks",
        "https://xn--bcher-kva.example/",
        "https://8.8.8.8/hooks",
        "https://[2606:4700:4700::1111]:8443/hooks",
    ],
)
def test_a_public_https_address_is_taken(url: str) -> None:
    assert codes(url) == []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        pytest.param("http://lms.example/", "not_https", id="plain http"),
        pytest.param("ftp://lms.example/", "not_https", id="ftp"),
        pytest.param("lms.example/hooks", "not_a_url", id="no scheme"),
        pytest.param("https:/lms.example", "not_a_url", id="one slash"),
        pytest.param("https:///hooks", "not_a_url", id="no host"),
        pytest.param("", "not_a_url", id="empty"),
        pytest.param("https://lms.example/a b", "not_a_url", id="space"),
        pytest.param("https://lms.ex\tample/", "not_a_url", id="tab that urlsplit drops"),
        pytest.param("https://lms.example/\r\nX: y", "not_a_url", id="line end"),
        pytest.param("https://lms.example\\@10.0.0.1/", "not_a_url", id="backslash"),
        pytest.param("https://１２７.0.0.1/", "not_a_url", id="full-width digits"),
        pytest.param("https://127。0。0。1/", "not_a_url", id="ideographic dots"),
        pytest.param("https://[::1", "not_a_url", id="bracket left open"),
        pytest.param("https://user:pass@lms.example/", "has_user", id="user and password"),
        pytest.param("https://me@lms.example/", "has_user", id="only a user"),
        pytest.param("https://lms.example/#top", "has_fragment", id="fragment"),
        pytest.param("https://lms.example/#", "has_fragment", id="empty fragment"),
        pytest.param("https://lms.example:0/", "bad_port", id="port 0"),
        pytest.param("https://lms.example:65536/", "bad_port", id="port too high"),
        pytest.param("https://lms.example:https/", "bad_port", id="port in words"),
        pytest.param("https://lms.example./", "bad_host", id="trailing dot"),
        pytest.param("https://lms..example/", "bad_host", id="empty label"),
        pytest.param("https://-lms.example/", "bad_host", id="label begins with a hyphen"),
        pytest.param("https://lms.%65xample/", "bad_host", id="percent code"),
        pytest.param(f"https://{'a' * 64}.example/", "bad_host", id="long label"),
        pytest.param(f"https://{'a.' * 130}example/", "bad_host", id="long name"),
        pytest.param("https://2130706433/", "bad_host", id="decimal number"),
        pytest.param("https://0x7f000001/", "bad_host", id="hexadecimal number"),
        pytest.param("https://0x7f.1/", "bad_host", id="hexadecimal and short"),
        pytest.param("https://127.1/", "bad_host", id="short"),
        pytest.param("https://0177.0.0.1/", "bad_host", id="octal"),
        pytest.param("https://127.0.0.0x1/", "bad_host", id="hexadecimal last part"),
        pytest.param("https://1.2.3.4.5/", "bad_host", id="five parts"),
        pytest.param("https://[v1.lms.example]/", "bad_host", id="IP of the future"),
        pytest.param("https://[fe80::1%25eth0]/", "bad_host", id="with a zone"),
        pytest.param("https://localhost/", "private_address", id="localhost"),
        pytest.param("https://db.localhost/", "private_address", id="below localhost"),
        pytest.param("https://printer.local/", "private_address", id="mDNS"),
        pytest.param("https://metadata.google.internal/", "private_address", id="internal"),
        pytest.param("https://intranet/", "private_address", id="single label"),
        pytest.param("https://127.0.0.1/", "private_address", id="loopback"),
        pytest.param("https://10.1.2.3/", "private_address", id="private"),
        pytest.param("https://169.254.169.254/", "private_address", id="instance metadata"),
        pytest.param("https://168.63.129.16/", "private_address", id="Azure's platform"),
        pytest.param("https://100.64.0.1/", "private_address", id="carrier"),
        pytest.param("https://0.0.0.0/", "private_address", id="unspecified"),
        pytest.param("https://224.0.0.1/", "private_address", id="multicast"),
        pytest.param("https://255.255.255.255/", "private_address", id="broadcast"),
        pytest.param("https://[::1]/", "private_address", id="loopback v6"),
        pytest.param("https://[::ffff:10.0.0.1]/", "private_address", id="mapped"),
        pytest.param("https://[64:ff9b::a00:1]/", "private_address", id="NAT64"),
        pytest.param("https://[2002:a00:1::]/", "private_address", id="6to4"),
        pytest.param("https://[fd00::1]/", "private_address", id="unique local"),
        pytest.param("https://[fe80::1]/", "private_address", id="link-local"),
    ],
)
def test_any_other_address_is_refused(url: str, code: str) -> None:
    assert codes(url) == [code]


def test_every_fault_is_told_and_pointed_at() -> None:
    faults = check_url("http://me@10.0.0.1:0/#x", pointer="#/callbackUrl")
    assert [fault.code for fault in faults] == [
        "not_https", "has_user", "has_fragment", "bad_port", "private_address",
    ]  # fmt: skip
    assert {fault.pointer for fault in faults} == {"#/callbackUrl"}


def test_a_very_long_address_is_refused() -> None:
    url = "https://lms.example/"
    assert codes(url.ljust(2048, "x")) == []
    assert codes(url.ljust(2049, "x")) == ["too_long"]


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://localhost:7443/x", "localhost"),
        ("https://LocalHost/x", " LOCALHOST "),
        ("https://127.0.0.1:7443/x", "127.0.0.1"),
        ("https://[::1]:7443/x", "[::1]"),
        ("https://[0:0:0:0:0:0:0:1]/x", "::1"),
        ("https://lms.internal/x", "lms.internal"),
    ],
)
def test_a_listed_host_may_be_private_but_still_needs_https(url: str, allowed: str) -> None:
    assert codes(url) == ["private_address"]
    assert codes(url, allowed) == []
    assert codes(url.replace("https:", "http:"), allowed) == ["not_https"]


def test_listing_one_host_lets_no_other_in() -> None:
    assert codes("https://evil.localhost/", "localhost") == ["private_address"]
    assert codes("https://127.1/", "127.1", "127.0.0.1") == ["bad_host"]


# --- at every send ------------------------------------------------------------------------------


def finds(*addresses: str) -> Callable[[str], Iterable[str]]:
    return lambda _host: iter(addresses)


def no_network(host: str) -> list[str]:
    raise AssertionError(host)


def test_public_addresses_are_given_once_each_in_order() -> None:
    found = resolve_public("lms.example", (), finds("2606:4700::1", "8.8.8.8", "2606:4700::1"))
    assert found == ("2606:4700::1", "8.8.8.8")


@pytest.mark.parametrize("private", ["10.0.0.1", "::1", "::ffff:8.8.8.8", "fe80::1%eth0", "what?"])
def test_one_private_address_among_public_ones_refuses_the_host(private: str) -> None:
    """A rebound name answers with either; the next connection might take the wrong one."""
    with pytest.raises(Refused) as caught:
        resolve_public("lms.example", ("other.example",), finds("8.8.8.8", private))
    assert caught.value.code == "private_address"


def test_a_listed_host_may_resolve_to_anything() -> None:
    assert resolve_public("LMS.test", ["lms.test"], finds("127.0.0.1")) == ("127.0.0.1",)


def test_an_ip_address_is_judged_without_a_look_up() -> None:
    assert resolve_public("8.8.8.8", (), no_network) == ("8.8.8.8",)
    assert resolve_public("::1", ("::1",), no_network) == ("::1",)
    with pytest.raises(Refused):
        resolve_public("127.0.0.1", (), no_network)


def fails(host: str) -> list[str]:
    raise OSError(host)


@pytest.mark.parametrize("lookup", [fails, finds()])
def test_a_name_without_addresses_may_have_some_later(
    lookup: Callable[[str], Iterable[str]],
) -> None:
    with pytest.raises(Broken) as caught:
        resolve_public("lms.example", (), lookup)
    assert caught.value.code == "no_address"


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_public(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if not ip.is_global or ip.is_multicast or ip.is_reserved:
        assert not is_public(str(ip))


@given(st.integers(0, 2**32 - 1))
def test_no_ipv6_form_smuggles_an_ipv4_address(number: int) -> None:
    for prefix in ("::ffff:0:0", "64:ff9b::", "64:ff9b:1::", "::"):
        carried = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) + number)
        assert not is_public(str(carried))


@given(st.text(), st.lists(st.text(max_size=10), max_size=3))
def test_no_text_breaks_the_check(url: str, allowed: list[str]) -> None:
    assert isinstance(check_url(url, allowed), tuple)
    assert isinstance(check_url(f"https://{url}", allowed), tuple)
