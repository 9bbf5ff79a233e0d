"""Microsoft Graph stand-in. See `GraphSimulator`."""

from . import people
from .model import Attendee, Event, Mail, Meeting, Person, PropertyId, Report, Tenant, User
from .simulator import ALL_ROLES, GraphSimulator
from .switches import GraphSwitches

__all__ = [
    "ALL_ROLES",
    "Attendee",
    "Event",
    "GraphSimulator",
    "GraphSwitches",
    "Mail",
    "Meeting",
    "Person",
    "PropertyId",
    "Report",
    "Tenant",
    "User",
    "people",
]
