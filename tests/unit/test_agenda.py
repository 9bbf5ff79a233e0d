"""Descriptions made safe, and our part of a body found again after Exchange has had it."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import agenda

JOIN = (
    "https://teams.microsoft.com/l/meetup-join/19%3ameeting_NmIx%40thread.v2/0"
    "?context=%7b%22Tid%22%3a%22t%22%2c%22Oid%22%3a%22o%22%7d"
)
BLOCK = (
    f"<br>\r\n<div>{'_' * 80}</div>\r\n"
    '<div class="me-email-text" style="color:#252424">\r\n<div>Microsoft Teams meeting</div>\r\n'
    f'<a class="me-email-headline" href="{JOIN}" target="_blank">Click here to join</a>\r\n'
    '<a href="https://teams.microsoft.com/meetingOptions/?organizerId=o">Meeting options</a>'
    f"\r\n</div>\r\n<div>{'_' * 80}</div>\r\n"
)


def exchange(part: str) -> str:
    """*part* as Exchange hands it back: a document of its own, the Teams block after ours."""
    return (
        '<html>\r\n<head>\r\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8">'
        "\r\n<style><!-- p {margin:0} --></style>\r\n</head>\r\n<body>\r\n"
        f"{part}\r\n{BLOCK}</body>\r\n</html>\r\n"
    )


def content(description: str, *, is_html: bool = True) -> str:
    """What stands between the marks."""
    lines = agenda.marked(description, is_html).split("\n")
    inner = "\n".join(lines[1:-1])
    assert inner.startswith("<div>")
    assert inner.endswith("</div>")
    return inner.removeprefix("<div>").removesuffix("</div>")


OURS = agenda.marked("Bring last month's log.", False)
NEW = agenda.marked("<p>Bring <b>this</b> month's.</p>", True)


# --- text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("Bring last month's log.", "Bring last month's log.", id="plain"),
        pytest.param("a < b & c > d", "a &lt; b &amp; c &gt; d", id="escaped"),
        pytest.param("<b>no</b>", "&lt;b&gt;no&lt;/b&gt;", id="tags are text"),
        pytest.param("one\ntwo\r\nthree\rfour", "one<br>\ntwo<br>\nthree<br>\nfour", id="lines"),
        pytest.param("one\n\ntwo\n", "one<br>\n<br>\ntwo", id="blank line kept, last one not"),
        pytest.param("a\0b\x1b\ud800c", "abc", id="characters no mail can hold"),
        pytest.param("", "Nothing has been written yet.", id="nothing"),
        pytest.param(" \r\n ", "Nothing has been written yet.", id="blank"),
    ],
)
def test_text_is_escaped_and_keeps_its_lines(text: str, shown: str) -> None:
    assert content(text, is_html=False) == shown


# --- html ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        pytest.param("<p>a<br>b</p>", "<p>a<br>b</p>", id="kept"),
        pytest.param("<P CLASS=x>a</P>", "<p>a</p>", id="attributes go"),
        pytest.param("<p onclick='x()'>a</p>", "<p>a</p>", id="handlers go"),
        pytest.param("a<script>alert('<p>')</script>b", "ab", id="script goes whole"),
        pytest.param("a<SCRIPT>x</sCript >b", "ab", id="script in any case"),
        pytest.param("a<script>never closed <b>x", "a", id="script left open"),
        pytest.param("a<style>p{}</style><title>t</title>b", "ab", id="style and title"),
        pytest.param("a<svg><svg><b>x</b></svg>y</svg>b", "ab", id="nested drawing"),
        pytest.param("a<svg/>b", "ab", id="drawing closed at once"),
        pytest.param('a<img src=x onerror="x()">b', "ab", id="image"),
        pytest.param("a<!-- b --><![if x]>c<![endif]><?xml d?><!-->e", "ace", id="comments"),
        pytest.param("<custom><o:p>a</o:p></custom>", "a", id="unknown tags give way"),
        pytest.param("<p>a<p>b", "<p>a</p><p>b</p>", id="paragraphs end each other"),
        pytest.param("<b>a<i>b</b>c</i>", "<b>a<i>b</i></b>c", id="crossed"),
        pytest.param("</p></div>a</b>", "a", id="closed but never opened"),
        pytest.param("<div>a<div>b</div>c</div>", "<p>a</p><p>b</p>c", id="div is a paragraph"),
        pytest.param("<ul><li>a<li>b</ul>", "<ul><li>a</li><li>b</li></ul>", id="list"),
        pytest.param(
            "<ol><li>a<ul><li>b</ul><li>c</ol>",
            "<ol><li>a<ul><li>b</li></ul></li><li>c</li></ol>",
            id="list in a list",
        ),
        pytest.param("<li>a", "<p>a</p>", id="item without a list"),
        pytest.param(
            "<table><tr><td>a<td>b<tr><th>c</table>d",
            "<table><tr><td>a</td><td>b</td></tr><tr><th>c</th></tr></table>d",
            id="table",
        ),
        pytest.param(
            "<table><td>a</table>", "<table><tr><td>a</td></tr></table>", id="cell without a row"
        ),
        pytest.param("<td>a</td><tr>b", "ab", id="cells without a table"),
        pytest.param(
            "<b><table><td>a</b>b</table>",
            "<b><table><tr><td>ab</td></tr></table></b>",
            id="nothing closes a table from inside a cell",
        ),
        pytest.param("<h1>a</h1><h6>b</h6>", "<h1>a</h1><h4>b</h4>", id="headings"),
        pytest.param("1 < 2 &lt; 3 & 4", "1 &lt; 2 &lt; 3 &amp; 4", id="loose signs are text"),
        pytest.param("a<b", "a&lt;b", id="tag that never ends is text"),
        pytest.param('<p title="a>b">c</p>', "<p>c</p>", id="sign in an attribute"),
        pytest.param("&#x3C;script&#x3E;", "&lt;script&gt;", id="entities stay text"),
        pytest.param("<p>&nbsp;</p><img>", "Nothing has been written yet.", id="nothing to see"),
    ],
)
def test_html_is_reduced_to_safe_tags(source: str, shown: str) -> None:
    assert content(source) == shown


@pytest.mark.parametrize(
    ("href", "kept"),
    [
        ("https://lms.example/?a=1&amp;b=2", "https://lms.example/?a=1&amp;b=2"),
        ("HTTP://lms.example/a b", "HTTP://lms.example/a%20b"),
        ("mailto:tutor@college.example", "mailto:tutor@college.example"),
        ("https://lms.example/&quot;&gt;&lt;script&gt;", None),
        ("javascript:alert(1)", None),
        ("&#106;avascript:alert(1)", None),
        (" java\tscript:alert(1)", None),
        ("data:text/html,x", None),
        ("//lms.example/", None),
        ("/relative", None),
        ("https://", None),
        (JOIN, None),
        ("", None),
    ],
)
def test_only_links_that_may_be_followed_stay_links(href: str, kept: str | None) -> None:
    shown = content(f'<a href="{href}" target=_blank>here</a>')
    if kept:
        assert shown == f'<a href="{kept}">here</a>'
    else:
        assert "javascript" not in shown
        assert shown in ("here", f'<a href="{href}">here</a>')


def test_a_quote_cannot_leave_its_attribute() -> None:
    shown = content("<a href='https://x.example/\"onmouseover=\"alert(1)'>here</a>")
    assert shown == '<a href="https://x.example/&quot;onmouseover=&quot;alert(1)">here</a>'


# --- other meetings' links ----------------------------------------------------------------------

JOIN_LINKS = [
    pytest.param(JOIN, id="classic"),
    pytest.param("teams.microsoft.com/l/meetup-join/1", id="without a scheme"),
    pytest.param("HTTPS://TEAMS.MICROSOFT.COM/L/MEETUP-JOIN/1", id="upper case"),
    pytest.param("https://gov.teams.microsoft.us/l/meetup-join/1", id="US government"),
    pytest.param("https://teams.microsoft.com/meet/2345?p=abc", id="short"),
    pytest.param("https://teams.live.com/meet/9876", id="personal"),
    pytest.param("msteams:/l/meetup-join/1", id="the app's own scheme"),
    pytest.param("https://teams.microsoft.com/v2/?meetingjoin=true#/meet/1", id="web client"),
    pytest.param(f"https://x.safelinks.example/?url={quote(JOIN, safe='')}", id="in a safe link"),
    pytest.param(f"https://x.example/?u={quote(quote(JOIN, safe=''), safe='')}", id="twice coded"),
    pytest.param("https://teams.microsoft.com/l/meet\u200bup-join/1", id="invisible character"),
    pytest.param("https://teams.microsoft.com/l/&#109;eetup-join/1", id="entity"),
]


@pytest.mark.parametrize("link", JOIN_LINKS)
def test_links_to_other_meetings_are_left_out_of_text(link: str) -> None:
    shown = content(f"Join ({link}) or call.", is_html=False)
    assert shown == "Join [link to a Teams meeting left out] or call."


@pytest.mark.parametrize("link", JOIN_LINKS)
def test_links_to_other_meetings_are_left_out_of_html(link: str) -> None:
    assert content(f'<a href="{link}">our room</a>') == "our room"
    assert content(f"<p>{link}</p>") == "<p>[link to a Teams meeting left out]</p>"


def test_a_link_in_pieces_is_left_out_too() -> None:
    shown = content("<p>See <b>teams.microsoft.com/l/meet</b><i>up-join/1</i></p><p>or call</p>")
    assert shown == "See [link to a Teams meeting left out]<br>\nor call"


@pytest.mark.parametrize(
    "text", ["https://teams.microsoft.com/l/channel/19%3a/General", "the meetup-join page"]
)
def test_other_links_and_words_stay(text: str) -> None:
    assert content(text, is_html=False) == text


# --- what Exchange hands back --------------------------------------------------------------------


def test_our_part_is_replaced_and_the_rest_is_kept_byte_for_byte() -> None:
    assert agenda.replace(exchange(OURS), NEW) == exchange(NEW)
    assert agenda.replace(exchange(OURS), NEW, JOIN) == exchange(NEW)
    assert agenda.replace(OURS, NEW) == NEW


REWRITES: dict[str, Callable[[str], str]] = {
    "ids prefixed": lambda body: body.replace('id="', 'id="x_'),
    "ids prefixed twice": lambda body: body.replace('id="', 'id="x_x_'),
    "ids gone": lambda body: re.sub(r' id="[^"]*"', "", body),
    "attributes without quotes": lambda body: re.sub(r'id="([^"]*)"', r"id=\1", body),
    "upper-case tags": lambda body: re.sub(r"</?\w+", lambda tag: tag[0].upper(), body),
    "lines broken": lambda body: body.replace("kept in", "kept\r\n in").replace("the a", "the\na"),
    "non-breaking spaces": lambda body: body.replace("of the", "of&nbsp;the"),
    "rule as entities": lambda body: body.replace("\u2504", "&#9476;"),
    "rule lost": lambda body: body.replace("\u2504", "?"),
    "words in spans": lambda body: re.sub(
        r"(\u2504.*?\u2504+)", r'<span style="x"><font>\1</font></span>', body
    ),
    "comments inside": lambda body: body.replace("\u2504 A", "\u2504<!-- x --> A"),
    "as Outlook's editor leaves it": lambda body: (
        body.replace("<div>", '<p class="MsoNormal">')
        .replace('<div id="lms-agenda-start" style="color:#767676;font-size:9pt">', "<p><span>")
        .replace('<div id="lms-agenda-end" style="color:#767676;font-size:9pt">', "<p><span>")
        .replace("\u2504</div>", "\u2504<o:p></o:p></span></p>")
        .replace("</div>", "</p>")
    ),
    "one more div around": lambda body: f'<div class="WordSection1">\r\n{body}\r\n</div>',
}


@pytest.mark.parametrize("rewrite", REWRITES.values(), ids=REWRITES)
def test_marks_are_recognised_after(rewrite: Callable[[str], str]) -> None:
    body = exchange("\r\n<p>Hello from the tutor</p>@@<p>Bye</p>")
    found = agenda.replace(body.replace("@@", rewrite(OURS)), NEW)
    if rewrite is REWRITES["one more div around"]:
        assert found == body.replace("@@", rewrite(NEW))
    else:
        assert found == body.replace("@@", NEW)


HALVES = OURS.split("\n")
START, END = HALVES[0], HALVES[-1]


@pytest.mark.parametrize(
    "part",
    [
        pytest.param("", id="both gone"),
        pytest.param(OURS.replace(START, ""), id="start gone"),
        pytest.param(OURS.replace(END, ""), id="end gone"),
        pytest.param(OURS.replace(START, START + START), id="start twice"),
        pytest.param(OURS + OURS, id="all twice"),
        pytest.param(OURS + END, id="end twice"),
        pytest.param(f"{END}\n<p>agenda</p>\n{START}", id="in the wrong order"),
        pytest.param(OURS.replace("<div>", f"<div>{BLOCK}"), id="Teams block within"),
        pytest.param(f"{START}{'_' * 80}{END}", id="a Teams rule within"),
        pytest.param(f'{START}<a href="{JOIN}">x</a>{END}', id="a join link within"),
        pytest.param(f'{START}<i class="x_me-email-text">x</i>{END}', id="block's class within"),
        pytest.param(START.replace(">", ">Mine ", 1) + END, id="start written into"),
        pytest.param(
            f"{START.replace('Agenda', 'My own Agenda')}<p>x</p>{END}", id="start has other words"
        ),
        pytest.param(f"<div>{START}<p>x</p></div>{END}", id="in different places"),
        pytest.param(f"{START}<table><tr><td>{END}</td><td>x</td></table>", id="end in a table"),
        pytest.param(START.replace("</", "<img src=x></") + END, id="a picture put into a mark"),
        pytest.param(f"<p><img src=x>{START}</p>{END}", id="a picture beside a mark"),
        pytest.param(OURS.removesuffix("</div>"), id="end never closed"),
        pytest.param(f"<!--{OURS}-->", id="in a comment"),
        pytest.param(f"<title>{OURS}</title>", id="in raw text"),
        pytest.param("<b>" * 500 + OURS, id="very deep"),
        pytest.param(f"{OURS}<p", id="a tag that never ends"),
    ],
)
def test_an_agenda_whose_marks_are_not_intact_is_left_alone(part: str) -> None:
    body = part if part.endswith("<p") else exchange(part)
    assert agenda.replace(body, NEW) is None


def test_a_body_that_lost_its_meeting_is_left_alone() -> None:
    without = exchange(OURS).replace(BLOCK, "")
    assert agenda.replace(without, NEW, JOIN) is None
    assert agenda.replace(exchange(OURS), NEW, JOIN.replace("NmIx", "other")) is None


def test_the_links_spelling_in_the_body_may_differ() -> None:
    spelt = exchange(OURS).replace(JOIN, JOIN.replace("&", "&amp;").replace("%3a", "%3A"))
    assert agenda.replace(spelt, NEW, JOIN) is not None


def test_a_description_cannot_imitate_a_mark() -> None:
    words = unescape(re.sub(r"<[^>]*>", "", END))
    for description in (OURS, END, words):
        for is_html in (True, False):
            body = exchange(agenda.marked(description, is_html))
            assert agenda.replace(body, NEW) == exchange(NEW)


def test_a_line_of_underscores_in_a_description_is_not_taken_for_teams() -> None:
    for is_html in (True, False):
        body = exchange(agenda.marked("_" * 200, is_html))
        assert agenda.replace(body, NEW) == exchange(NEW)


# --- digests ------------------------------------------------------------------------------------


def test_a_digest_is_of_what_is_shown() -> None:
    assert agenda.digest("a", False) == agenda.digest("a\n", False)
    assert agenda.digest("a", False) == agenda.digest("a<script>x</script>", True)
    assert agenda.digest("<b>a</b>", False) != agenda.digest("<b>a</b>", True)
    assert agenda.digest("a", False) != agenda.digest("b", False)


# --- properties ---------------------------------------------------------------------------------

ALLOWED = {
    "div", "p", "br", "b", "strong", "i", "em", "u", "a", "h1", "h2", "h3", "h4",
    "ul", "ol", "li", "table", "thead", "tbody", "tr", "td", "th",
}  # fmt: skip


class Inspector(HTMLParser):
    """Fails on anything that an agenda must not hold."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED
        for name, value in attrs:
            assert (tag, name) in {("a", "href"), ("div", "id"), ("div", "style")}
            if name == "href":
                assert re.match(r"(?i)https?://|mailto:", value or "")
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)


