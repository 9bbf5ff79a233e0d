"""What the LMS writes, as people read it: in Teams, on the stand-in's page, in other programs.

Judged by Python's own parser of HTML, which the agenda's sanitizer does not use.
"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import azure.functions as func
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from component_http import graph_notifications
from shared import agenda
from shared.attendance import note_title
from tests.flows.world import LEARNER, TENANT, TUTOR, World

TAGS = {
    "a", "b", "br", "div", "em", "h1", "h2", "h3", "h4", "i", "li", "ol", "p", "strong", "table",
    "tbody", "td", "th", "thead", "tr", "u", "ul",
}  # fmt: skip
"""What may stand in an agenda; ``div`` with its two attributes is only ours to write."""
MARKS = {
    ("id", "lms-agenda-start"),
    ("id", "lms-agenda-end"),
    ("style", "color:#767676;font-size:9pt"),
}

XSS = [
    "<script>x()</script>", "<SCRIPT SRC=//e.example/x.js></SCRIPT>",
    "<scr<script>ipt>x()</script>", "<script\x0c>x()</script\x0c>", "<script/x>x()</script>",
    "<<script>x()//<</script>", "<img src=x onerror=x()>", "<img src='x' onerror='x()'",
    '<img """><script>x()</script>">', "<img src=`x` onerror=x()>", "<img/src=x/onerror=x()>",
    "<image src=x onerror=x()>", "<svg onload=x()>", "<svg><script>x()</script></svg>",
    "<svg><a xlink:href=javascript:x()>y</a>", "<svg><animate onbegin=x() attributeName=x>",
    "<svg><style><img src=x onerror=x()></style>",
    "<math><mi//xlink:href='data:x,<script>x()</script>'>",
    "<math><mtext><style><img src=x onerror=x()>", "<iframe src=javascript:x()>",
    "<iframe srcdoc='<script>x()</script>'>", "<object data=javascript:x()>",
    "<embed src=javascript:x()>", "<applet code=x>", "<base href=javascript:x()//>",
    "<link rel=import href=x>", "<meta http-equiv=refresh content='0;url=javascript:x()'>",
    "<form action=javascript:x()><button>y", "<input autofocus onfocus=x()>",
    "<textarea><img src=x onerror=x()></textarea>", "<details open ontoggle=x()>",
    "<video><source onerror=x()>", "<audio src=x onerror=x()>", "<body onload=x()>",
    "<marquee onstart=x()>", "<a href=javascript:x()>y</a>", "<a href='JaVaScRiPt:x()'>y</a>",
    "<a href=' javascript:x()'>y</a>", "<a href='java\tscript:x()'>y</a>",
    "<a href='java\nscript:x()'>y</a>", "<a href='java\0script:x()'>y</a>",
    "<a href='&#106;avascript:x()'>y</a>", "<a href='&#x6A;avascript:x()'>y</a>",
    "<a href='javascript&colon;x()'>y", "<a href='java&Tab;script:x()'>y</a>",
    "<a href='\x01javascript:x()'>y</a>", "<a href='vbscript:x()'>y</a>",
    "<a href='data:text/html,<script>x()</script>'>y</a>", "<a href='//e.example'>y</a>",
    "<a href='file:///etc'>y</a>", "<a href='ms-msdt:/id x'>y</a>",
    "<a href='https://e.example\" onclick=\"x()'>y</a>",
    "<a href=\"https://e.example' onmouseover='x()\">y</a>",
    "<a href=https://e.example/`onclick=x()>y</a>",
    "<a href='https://e.example' style=x:expression(x())>y</a>",
    "<a href='https://e.example' target=x download>y</a>",
    "<p style='background:url(javascript:x())'>y</p>", "<p style='behavior:url(x)'>y</p>",
    "<p/onclick=x()>y</p>", "<p id=lms-agenda-end>y</p>", "<p class='me-email-text'>y</p>",
    "<div id='lms-agenda-start' style='x'>y</div>", "<style>@import'//e.example'</style>",
    "<style>*{x:expression(x())}", "<!--><script>x()</script>-->",
    "<!--[if gte IE 4]><script>x()</script><![endif]-->", "<!-- --!><script>x()</script> -->",
    "<![CDATA[<script>x()</script>]]>", "<?xml x?><script>x()</script>",
    "<!DOCTYPE x [<!ENTITY y 'z'>]>", "<xmp><p title='</xmp><img src=x onerror=x()>'>",
    "<noscript><p title='</noscript><img src=x onerror=x()>'>",
    "<title><a title='</title><img src=x onerror=x()>'>",
    "<template><script>x()</script></template>", "<select><style></select><script>x()</script>",
    "<table><td><svg><td><style><script>x()</script>", "<b <script>x()</script>",
    "<a <b onclick=x()>", "</p onclick=x()>", "<p title=\"'><script>x()</script>\">",
    "&lt;script&gt;x()&lt;/script&gt;", "&amp;lt;script&amp;gt;x()", "%3Cscript%3Ex()%3C/script%3E",
    "\u003cscript\u003ex()", "＜script＞x()＜/script＞", "\u2028<script>x()\u2029",
    "<\u0000script>x()</script>", "javascript:x()", "{{7*7}}", "${7*7}", "#{7*7}", "<%= 7*7 %>",
    "`id`", "$(id)", "'; DROP TABLE x; --", "<o:p><script>x()</o:p>",
    "<x:script xmlns:x='http://www.w3.org/1999/xhtml'>x()</x:script>",
    "<isindex type=image src=x onerror=x()>", "<keygen autofocus onfocus=x()>",
    "<dialog open onclose=x()>",
]  # fmt: skip
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(1)",
    "=cmd|'/c calc'!A0",
    '=HYPERLINK("https://e.example")',
    "\t=1",
    "\r=1",
]


