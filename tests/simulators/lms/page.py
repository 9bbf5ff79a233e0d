"""The LMS stand-in's page: tasks, notes and the event log, for people.

Everything is escaped, times are local with their zone, nothing is loaded from elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from .model import Component, LmsTenant, Note, Received
from .outbox import Delivery

if TYPE_CHECKING:
    from .simulator import LmsSimulator

_SHOWN = 200
_STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6875; --line: #dde3e8;
  --paper: #fff; --ground: #f4f6f8; --accent: #2f5fb3; --good: #1d7a46; --bad: #b3352f;
  --wait: #8a6100; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #9aa7b4; --line: #33404c;
  --paper: #1b232b; --ground: #12181e; --accent: #8ab0f0; --good: #6fcf97; --bad: #f08a84;
  --wait: #e0b050; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
header, main { max-width: 1120px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 28px; }
h1 { font-size: 22px; margin: 0; }
h2 { font-size: 16px; margin: 32px 0 10px; }
header p, .soft { color: var(--soft); margin: 2px 0; }
nav a { margin-right: 14px; }
a { color: var(--accent); }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; font-size: 13px; color: var(--soft); }
th, td { padding: 10px 14px; vertical-align: top; border-top: 1px solid var(--line); }
thead th { border-top: 0; }
td.time, td.number { white-space: nowrap; font-variant-numeric: tabular-nums; }
.badge { display: inline-block; padding: 0 9px; border-radius: 99px; font-size: 13px;
  border: 1px solid currentColor; white-space: nowrap; }
.good { color: var(--good); } .bad { color: var(--bad); } .wait { color: var(--wait); }
.plain { color: var(--soft); }
.hours { font-weight: 600; font-variant-numeric: tabular-nums; }
details summary { cursor: pointer; color: var(--accent); }
pre { margin: 6px 0 0; font: 12.5px/1.45 ui-monospace, monospace; white-space: pre-wrap;
  overflow-wrap: anywhere; max-width: 620px; }
footer { max-width: 1120px; margin: 32px auto; padding: 0 20px; color: var(--soft); }
"""


def page(lms: LmsSimulator, query: Mapping[str, str]) -> str:
    """The whole page. Query: `tenant`, `refresh` (seconds)."""
    tenants = list(lms.tenants.values())
    shown = lms.tenants.get(query.get("tenant", "")) or (tenants[0] if tenants else None)
    refresh = query.get("refresh", "")
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh.isdecimal() else ""
    body = _nothing() if shown is None else _tenant(lms, shown)
    title = shown.name if shown else "no account yet"
    now = _moment(lms.clock(), shown.zone if shown else ZoneInfo("UTC"))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{again}<title>{escape(title)} – LMS stand-in</title><style>{_STYLE}</style></head><body>"
        f"<header><h1>{escape(title)}</h1><p>Stand-in for the LMS. It is now {now}.</p>"
        f"{_nav(tenants, shown, refresh)}</header><main>{body}</main>"
        "<footer>Built for tests and for looking: what a real LMS must do is in "
        "tests/simulators/README.md.</footer></body></html>"
    )


def _nothing() -> str:
    return (
        '<h2>Tasks</h2><div class="card"><table><tr><td class="soft">No training provider is '
        "connected yet: POST /_sim/tenants.</td></tr></table></div>"
    )


def _nav(tenants: list[LmsTenant], shown: LmsTenant | None, refresh: str) -> str:
    if len(tenants) < 2:
        return ""
    links = []
    for tenant in tenants:
        query = {"tenant": tenant.id} | ({"refresh": refresh} if refresh else {})
        name = escape(tenant.name)
        links.append(
            f"<strong>{name}</strong> "
            if tenant is shown
            else f'<a href="/?{escape(urlencode(query))}">{name}</a>'
        )
    return f"<nav>{' '.join(links)}</nav>"


def _tenant(lms: LmsSimulator, tenant: LmsTenant) -> str:
    received = [one for one in lms.received if one.tenant == tenant.id][-_SHOWN:]
    sent = [one for one in lms.outbox.deliveries if one.tenant == tenant.id][-_SHOWN:]
    return "".join(
        (
            "<h2>Tasks</h2>",
            _table(
                ("Component", "When", "People", "Status", "Evidence"),
                (_task(one, tenant.zone) for one in tenant.components.values()),
                "No components yet.",
            ),
            "<h2>Events from the connector</h2>",
            _table(
                ("Received", "Event", "Component", "Answered", ""),
                (_event(one, tenant.zone) for one in reversed(received)),
                "Nothing received yet.",
            ),
            "<h2>Webhooks to the connector</h2>",
            _table(
                ("Saved", "Webhook", "Component", "State", ""),
                (_webhook(one, tenant.zone) for one in reversed(sent)),
                "Nothing sent yet.",
            ),
        )
    )


