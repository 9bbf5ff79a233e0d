"""How simulators make requests of their own: to the connector, and to notification URLs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import requests


class Posted(NamedTuple):
    """What an endpoint answered. Status 0: it did not, and *text* says why."""

    status: int
    headers: Mapping[str, str]
    text: str


Poster = Callable[[str, bytes, Mapping[str, str], float], Posted]
"""(url, body, headers, timeout in seconds) → what came back"""


class HttpPoster:
    """Posts with `requests`, follows no redirect, minds no proxy.

    Trusts *ca_file*; without one, `REQUESTS_CA_BUNDLE` or the usual authorities.
    """

    def __init__(self, ca_file: Path | None) -> None:
        bundle = str(ca_file) if ca_file else os.environ.get("REQUESTS_CA_BUNDLE")
        self._verify = bundle or True
        self._session = requests.Session()
        self._session.trust_env = False

    def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float
    ) -> Posted:
        try:
            answer = self._session.post(
                url,
                data=body,
                headers=headers,
                timeout=timeout_s,
                allow_redirects=False,
                verify=self._verify,
            )
        except requests.RequestException as exc:
            return Posted(0, {}, f"{type(exc).__name__}: {exc}")
        return Posted(answer.status_code, answer.headers, answer.text)

    def close(self) -> None:
        self._session.close()