class Reader(HTMLParser):
    """What a parser makes of a text: every tag with its attributes, and the words between."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.others: list[str] = []
        self.words = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_decl(self, decl: str) -> None:
        self.others.append(decl)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)

    def unknown_decl(self, data: str) -> None:
        self.others.append(data)


def agenda_is_harmless(description: str, *, is_html: bool) -> None:
    """Raises AssertionError unless nothing but what is allowed remains."""
    read = Reader(agenda.marked(description, is_html))
    assert read.others == []
    for tag, attributes in read.tags:
        assert tag in TAGS
        if tag == "a":
            assert list(attributes) == ["href"]
            assert re.match(r"(?:https?://|mailto:)[!-~]", str(attributes["href"]), re.IGNORECASE)
        elif tag == "div":
            assert set(attributes.items()) <= MARKS
        else:
            assert attributes == {}
    assert [a["id"] for t, a in read.tags if "id" in a] == ["lms-agenda-start", "lms-agenda-end"]


@pytest.mark.parametrize("attack", XSS, ids=ascii)
def test_an_attack_in_an_agenda_is_words_or_nothing(attack: str) -> None:
    for around in (
        "{}",
        "<p>{}</p>",
        "<ul><li>{}",
        "<a href='{}'>x</a>",
        '<p title="{}">x</p>',
        "<b{}>",
    ):
        for is_html in (True, False):
            agenda_is_harmless(around.replace("{}", attack), is_html=is_html)


@settings(deadline=None, derandomize=True, database=None, max_examples=150)
@given(
    st.lists(st.sampled_from([*XSS, "<", ">", "'", '"', "</", "<p>", "=", " ", "/"]), max_size=6)
)
def test_attacks_put_together_are_no_better(attacks: list[str]) -> None:
    agenda_is_harmless("".join(attacks), is_html=True)


# -- names --------------------------------------------------------------------------------


def shown(world: World) -> Reader:
    return Reader(world.lms.call("GET", "/", None, {}).body.decode())


@pytest.fixture(scope="module")
def plain() -> Reader:
    """The page with nothing but ordinary words on it."""
    world = World()
    world.save()
    world.close()
    return shown(world)


@pytest.mark.parametrize("attack", [*XSS, *FORMULAS], ids=ascii)
def test_an_attack_in_a_name_is_a_name(attack: str, plain: Reader) -> None:
    """In Teams as JSON, byte for byte; on the page as words; in no file that a sheet would open."""
    if "\0" in attack:
        attack = attack.replace("\0", "")  # refused at the door
    world = World()
    people = [{**one, "name": attack} for one in (TUTOR, LEARNER)]
    world.save(f"C-{attack}"[:200], name=attack, owner=people[0], learner=people[1])
    world.close()
    assert world.event.subject == attack
    request = next(call for call in world.sent if call.url.endswith("/events"))
    assert json.loads(request.body or b"")["subject"] == attack
    page = shown(world)
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    assert [sorted(a) for _, a in page.tags] == [sorted(a) for _, a in plain.tags]
    assert _spaced(attack) in _spaced(page.words)


def _spaced(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("\r", "\n")).strip()


@pytest.mark.parametrize("attack", FORMULAS)
def test_the_hours_note_begins_with_the_name_as_it_is(attack: str) -> None:
    """It is JSON to the LMS, which shows it as text; we write no file that a sheet would open."""
    assert note_title(attack) == f"{attack} hours verified"


def test_the_one_answer_that_repeats_what_was_sent_is_no_html() -> None:
    """A browser that is pointed at an answer runs nothing of it."""
    request = func.HttpRequest(
        "POST", "/", params={"validationToken": XSS[0]}, headers={}, body=b""
    )
    answer = graph_notifications(request)
    assert answer.get_body().decode() == XSS[0]
    assert answer.mimetype == "text/plain"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_tenants_name_on_the_page_is_a_name() -> None:
    world = World()
    sim: Any = world.lms
    sim.tenants[TENANT].name = XSS[0]
    page = shown(world)
    world.close()
    assert XSS[0] in page.words
    assert "script" not in [tag for tag, _ in page.tags]
