"""Graph's back door over HTTP: the same as the attributes of `GraphSimulator`, under `/_sim/`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, get_args

from ..clock import parse_instant
from ..door import Door, Knock
from .journal import Entry
from .model import Event, Mail, MailboxState, Report, User
from .state import EVER

if TYPE_CHECKING:
    from .simulator import GraphSimulator

_TUTOR: dict[str, tuple[str, ...]] = {
    "moves": ("start", "end", "zone"),
    "cancels": ("comment", "leaves"),
    "deletes": (),
    "retitles": ("subject",),
    "rewrites_body": ("html",),
    "adds_attendee": ("address", "name"),
    "removes_attendee": ("address",),
    "moves_to_calendar": ("name",),
    "makes_all_day": (),
    "makes_series": ("weeks",),
    "renews_link": (),
    "goes_offline": (),
    "attendee_responds": ("address", "response"),
}
_USER_SETTINGS = ("mailbox", "teams", "attendance_reports", "display_name", "mail", "upn")


def graph_door(graph: GraphSimulator) -> Door:
    door = Door(graph.clock, graph.lock)
    door.add_faults(graph.faults)
    door.on("POST", "/_sim/tenants", lambda knock: _open_tenant(graph, knock))
    door.on("POST", "/_sim/users", lambda knock: _open_user(graph, knock))
    door.on("PATCH", "/_sim/users/{user}", lambda knock: _change_user(graph, knock))
    door.on("DELETE", "/_sim/users/{user}", lambda knock: graph.delete_user(knock["user"]))
    door.on("GET", "/_sim/switches", lambda _: _switches(graph))
    door.on("PATCH", "/_sim/switches", lambda knock: _switch(graph, knock))
    door.on("GET", "/_sim/requests", lambda knock: _requests(graph, knock))
    door.on("DELETE", "/_sim/requests", lambda _: graph.journal.clear())
    door.on("GET", "/_sim/counters", lambda _: _counters(graph))
    door.on("GET", "/_sim/mails", lambda knock: _mails(graph, knock))
    _hang_events(door, graph)
    _hang_meetings(door, graph)
    _hang_subscriptions(door, graph)
    return door


def _hang_events(door: Door, graph: GraphSimulator) -> None:
    door.on("GET", "/_sim/events", lambda knock: _events(graph, knock))
    door.on("GET", "/_sim/events/{event}", lambda knock: _event(graph.event(knock["event"])))
    door.on("POST", "/_sim/events", lambda knock: _event(graph.tutor.creates(**knock.body)))
    for action, names in _TUTOR.items():
        path = f"/_sim/events/{{event}}/{action.replace('_', '-')}"
        door.on("POST", path, _tutor_action(graph, action, names))


def _tutor_action(
    graph: GraphSimulator, action: str, names: tuple[str, ...]
) -> Callable[[Knock], Any]:
    def act(knock: Knock) -> dict[str, Any]:
        if unknown := set(knock.body) - set(names):
            raise ValueError(f"unknown: {sorted(unknown)}; there are {names}")
        changed: Event = getattr(graph.tutor, action)(knock["event"], **knock.body)
        return _event(changed)

    return act


def _hang_meetings(door: Door, graph: GraphSimulator) -> None:
    attendance = graph.attendance

    def hold(knock: Knock) -> list[dict[str, Any]]:
        """`{"meeting", "people": [[person, [[from, to], …]], …], "split"?, "total"?}`"""
        body = knock.body
        people = [(person, [(a, b) for a, b in spells]) for person, spells in body["people"]]
        reports = attendance.hold(
            body["meeting"], people, split=body.get("split", True), total=body.get("total")
        )
        return [_report(report) for report in reports]

    def join(knock: Knock) -> dict[str, str]:
        """`{"meeting", "person", "at"?, "device"?, "new_record"?}`"""
        body = dict(knock.body)
        return {"record": attendance.join(body.pop("meeting"), body.pop("person"), **body)}

    def leave(knock: Knock) -> dict[str, Any]:
        """`{"meeting", "who", "at"?, "device"?}`"""
        body = dict(knock.body)
        report = attendance.leave(body.pop("meeting"), body.pop("who"), **body)
        return {"report": _report(report) if report else None}

    def end(knock: Knock) -> dict[str, Any]:
        """`{"meeting", "at"?}`"""
        report = attendance.end(knock.body["meeting"], knock.body.get("at"))
        return {"report": _report(report) if report else None}

    def add_report(knock: Knock) -> dict[str, Any]:
        """`{"meeting", "startedAt", "endedAt", "records", "total"?}`"""
        body = knock.body
        started, ended = parse_instant(body["startedAt"]), parse_instant(body["endedAt"])
        report = attendance.add_report(
            body["meeting"], started, ended, body["records"], body.get("total")
        )
        return _report(report)

    door.on("POST", "/_sim/meetings/hold", hold)
    door.on("POST", "/_sim/meetings/join", join)
    door.on("POST", "/_sim/meetings/leave", leave)
    door.on("POST", "/_sim/meetings/end", end)
    door.on("POST", "/_sim/meetings/report", add_report)


def _hang_subscriptions(door: Door, graph: GraphSimulator) -> None:
    subscriptions = graph.subscriptions

    def shown(_: Knock) -> list[dict[str, Any]]:
        return [
            {
                "id": one.id,
                "tenant": one.tenant,
                "user": one.user.upn,
                "notificationUrl": one.notification_url,
                "lifecycleNotificationUrl": one.lifecycle_url,
                "expires": one.expires,
            }
            for one in subscriptions.active.values()
        ]

    def lifecycle(knock: Knock) -> None:
        """`{"event": reauthorizationRequired, subscriptionRemoved or missed}`"""
        subscriptions.send_lifecycle(knock["subscription"], knock.body["event"])

    def notifications(_: Knock) -> dict[str, Any]:
        notifier = subscriptions.notifier
        return {
            "deliveries": [asdict(delivery) for delivery in list(notifier.deliveries)],
            "waiting": notifier.waiting(),
            "dropped": notifier.dropped,
        }

    door.on("GET", "/_sim/subscriptions", shown)
    door.on("POST", "/_sim/subscriptions/{subscription}/lifecycle", lifecycle)
    door.on("GET", "/_sim/notifications", notifications)


def _open_tenant(graph: GraphSimulator, knock: Knock) -> dict[str, Any]:
    """`{"id", "name"?, "rbacScope"?: [user, …] or null, "attendanceReports"?}`"""
    body = knock.body
    tenant = graph.tenants.get(body["id"].lower()) or graph.add_tenant(
        body["id"], body.get("name", "")
    )
    if "rbacScope" in body:
        scope = body["rbacScope"]
        tenant.rbac_scope = None if scope is None else {graph.user(one).id for one in scope}
    tenant.attendance_reports = body.get("attendanceReports", tenant.attendance_reports)
    return {"id": tenant.id, "name": tenant.name}


def _open_user(graph: GraphSimulator, knock: Knock) -> dict[str, Any]:
    """`{"tenant", "upn", …}` with the keywords of `add_user`."""
    body = dict(knock.body)
    return _user(graph.add_user(body.pop("tenant"), body.pop("upn"), **body))


def _change_user(graph: GraphSimulator, knock: Knock) -> dict[str, Any]:
    """Any of `mailbox`, `teams`, `attendance_reports`, `display_name`, `mail`, `upn`,
    `access_policy` (true, false, or "now": it takes `policy_delay_s`)."""
    user = graph.user(knock["user"])
    for name, value in knock.body.items():
        if name == "access_policy":
            since = {True: EVER, False: None, "now": graph.clock()}
            user.access_policy_since = since[value]
        elif name in _USER_SETTINGS:
            if name == "mailbox" and value not in get_args(MailboxState):
                raise ValueError(f"no mailbox state {value!r}; there are {get_args(MailboxState)}")
            setattr(user, name, value)
        else:
            raise ValueError(f"unknown: {name}")
    graph.state.index_user(user)
    return _user(user)


def _switches(graph: GraphSimulator) -> dict[str, Any]:
    return {
        switch.name: sorted(value) if isinstance(value, set) else value
        for switch in fields(graph.switches)
        for value in [getattr(graph.switches, switch.name)]
    }


def _switch(graph: GraphSimulator, knock: Knock) -> dict[str, Any]:
    graph.set_switches(**knock.body)
    return _switches(graph)


def _requests(graph: GraphSimulator, knock: Knock) -> list[dict[str, Any]]:
    wanted = {name: knock.query.get(name) for name in ("kind", "tenant", "method", "path")}
    found: list[Entry] = graph.journal.requests(**wanted)
    last = int(knock.query.get("last", "200"))
    return [asdict(entry) for entry in found[-last:]]


def _counters(graph: GraphSimulator) -> dict[str, Any]:
    journal = graph.journal
    return {
        "kinds": dict(journal.kinds),
        "statuses": dict(journal.statuses),
        "metered": journal.metered,
        "peaks": {f"{app} {mailbox}": most for (app, mailbox), most in journal.peaks.items()},
        "mails": len(journal.mails),
        "events": len(graph.events),
        "liveEvents": len(graph.live_events()),
    }


def _mails(graph: GraphSimulator, knock: Knock) -> list[dict[str, Any]]:
    wanted = knock.query.get("to", "").casefold()
    return [_mail(one) for one in graph.journal.mails if not wanted or one.to.casefold() == wanted]


def _events(graph: GraphSimulator, knock: Knock) -> list[dict[str, Any]]:
    """Query: `mailbox`, `tenant`, `state` (live, cancelled, deleted, all), `copies=1`."""
    state = knock.query.get("state", "live")
    mailbox = knock.query.get("mailbox")
    owner = graph.user(mailbox) if mailbox else None
    return [
        _event(event)
        for event in graph.events.values()
        if state in ("all", event.state)
        and (owner is None or event.user is owner)
        and knock.query.get("tenant", event.user.tenant.id) == event.user.tenant.id
        and (event.is_organizer or knock.query.get("copies") == "1")
    ]


def _event(event: Event) -> dict[str, Any]:
    return {
        "key": event.key,
        "id": event.id,
        "immutableId": event.immutable_id,
        "tenant": event.user.tenant.id,
        "mailbox": event.user.upn,
        "calendar": event.calendar.name,
        "state": event.state,
        "isCancelled": event.is_cancelled,
        "isOrganizer": event.is_organizer,
        "subject": event.subject,
        "start": event.start.isoformat(),
        "end": event.end.isoformat(),
        "timeZone": event.start_zone,
        "isAllDay": event.is_all_day,
        "isSeries": event.recurrence is not None,
        "isOnline": event.is_online,
        "joinUrl": event.join_url,
        "joinUrls": event.join_urls,
        "changeKey": event.change_key,
        "transactionId": event.transaction_id,
        "properties": {str(name): value for name, value in event.properties.items()},
        "attendees": [
            {"address": attendee.address, "response": attendee.response}
            for attendee in event.attendees
        ],
        "body": event.content,
        "mails": [_mail(mail) for mail in event.mails],
    }


def _mail(mail: Mail) -> dict[str, Any]:
    return {
        "at": mail.at.isoformat(),
        "kind": mail.kind,
        "to": mail.to,
        "event": mail.event,
        "organizer": mail.organizer,
        "subject": mail.subject,
        "start": mail.start.isoformat(),
        "comment": mail.comment,
    }


def _user(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "tenant": user.tenant.id,
        "upn": user.upn,
        "mail": user.mail,
        "mailbox": user.mailbox,
        "teams": user.teams,
        "access_policy": user.access_policy_since is not None,
        "attendance_reports": user.attendance_reports,
    }


def _report(report: Report) -> dict[str, Any]:
    return {
        "id": report.id,
        "startedAt": report.started_at.isoformat(),
        "endedAt": report.ended_at.isoformat(),
        "readyAt": report.ready_at.isoformat(),
        "total": report.total,
        "records": report.records,
    }