def _table(heads: Iterable[str], rows: Iterable[str], empty: str) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    if not body:
        body = f'<tr><td class="soft" colspan="9">{escape(empty)}</td></tr>'
    return (
        f'<div class="card"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _task(component: Component, zone: ZoneInfo) -> str:
    link = ""
    if component.join_url:
        link = f'<div><a href="{escape(_safe(component.join_url))}">Join the meeting</a></div>'
    people = [f"{_name(component.owner)} <span class=soft>(owner)</span>", _name(component.learner)]
    people += [_name(person) for person in (component.manager, component.mentor) if person]
    notes = "".join(_note(note, zone) for note in component.notes)
    return (
        f"<td><strong>{escape(component.name)}</strong><div class=soft>{escape(component.kind)} "
        f"{escape(component.id)}, revision {component.revision}</div>{link}</td>"
        f'<td class="time">{_slot(component, zone)}</td>'
        f"<td>{'<br>'.join(people)}</td>"
        f"<td>{_badge(component.status)}</td><td>{notes}</td>"
    )


def _note(note: Note, zone: ZoneInfo) -> str:
    return (
        f'<div><span class="hours">{escape(note.hours)}</span> {escape(note.title)}'
        f"<div class=soft>{escape(note.outcome)}, noted {_moment(note.at, zone)}</div></div>"
    )


def _event(received: Received, zone: ZoneInfo) -> str:
    sequence = "" if received.sequence is None else f" #{escape(str(received.sequence))}"
    remarks = [f"HTTP {received.status}" if received.status else "dropped"]
    remarks.append("seen before" if received.repeat else received.why)
    detail = "\n".join(f"{name}: {value}" for name, value in sorted(received.headers.items()))
    return (
        f'<td class="time">{_moment(received.at, zone)}</td>'
        f"<td>{escape(received.type)}{sequence}</td>"
        f"<td>{escape(str(received.component or ''))}</td>"
        f"<td>{_badge(', '.join(filter(None, remarks)), good=received.stored)}</td>"
        f"<td>{_details(detail, received.body)}</td>"
    )


def _webhook(delivery: Delivery, zone: ZoneInfo) -> str:
    message = json.loads(delivery.body)
    data = message.get("data") if isinstance(message, dict) else None
    component = data.get("id", "") if isinstance(data, dict) else f"{len(data or ())} components"
    kind = message.get("type", "?") if isinstance(message, dict) else "?"
    attempts = "\n".join(
        f"{_moment(one.at, zone)}: {one.status or 'no answer'} {one.text}"
        for one in delivery.attempts
    )
    return (
        f'<td class="time">{_moment(delivery.made_at, zone)}</td>'
        f"<td>{escape(str(kind))}</td><td>{escape(str(component))}</td>"
        f"<td>{_badge(delivery.state, good=delivery.state == 'delivered')}</td>"
        f"<td>{_details(attempts, delivery.body.decode())}</td>"
    )


def _details(head: str, body: str) -> str:
    with suppress(ValueError):
        body = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    return (
        f"<details><summary>raw</summary><pre>{escape(head)}</pre>"
        f"<pre>{escape(body)}</pre></details>"
    )


def _badge(text: str, *, good: bool | None = None) -> str:
    word = text.partition(":")[0]
    if good is None:
        tone = {
            "scheduled": "good",
            "rescheduled": "good",
            "verified": "good",
            "cancelled": "bad",
            "deleted": "bad",
            "failed": "bad",
            "not verified": "wait",
        }.get(word, "plain")
    else:
        tone = "good" if good else "wait"
    return f'<span class="badge {tone}">{escape(text)}</span>'


def _name(person: Mapping[str, Any] | None) -> str:
    person = person or {}
    name = str(person.get("name") or person.get("email") or "nobody")
    return f'<span title="{escape(str(person.get("email") or ""))}">{escape(name)}</span>'


def _slot(component: Component, zone: ZoneInfo) -> str:
    if component.start is None or component.end is None:
        return '<span class="soft">not dated</span>'
    start, end = component.start.astimezone(zone), component.end.astimezone(zone)
    until = end.strftime("%H:%M %Z")
    if start.date() != end.date():
        until = _moment(end, zone)
    day = f"{start:%a} {start.day} {start:%b %Y}"
    return f"{day}<br>{start:%H:%M} – {until}<div class=soft>{escape(zone.key)}</div>"


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M:%S %Z}"


def _safe(url: str) -> str:
    """Only web addresses become links."""
    return url if url.lower().startswith(("https://", "http://")) else "#"
