"""A component's description ↔ our part of an event's body. No I/O, no clock.

An event's body is ours, then Teams': Graph appends the block with the join link, Exchange wraps
both in a document of its own, and a body sent back without that block switches the meeting off or
gives it a new link (graph-facts.md 2.2). So our part stands between two marks, and a changed
agenda is carried over only where both are found intact; everything else is sent back byte for
byte.

A mark must outlive Exchange's cleaning (comments and classes go, ids come back as ``x_…``) and
Outlook's editor (ids go, ``div`` becomes ``p``, tags are added inside). It is therefore a quiet
line that people see, and is recognised in two ways, either of which will do: by its id, with or
without prefixes, or by being an element that holds the line's words and nothing else. No
description can imitate one: ids are not among the attributes we keep, and the rule character
that frames the words is replaced in descriptions.

Descriptions cannot name another meeting either: Teams takes the join link from whatever Teams link
it finds in the body (graph-facts.md 2.2), so those are left out.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

_RULE = "\N{BOX DRAWINGS LIGHT TRIPLE DASH HORIZONTAL}"
_START_ID, _END_ID = "lms-agenda-start", "lms-agenda-end"
_START_WORDS = f"{_RULE * 3} Agenda, kept in the learning system {_RULE * 3}"
_END_WORDS = f"{_RULE * 3} End of the agenda {_RULE * 3}"
_MARK = '<div id="{id}" style="color:#767676;font-size:9pt">{words}</div>'
_NOTHING = "Nothing has been written yet."
_LEFT_OUT = "[link to a Teams meeting left out]"

_CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_INVISIBLE = re.compile("[\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_LONGEST_UNDERLINE = 29
_UNDERLINE = re.compile(rf"_{{{_LONGEST_UNDERLINE + 1},}}")
# The shapes of a link that joins a meeting: classic (also in msteams: and launcher links), short,
# and the web client's. Links to channels, chats and files in Teams are none.
_JOINS = re.compile(
    r"l/meetup-join|meetingjoin=|teams\.(?:microsoft\.(?:com|us)|live\.com|cloud\.microsoft"
    r"|microsoftonline\.cn)(?::[0-9]+)?/(?:v2/)?(?:meet/|l/meeting/)"
)


def marked(description: str, is_html: bool) -> str:  # noqa: FBT001 the field given names it
    """Our part of the body: the description as safe, balanced HTML between the two marks.

    The marks stand there for a blank description too, so that a later one finds its place.
    """
    return "\n".join(
        (
            _MARK.format(id=_START_ID, words=_START_WORDS),
            f"<div>{_content(description, is_html=is_html)}</div>",
            _MARK.format(id=_END_ID, words=_END_WORDS),
        )
    )


def digest(description: str, is_html: bool) -> str:  # noqa: FBT001 as above
    """Identifies what Teams shows of a description: two that show the same have the same digest.

    A change to how this module renders descriptions changes digests, and with them every body.
    """
    return hashlib.sha256(_content(description, is_html=is_html).encode()).hexdigest()


def replace(body_html: str, new_part: str, join_url: str = "") -> str | None:
    """*body_html* with *new_part* instead of what is between the marks, marks included.

    None when the agenda must be left alone: a mark is missing, damaged or there twice, they stand
    in different places, or something of the Teams block got between them. Outside the marks
    nothing changes.

    Args:
        body_html: The event's body as Graph returned it just now.
        new_part: What ``marked`` gives.
        join_url: The meeting's link, where known: unless it stands outside the marks, the block
            has gone missing and a body must not be sent at all.
    """
    elements = _elements(body_html)
    start, end = _mark(elements, _START_ID, _START_WORDS), _mark(elements, _END_ID, _END_WORDS)
    if start is None or end is None or start.parent != end.parent or start.end > end.start:
        return None
    before, after = body_html[: start.start], body_html[end.end :]
    if _holds_of_teams(body_html[start.start : end.end]):
        return None
    if join_url and _decoded(join_url) not in _decoded(f"{before} {after}"):
        return None
    return before + new_part + after


# --- descriptions → safe HTML ---------------------------------------------------------------

_INLINE = frozenset({"b", "strong", "i", "em", "u", "a"})
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4"})
_LISTS = frozenset({"ul", "ol"})
_CELLS = frozenset({"td", "th"})
_TABLE_PARTS = _CELLS | {"table", "thead", "tbody", "tr"}
_KEPT = _INLINE | _PARAGRAPHS | _LISTS | _TABLE_PARTS | {"li"}
_TAKEN_FOR = {
    "div": "p", "section": "p", "article": "p", "header": "p", "footer": "p", "main": "p",
    "blockquote": "p", "pre": "p", "address": "p", "center": "p", "dt": "p", "dd": "p",
    "caption": "p", "h5": "h4", "h6": "h4", "ins": "u", "tfoot": "tbody", "hr": "br",
}  # fmt: skip
_RAW = frozenset({"script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes"})
_DROPPED_WHOLE = _RAW | {
    "template", "noscript", "object", "applet", "svg", "math", "select", "audio", "video", "canvas",
}  # fmt: skip
# Tags that stand only inside certain others: what is open above that parent ends first.
_PARENTS = {
    "li": _LISTS,
    **dict.fromkeys(_CELLS, frozenset({"tr"})),
    "tr": frozenset({"table", "thead", "tbody"}),
    **dict.fromkeys(("thead", "tbody"), frozenset({"table"})),
}
# Tags that end another one which is still open.
_ENDS = {
    **dict.fromkeys(_PARAGRAPHS | _LISTS | {"table"}, _PARAGRAPHS),
    "a": frozenset({"a"}),
}
_DEEPEST = 40
_SAFE_LINK = re.compile("(?:https?://|mailto:)[^\\s\0-\x20\x7f-\x9f\ud800-\udfff]+", re.IGNORECASE)


@lru_cache(maxsize=64)  # asked for several times while a component is being dealt with
def _content(description: str, *, is_html: bool) -> str:
    content = _reduced(description) if is_html else _escaped(description)
    words = _words(content)
    if is_html and _joins_a_meeting(words):
        # A link pieced together from several elements: only its words are safe to show.
        content = _escaped(re.sub(r"\s*\n\s*", "\n", words))
    return content if words.strip() else _NOTHING


def _escaped(text: str) -> str:
    """Plain *text* as HTML; its line breaks are kept."""
    lines = re.sub("\r\n|\r|\u2028|\u2029", "\n", text).strip("\n").split("\n")
    return "<br>\n".join(html.escape(_harmless(line), quote=False) for line in lines)


def _harmless(text: str) -> str:
    """*text* without what could be taken for a mark, for Teams' block, or for a meeting's link."""
    quiet = _CONTROL.sub("", text).replace(_RULE, "-")
    short = _UNDERLINE.sub("_" * _LONGEST_UNDERLINE, quiet)
    return re.sub(
        r"[^\s<>]+", lambda word: _LEFT_OUT if _joins_a_meeting(word[0]) else word[0], short
    )


def _joins_a_meeting(text: str) -> bool:
    return _JOINS.search(_decoded(text)) is not None


def _decoded(text: str) -> str:
    """*text* as the last of several readers sees it, who each undo %-codes and entities."""
    for _ in range(10):
        plainer = unquote(html.unescape(text))
        if plainer == text:
            break
        text = plainer
    return _INVISIBLE.sub("", text).casefold()


def _words(source: str) -> str:
    """What people read of HTML that we wrote, with line breaks where blocks end."""
    return "".join(
        html.unescape(source[token.start : token.end])
        if token.kind == "text"
        else ""
        if token.name in _INLINE
        else "\n"
        for token in _tokens(source)
    )


def _reduced(source: str) -> str:
    """HTML reduced to the tags we keep, without attributes but safe links; always balanced."""
    outline = _Outline()
    dropping, depth = "", 0
    for token in _tokens(source):
        if dropping:
            depth += (token.name == dropping) * (1 if token.kind == "open" else -1)
            dropping = dropping if depth else ""
        elif token.kind in ("text", "broken"):
            outline.text(html.unescape(source[token.start : token.end]))
        elif token.kind == "close":
            outline.close(_TAKEN_FOR.get(token.name, token.name))
        elif token.kind == "open" and token.name not in _DROPPED_WHOLE:
            outline.open(_TAKEN_FOR.get(token.name, token.name), token)
        elif token.kind == "open" and (token.name in _RAW or not token.closes_itself):
            dropping, depth = token.name, 1
    return outline.finish()


class _Outline:
    """Writes tags so that each is closed, in order, about where a browser would close it."""

    def __init__(self) -> None:
        self._written: list[str] = []
        self._open: list[str] = []

    def text(self, text: str) -> None:
        self._written.append(html.escape(_harmless(text), quote=False))

    def open(self, name: str, token: _Token) -> None:
        """Open *name* as the nearest tag that may stand here; pass it over when none may."""
        link = _link(token) if name == "a" else ""
        if name == "br":
            self._written.append("<br>")
        if name not in _KEPT or len(self._open) >= _DEEPEST or (name == "a" and not link):
            return
        if name in _CELLS and self._nearest(_PARENTS[name], name) is None:
            self.open("tr", token)
        if name == "li" and self._nearest(_LISTS, name) is None:
            name = "p"
        if name in _PARENTS:
            parent = self._nearest(_PARENTS[name], name)
            if parent is None:
                return
            self._close_from(parent + 1)
        else:
            self._close_from(self._nearest(_ENDS.get(name, frozenset()), name))
        self._written.append(link or f"<{name}>")
        self._open.append(name)

    def close(self, name: str) -> None:
        """Close *name* and what is open inside it; pass it over when it is not open here."""
        self._close_from(self._nearest(frozenset({name}), name))

    def finish(self) -> str:
        """Close everything. Returns what was written."""
        self._close_from(0)
        return "".join(self._written)

    def _nearest(self, names: frozenset[str], reaching: str) -> int | None:
        """Where the innermost of *names* stands, no farther out than a tag *reaching* may act."""
        if reaching in _TABLE_PARTS:
            barrier = frozenset({"table"})
        elif reaching == "li" or reaching in _LISTS:
            barrier = _CELLS | {"table"}
        else:
            barrier = _CELLS | {"table", "li"}
        for index in reversed(range(len(self._open))):
            if self._open[index] in names:
                return index
            if self._open[index] in barrier:
                break
        return None

    def _close_from(self, index: int | None) -> None:
        while index is not None and len(self._open) > index:
            self._written.append(f"</{self._open.pop()}>")


def _link(token: _Token) -> str:
    """The opening tag of a link that may be followed; "" for any other."""
    address = token.attribute("href").strip().replace(" ", "%20")
    if not _SAFE_LINK.fullmatch(address) or _holds_of_teams(address):
        return ""
    return f'<a href="{html.escape(address)}">'


# --- marks in a body --------------------------------------------------------------------------

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "wbr"}
)
_DEEPEST_BODY = 400
_MOST_CANDIDATES = 20
_LONGEST_MARK = 80
_PICTURE = "\N{OBJECT REPLACEMENT CHARACTER}"
_PREFIXES = re.compile(r"^(?:x_)+")
_BLOCK_CLASS = re.compile(r"<[^>]*\bclass\s*=[^>]*me-email-", re.IGNORECASE)


class _Element(NamedTuple):
    """An element that is closed by a tag of its own.

    *parent* is where the element around it starts, -1 for none. *words* is its text without
    spaces, None when that is longer than any mark.
    """

    start: int
    end: int
    parent: int
    id: str
    words: str | None


def _mark(elements: list[_Element], mark_id: str, mark_words: str) -> _Element | None:
    """The one element that is this mark; None when there is none, several, or a damaged one."""
    wanted = _squeezed(mark_words)
    found = [element for element in elements if mark_id == element.id or wanted == element.words]
    if len(found) > _MOST_CANDIDATES:
        return None
    outermost = [
        element
        for element in found
        if not any(other.start < element.start and element.end <= other.end for other in found)
    ]
    if len(outermost) != 1 or outermost[0].words is None:
        return None
    # Known by its id alone, a mark may have lost some of its words, but not won others: what a
    # person wrote there is theirs.
    return outermost[0] if _letters(outermost[0].words) in _letters(wanted) else None


def _elements(body: str) -> list[_Element]:
    """Every element of *body* that is properly closed; none at all where it cannot be read."""
    closed: list[_Element] = []
    open_at: list[tuple[_Token, int]] = []
    words: list[str] = []
    for token in _tokens(body):
        if token.kind == "broken" or len(open_at) > _DEEPEST_BODY:
            return []
        if token.kind == "text":
            words.extend(_squeezed(html.unescape(body[token.start : token.end])))
        elif token.name == "img":
            words.append(_PICTURE)  # a picture beside a mark's words is somebody's, as words are
        elif token.kind == "open" and not token.is_empty:
            open_at.append((token, len(words)))
        elif token.kind == "close" and any(token.name == around.name for around, _ in open_at):
            opened, since = open_at.pop()
            while opened.name != token.name:
                opened, since = open_at.pop()
            closed.append(
                _Element(
                    start=opened.start,
                    end=token.end,
                    parent=open_at[-1][0].start if open_at else -1,
                    id=_PREFIXES.sub("", opened.attribute("id")),
                    words="".join(words[since:]) if len(words) - since <= _LONGEST_MARK else None,
                )
            )
    return closed


def _holds_of_teams(text: str) -> bool:
    """Whether any piece of the block that Teams adds stands in *text*."""
    return bool(_joins_a_meeting(text) or _UNDERLINE.search(text) or _BLOCK_CLASS.search(text))


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", _INVISIBLE.sub("", text))


def _letters(text: str) -> str:
    """What of *text* survives any cleaning, and anything a person may have put beside it."""
    return "".join(one for one in text if one.isalnum() or one == _PICTURE).casefold()


# --- reading HTML -------------------------------------------------------------------------------

# Our own reading rather than html.parser's: that one tells no end of a closing tag, stops on some
# malformed declarations, and has read malformed input differently from one patch release of
# Python to the next. Every quantifier is possessive: no input takes more than linear time.
_TAG = re.compile(
    r"<(/?)([a-zA-Z][^\s/>]*+)"
    r"((?:[\s/]++|[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s\"'>][^\s>]*+)?+)?+)*+)>"
)
_ATTRIBUTE = re.compile(
    r"([^\s/>=][^\s/>=]*+)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>][^\s>]*+)))?+"
)


class _Token(NamedTuple):
    """A piece of HTML from *start* to *end*.

    *kind* is ``text``, ``open``, ``close``, ``other`` (comments, declarations, what stands in
    scripts and styles), or ``broken``: a tag that never ends, and with it all the rest.
    """

    kind: str
    start: int
    end: int
    name: str = ""
    attributes: str = ""

    @property
    def closes_itself(self) -> bool:
        """Whether the tag is written ``<like this/>``."""
        return self.attributes.endswith("/")

    @property
    def is_empty(self) -> bool:
        """Whether the tag opens nothing: HTML's void elements, and Office's ``<o:p/>``."""
        return self.name in _VOID or (self.closes_itself and ":" in self.name)

    def attribute(self, name: str) -> str:
        """The value of an attribute; "" when it is not there."""
        for found in _ATTRIBUTE.finditer(self.attributes):
            if found[1].lower() == name:
                return html.unescape(found[2] or found[3] or found[4] or "")
        return ""


def _tokens(source: str) -> Iterator[_Token]:
    """*source* in pieces that follow one another without a gap."""
    at = 0
    while at < len(source):
        token = _next_token(source, at)
        yield token
        at = token.end
        if token.kind == "open" and token.name in _RAW:
            ending = re.compile(rf"</{token.name}(?=[\s/>])", re.IGNORECASE).search(source, at)
            inside = _Token("other", at, ending.start() if ending else len(source))
            yield inside
            at = inside.end


def _next_token(source: str, at: int) -> _Token:
    if source[at] != "<":
        return _Token("text", at, _to(source, "<", at, keep=False))
    if source.startswith(("<!-->", "<!--->"), at):
        return _Token("other", at, _to(source, ">", at))
    if source.startswith("<!--", at):
        return _Token("other", at, _to(source, "-->", at))
    if source.startswith(("<!", "<?"), at):
        return _Token("other", at, _to(source, ">", at))
    tag = _TAG.match(source, at)
    if tag:
        return _Token("close" if tag[1] else "open", at, tag.end(), tag[2].lower(), tag[3])
    if re.compile(r"</?[a-zA-Z]").match(source, at):
        return _Token("broken", at, len(source))
    if source.startswith("</", at):
        return _Token("other", at, _to(source, ">", at))
    return _Token("text", at, at + 1)


def _to(source: str, mark: str, at: int, *, keep: bool = True) -> int:
    """Where the next *mark* ends, or begins when it is not to be kept; else the end of all."""
    found = source.find(mark, at)
    if found < 0:
        return len(source)
    return found + len(mark) * keep