def inspect(part: str) -> None:
    inspector = Inspector()
    inspector.feed(part)
    inspector.close()
    assert inspector.open == []
    words = unescape(re.sub(r"<(?:br|/?(?:p|li|h\d|t\w+))>", "\n", part))
    for shown in (part, words, re.sub("<[^>]*>", "", words)):
        assert "l/meetup-join" not in shown


names = st.sampled_from([*sorted(ALLOWED), "script", "style", "svg", "img", "o:p", "custom"])
links = st.sampled_from(
    ["https://x.example/", "javascript:alert(1)", JOIN, '">', "mailto:a@b", "data:,x"]
)
pieces = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            *(
                "<",
                ">",
                "&",
                "<!--",
                "-->",
                "</",
                "<!",
                "&lt;",
                "&#0;",
                '"',
                "'",
                "/>",
                "<![CDATA[",
            ),
            *("\u2504" * 3, "_" * 40, "teams.microsoft.com/l/", "meetup-join/1", "\r\n"),
            *(START, END),
        ]
    ),
    names.map("<{}>".format),
    names.map("</{}>".format),
    st.builds('<{} href="{}" onclick="x()" id="lms-agenda-end">'.format, names, links),
    st.builds("<a href='{}'".format, links),
)
hostile = st.lists(pieces, max_size=25).map("".join)


