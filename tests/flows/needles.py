"""Personal data and secrets that nobody could mistake for anything else, and finding them again."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus


class Needles:
    """Texts by what they are; each is looked for in every form it may have taken."""

    def __init__(self) -> None:
        self.texts: dict[str, set[str]] = {}

    def add(self, kind: str, *texts: str) -> None:
        self.texts.setdefault(kind, set()).update(text for text in texts if len(text) > 5)

    def found_in(self, *hay: str) -> set[str]:
        """The kinds that stand in any of *hay*."""
        whole = "\n".join(hay)
        folded = whole.casefold()
        return {
            kind
            for kind, texts in self.texts.items()
            if any(
                form in whole or (form.casefold() in folded and not is_base64)
                for text in texts
                for form, is_base64 in forms(text)
            )
        }


def forms(text: str) -> Iterator[tuple[str, bool]]:
    """*text* as it is and as others write it; whether its case then matters, as in base64."""
    yield from dict.fromkeys(
        (form, False)
        for form in (
            text,
            json.dumps(text)[1:-1],
            json.dumps(json.dumps(text)[1:-1])[1:-1],
            quote(text, safe=""),
            quote(text, safe="@"),
            quote_plus(text),
            html.escape(text),
            text.encode().hex(),
            ascii(text)[1:-1],
        )
    )
    yield from ((form, True) for form in in_base64(text))


def in_base64(text: str) -> Iterator[str]:
    """The part that *text* determines of its base64, wherever in a longer text it stands."""
    raw = text.encode()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw).decode()
        first = -(-before * 8 // 6)
        sure = whole[first : (before + len(raw)) * 8 // 6]
        yield sure
        yield sure.replace("+", "-").replace("/", "_")
