"""The block that makes a calendar item a Teams meeting, and the HTML round it. Pure.

Where the block stands and what it holds: graph-facts 1.1. What becomes of a meeting whose body is
written without it: 2.2. Its markup is not to be relied on, hence two styles.
"""

from __future__ import annotations

import html
import re

_LINE = "_" * 80
_CLASSIC = (
    '<br><div style="width:100%; height:20px"><span style="white-space:nowrap; color:#5F5F5F; '
    'opacity:.36">{line}</span></div>\r\n'
    '<div class="me-email-text" lang="en-GB"><div><span>Microsoft Teams meeting</span></div>\r\n'
    '<div><a class="me-email-headline" href="{link}">Click here to join the meeting</a></div>\r\n'
    "<div>Conference ID: {number}</div>\r\n"
    '<div><a href="https://teams.microsoft.com/meetingOptions/">Meeting options</a></div></div>\r\n'
    '<div style="width:100%; height:20px"><span>{line}</span></div>'
)
_NEW = (
    '<br><div style="margin-bottom:24px"><span style="opacity:.36">{line}</span></div>\r\n'
    '<div><span style="font-size:20px">Microsoft Teams</span> '
    '<a href="https://aka.ms/JoinTeamsMeeting?omkt=en-GB">Need help?</a></div>\r\n'
    '<div><a href="{link}">Join the meeting now</a></div>\r\n'
    "<div>Meeting ID: {number}</div>\r\n"
    "<div>{line}</div>"
)
_TAG = re.compile(r"<(script|style|head)\b.*?</\1>|<[^>]+>", re.IGNORECASE | re.DOTALL)
_JOIN_URL = re.compile(r"https://teams\.microsoft\.com/l/meetup-join/[^\s\"'<>]+")


def make_join_url(thread_id: str, tenant_id: str, organizer_id: str) -> str:
    context = f"%7b%22Tid%22%3a%22{tenant_id}%22%2c%22Oid%22%3a%22{organizer_id}%22%7d"  # {"Tid":…}
    thread = thread_id.replace(":", "%3a").replace("@", "%40")
    return f"https://teams.microsoft.com/l/meetup-join/{thread}/0?context={context}"


def block(join_url: str, conference_id: str, style: str) -> str:
    """The Teams part of a body, HTML."""
    template = _NEW if style == "new" else _CLASSIC
    return template.format(line=_LINE, link=html.escape(join_url), number=conference_id)


def document(content: str, content_type: str, teams: str = "") -> str:
    """Content as Exchange gives it back: a whole HTML document, the block behind our part."""
    if content_type.casefold() == "text":
        content = html.escape(content, quote=False).replace("\n", "<br>\r\n")
    if "</body>" in content.casefold():
        at = content.casefold().rindex("</body>")
        return f"{content[:at]}{teams}{content[at:]}"
    return (
        '<html>\r\n<head>\r\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8">'
        f"\r\n</head>\r\n<body>\r\n{content}{teams}\r\n</body>\r\n</html>\r\n"
    )


def join_urls_in(content: str) -> list[str]:
    return _JOIN_URL.findall(html.unescape(content))


def text_of(content: str) -> str:
    return html.unescape(_TAG.sub("", content)).strip()


def preview(content: str) -> str:
    """The first 255 characters of the text, the block's included (graph-facts 1.1)."""
    return text_of(content)[:255]