@given(hostile, st.booleans())
def test_nothing_dangerous_comes_out_and_all_is_balanced(description: str, is_html: bool) -> None:
    inspect(agenda.marked(description, is_html))


@given(hostile, hostile, st.booleans())
def test_what_we_wrote_is_found_again_whatever_it_says(old: str, new: str, is_html: bool) -> None:
    ours, theirs = agenda.marked(old, is_html), agenda.marked(new, not is_html)
    assert agenda.replace(exchange(ours), theirs, JOIN) == exchange(theirs)


@given(hostile, hostile, hostile)
def test_no_byte_outside_the_marks_ever_changes(before: str, within: str, after: str) -> None:
    """Whatever stands around: either nothing is done, or only what is between the marks goes."""
    body = before + START + within + END + after
    new = agenda.replace(body, "@NEW@")
    if new is not None:
        kept_before, kept_after = new.split("@NEW@")
        assert body.startswith(kept_before)
        assert body.endswith(kept_after)
        gone = body[len(kept_before) : len(body) - len(kept_after)]
        assert gone.count("<div") >= 2
        assert JOIN not in gone


@given(hostile)
def test_reducing_twice_changes_nothing(description: str) -> None:
    once = content(description)
    assert content(once) == once


@pytest.mark.parametrize(
    "piece", ["<", "<a ", "<!--", '<a b="', "<title>", "<p>", "</b>", "<table><td>", "&amp;", "%25"]
)
def test_long_hostile_input_takes_no_long_time(piece: str) -> None:
    """32,000 characters: a quadratic reading would be felt as a hanging test."""
    description = piece * (32_000 // len(piece))
    inspect(agenda.marked(description, True))
    agenda.replace(description * 10, NEW)
