"""Where callbacks may go: a tenant's ``callbackUrl`` must not lead into our own network.

No I/O: the name look-up is handed in. Checked twice, because a name may point elsewhere later
(DNS rebinding): ``check_url`` when the tenant is saved, ``resolve_public`` at every send. The
sender connects to an address that ``resolve_public`` returned, keeping the name for TLS and the
``Host`` header, and follows no redirect: a redirect would be an address nobody checked.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from urllib.parse import SplitResult, urlsplit

from shared.errors import Broken, Fault, Refused

LONGEST_URL = 2048

Lookup = Callable[[str], Iterable[str]]
"""Host name → its addresses as text. Raises OSError when there are none."""
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_FORBIDDEN = re.compile(r"[^\x21-\x7e]|[\\<>\"^`{|}]")
_PRIVATE_SUFFIXES = (
    ".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa", ".localdomain",
)  # fmt: skip

# Written out rather than asked of ipaddress: what is_global answers has changed with Python's
# patch releases. https://www.iana.org/assignments/iana-ipv4-special-registry
_NOT_PUBLIC_4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's own platform address, reachable from inside only
    )
)  # fmt: skip
# https://www.iana.org/assignments/ipv6-unicast-address-assignments: all public ones lie in
# 2000::/3. This leaves out the forms that carry an IPv4 address (mapped, NAT64) altogether.
_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    ipaddress.IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)


def check_url(
    url: str, allowed_hosts: Collection[str] = (), pointer: str = "#/callbackUrl"
) -> tuple[Fault, ...]:
    """Every fault in the form of a callback address; none when it may be stored.

    It must be ``https``, any port, with a host that is a public name or a public IP address, and
    neither a user name nor a fragment.

    Args:
        allowed_hosts: Hosts that may be named although private (``CALLBACK_ALLOWED_HOSTS``).
    """
    return tuple(_url_faults(url, allowed_hosts, pointer))


def resolve_public(host: str, allowed_hosts: Collection[str], lookup: Lookup) -> tuple[str, ...]:
    """The addresses of *host* to connect to, all of them public, in the order looked up.

    One private address among them refuses the host: the next connection might take that one.
    An allowed host's addresses are taken as they are.

    Raises:
        Refused: An address is not public (``private_address``).
        Broken: The name has no address now (``no_address``).
    """
    address = _ip(host)
    found = (str(address),) if address else _look_up(host, lookup)
    if not is_allowed(host, allowed_hosts) and not all(map(is_public, found)):
        raise Refused("lms", "private_address", "the callback's host is not on the public internet")
    return found


def is_allowed(host: str, allowed_hosts: Collection[str]) -> bool:
    """Whether *host* is listed; case, brackets and the spelling of an IP address don't matter."""
    return _canonical(host) in {_canonical(listed) for listed in allowed_hosts}


def is_public(address: str) -> bool:
    """Whether *address* is a unicast address on the public internet. False when unreadable."""
    ip = _ip(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _NOT_PUBLIC_4)
    if isinstance(ip, ipaddress.IPv6Address):
        return ip in _UNICAST_6 and not any(ip in network for network in _NOT_PUBLIC_6)
    return False


def _url_faults(url: str, allowed_hosts: Collection[str], pointer: str) -> Iterator[Fault]:
    parts = _split(url)
    if parts is None:
        yield Fault(pointer, "not_a_url", "This is not an absolute URL.")
        return
    if len(url) > LONGEST_URL:
        yield Fault(pointer, "too_long", f"At most {LONGEST_URL} characters are taken.")
    if parts.scheme != "https":
        yield Fault(pointer, "not_https", "The address must begin with https://.")
    if "@" in parts.netloc:
        yield Fault(pointer, "has_user", "The address must not hold a user name or password.")
    if "#" in url:
        yield Fault(pointer, "has_fragment", "The address must not hold a fragment (#).")
    if not _is_port(parts):
        yield Fault(pointer, "bad_port", "The port must be a number from 1 to 65535.")
    host = parts.hostname or ""
    if not _is_host(host, bracketed="[" in parts.netloc):
        yield Fault(pointer, "bad_host", "The host is no name or address that we can call.")
    elif not is_allowed(host, allowed_hosts) and _is_private(host):
        yield Fault(pointer, "private_address", "The host is not on the public internet.")


def _split(url: str) -> SplitResult | None:
    # urlsplit drops tabs and line ends and browsers read "\" as "/": two readers, two hosts.
    # International names come as punycode; other letters may turn into digits or dots on the way.
    if _FORBIDDEN.search(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts if parts.scheme and parts.netloc else None


def _is_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _is_host(host: str, *, bracketed: bool) -> bool:
    """An IP address in its usual form, or a name; not a number in another guise (``127.1``)."""
    ip = _ip(host)
    if ip or bracketed:
        return bracketed == isinstance(ip, ipaddress.IPv6Address) and "%" not in host
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return False
    return len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels)


def _is_private(host: str) -> bool:
    if _ip(host):
        return not is_public(host)
    return "." not in host or host.endswith(_PRIVATE_SUFFIXES)


def _look_up(host: str, lookup: Lookup) -> tuple[str, ...]:
    try:
        found = tuple(dict.fromkeys(lookup(host)))
    except (OSError, UnicodeError) as exc:
        raise Broken("lms", "no_address", "the callback's host has no address") from exc
    if not found:
        raise Broken("lms", "no_address", "the callback's host has no address")
    return found


def _canonical(host: str) -> str:
    bare = host.strip().lower().removeprefix("[").removesuffix("]")
    ip = _ip(bare)
    return str(ip) if ip else bare


def _ip(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
