"""`python dev.py check URL TENANT`: a tenant's check, asked of a running connector, to be read.

The function key is given by `--key` or in CONNECTOR_KEY; a local host asks for none.
"""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests

TIMEOUT_S = 200
"""Longer than the call takes, shorter than Azure lets an answer wait."""
SIGNS = {"ok": "ok", "warning": "warning", "missing": "MISSING", "unknown": "unknown"}
WIDTH = 100


def main(arguments: Sequence[str]) -> int:
    """Print what works and what is missing; 0 when nothing is missing, 1 when something is, 2 when
    nobody could be asked."""
    parser = argparse.ArgumentParser(prog="dev.py check", description=main.__doc__)
    parser.add_argument("url", help="where the connector is: https://… with or without /api")
    parser.add_argument("tenant", help="the tenant's id there")
    parser.add_argument("--organizer", help="also check this tutor: an address, or an object id")
    parser.add_argument(
        "--key",
        default=os.environ.get("CONNECTOR_KEY", ""),
        help="the function key; better in CONNECTOR_KEY, where other users do not see it",
    )
    options = parser.parse_args(list(arguments))
    try:
        items = ask(options.url, options.tenant, options.organizer, options.key)
    except CheckError as error:
        print(f"check: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines(items)))
    return 1 if any(item.get("status") == "missing" for item in items) else 0


class CheckError(Exception):
    """The connector did not answer as it should; the message tells."""


def ask(url: str, tenant: str, organizer: str | None, key: str) -> list[dict[str, Any]]:
    """The items, as the connector answers them.

    Raises:
        CheckError: It does not.
    """
    root = url.rstrip("/").removesuffix("/api")
    try:
        answer = requests.get(
            f"{root}/api/tenants/{quote(tenant, safe='')}/check",
            params={"organizer": organizer} if organizer else {},
            headers={"x-functions-key": key} if key else {},
            timeout=TIMEOUT_S,
            allow_redirects=False,  # the key is for this host only
        )
        content = answer.json() if answer.content else {}
    except requests.exceptions.JSONDecodeError:
        raise CheckError(f"{root} answers {answer.status_code}, and not in JSON") from None
    except requests.RequestException as error:
        raise CheckError(f"{root} does not answer ({type(error).__name__})") from None
    if answer.status_code == 401:
        raise CheckError(f"{root} wants a function key: give it in CONNECTOR_KEY")
    if answer.status_code != 200 or not isinstance(content.get("items"), list):
        said = [content.get("title"), *(e.get("detail") for e in content.get("errors") or ())]
        raise CheckError(f"{answer.status_code}: {' '.join(_plain(s) for s in said if s)}")
    items: list[dict[str, Any]] = content["items"]
    return items


def lines(items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The items for reading, and at the end how many there are of each kind."""
    met: dict[str, int] = dict.fromkeys(SIGNS, 0)
    for item in items:
        status = _plain(item.get("status"))
        met[status] = met.get(status, 0) + 1
        code = f" [{_plain(item['code'])}]" if item.get("code") else ""
        yield f"{SIGNS.get(status, status):<8}  {_plain(item.get('item'))}{code}"
        if item.get("detail"):
            indent = " " * 10
            yield textwrap.fill(
                _plain(item["detail"]), WIDTH, initial_indent=indent, subsequent_indent=indent
            )
        for line in str(item.get("mend") or "").splitlines():
            yield f"          | {_plain(line)}"
    yield ""
    yield ", ".join(f"{count} {status}" for status, count in met.items())


def _plain(text: Any) -> str:
    """Without what a terminal would obey instead of showing it."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text or ""))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
