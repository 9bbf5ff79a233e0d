"""What request bodies may hold, by hand from Microsoft's v1.0 metadata (graph-metadata). Pure.

An unknown property, a value of the wrong type and an unknown enum member are refused with 400.
Enum members may be written in any case (graph-facts 1.1). Read-only properties are let through
and ignored by whoever reads the body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import GraphError, bad_request


@dataclass(frozen=True, slots=True)
class Type:
    """A property's type: one of the fields says which kind."""

    edm: str
    python: tuple[type, ...] = ()
    members: frozenset[str] = frozenset()
    properties: Mapping[str, Type] | None = None
    element: Type | None = None
    nullable: bool = True


def _enum(name: str, *members: str) -> Type:
    return Type(f"microsoft.graph.{name}", (str,), frozenset(m.casefold() for m in members))


def _complex(name: str, /, **properties: Type) -> Type:
    return Type(f"microsoft.graph.{name}", (dict,), properties=properties)


def _collection(element: Type) -> Type:
    return Type(f"Collection({element.edm})", (list,), element=element)


STRING = Type("Edm.String", (str,))
NAME = Type("Edm.String", (str,), nullable=False)
BOOLEAN = Type("Edm.Boolean", (bool,))
INT = Type("Edm.Int32", (int,))
DOUBLE = Type("Edm.Double", (int, float))
INSTANT = Type("Edm.DateTimeOffset", (str,))
DATE = Type("Edm.Date", (str,))
ANY = Type("Edm.Untyped", (object,))

ITEM_BODY = _complex("itemBody", contentType=_enum("bodyType", "text", "html"), content=STRING)
DATE_TIME_ZONE = _complex("dateTimeTimeZone", dateTime=NAME, timeZone=STRING)
EMAIL = _complex("emailAddress", address=STRING, name=STRING)
RECIPIENT = _complex("recipient", emailAddress=EMAIL)
RESPONSE = _complex(
    "responseStatus",
    response=_enum(
        "responseType",
        "none",
        "organizer",
        "tentativelyAccepted",
        "accepted",
        "declined",
        "notResponded",
    ),
    time=INSTANT,
)
ATTENDEE = _complex(
    "attendee",
    emailAddress=EMAIL,
    type=_enum("attendeeType", "required", "optional", "resource"),
    status=RESPONSE,
    proposedNewTime=_complex("timeSlot", start=DATE_TIME_ZONE, end=DATE_TIME_ZONE),
)
LOCATION = _complex(
    "location",
    displayName=STRING,
    locationEmailAddress=STRING,
    locationUri=STRING,
    uniqueId=STRING,
    locationType=_enum(
        "locationType",
        "default",
        "conferenceRoom",
        "homeAddress",
        "businessAddress",
        "geoCoordinates",
        "streetAddress",
        "hotel",
        "restaurant",
        "localBusiness",
        "postalAddress",
    ),
    uniqueIdType=_enum(
        "locationUniqueIdType", "unknown", "locationStore", "directory", "private", "bing"
    ),
    address=_complex(
        "physicalAddress",
        city=STRING,
        countryOrRegion=STRING,
        postalCode=STRING,
        state=STRING,
        street=STRING,
    ),
    coordinates=_complex(
        "outlookGeoCoordinates",
        accuracy=DOUBLE,
        altitude=DOUBLE,
        altitudeAccuracy=DOUBLE,
        latitude=DOUBLE,
        longitude=DOUBLE,
    ),
)
_DAY = _enum(
    "dayOfWeek", "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"
)
RECURRENCE = _complex(
    "patternedRecurrence",
    pattern=_complex(
        "recurrencePattern",
        dayOfMonth=INT,
        daysOfWeek=_collection(_DAY),
        firstDayOfWeek=_DAY,
        index=_enum("weekIndex", "first", "second", "third", "fourth", "last"),
        interval=INT,
        month=INT,
        type=_enum(
            "recurrencePatternType",
            "daily",
            "weekly",
            "absoluteMonthly",
            "relativeMonthly",
            "absoluteYearly",
            "relativeYearly",
        ),
    ),
    range=_complex(
        "recurrenceRange",
        endDate=DATE,
        numberOfOccurrences=INT,
        recurrenceTimeZone=STRING,
        startDate=DATE,
        type=_enum("recurrenceRangeType", "endDate", "noEnd", "numbered"),
    ),
)
EXTENDED_PROPERTY = _complex("singleValueLegacyExtendedProperty", id=NAME, value=STRING)

EVENT = _complex(
    "event",
    id=STRING,
    changeKey=STRING,
    categories=_collection(STRING),
    createdDateTime=INSTANT,
    lastModifiedDateTime=INSTANT,
    allowNewTimeProposals=BOOLEAN,
    attendees=_collection(ATTENDEE),
    body=ITEM_BODY,
    bodyPreview=STRING,
    cancelledOccurrences=_collection(STRING),
    end=DATE_TIME_ZONE,
    hasAttachments=BOOLEAN,
    hideAttendees=BOOLEAN,
    iCalUId=STRING,
    importance=_enum("importance", "low", "normal", "high"),
    isAllDay=BOOLEAN,
    isCancelled=BOOLEAN,
    isDraft=BOOLEAN,
    isOnlineMeeting=BOOLEAN,
    isOrganizer=BOOLEAN,
    isReminderOn=BOOLEAN,
    location=LOCATION,
    locations=_collection(LOCATION),
    onlineMeeting=_complex(
        "onlineMeetingInfo",
        conferenceId=STRING,
        joinUrl=STRING,
        phones=_collection(ANY),
        quickDial=STRING,
        tollFreeNumbers=_collection(STRING),
        tollNumber=STRING,
    ),
    onlineMeetingProvider=_enum(
        "onlineMeetingProviderType",
        "unknown",
        "skypeForBusiness",
        "skypeForConsumer",
        "teamsForBusiness",
    ),
    onlineMeetingUrl=STRING,
    organizer=RECIPIENT,
    originalEndTimeZone=STRING,
    originalStart=INSTANT,
    originalStartTimeZone=STRING,
    recurrence=RECURRENCE,
    reminderMinutesBeforeStart=INT,
    responseRequested=BOOLEAN,
    responseStatus=RESPONSE,
    sensitivity=_enum("sensitivity", "normal", "personal", "private", "confidential"),
    seriesMasterId=STRING,
    showAs=_enum(
        "freeBusyStatus", "unknown", "free", "tentative", "busy", "oof", "workingElsewhere"
    ),
    start=DATE_TIME_ZONE,
    subject=STRING,
    transactionId=STRING,
    type=_enum("eventType", "singleInstance", "occurrence", "exception", "seriesMaster"),
    webLink=STRING,
    singleValueExtendedProperties=_collection(EXTENDED_PROPERTY),
)
CANCEL = _complex("cancel", Comment=STRING, comment=STRING)
SUBSCRIPTION = _complex(
    "subscription",
    id=STRING,
    applicationId=STRING,
    changeType=NAME,
    clientState=STRING,
    creatorId=STRING,
    encryptionCertificate=STRING,
    encryptionCertificateId=STRING,
    expirationDateTime=NAME,
    includeResourceData=BOOLEAN,
    latestSupportedTlsVersion=STRING,
    lifecycleNotificationUrl=STRING,
    notificationQueryOptions=STRING,
    notificationUrl=NAME,
    notificationUrlAppId=STRING,
    resource=NAME,
)


def check(value: Any, kind: Type, path: str = "") -> None:
    """Raise GraphError 400 unless *value* (parsed JSON) is of that type."""
    if value is None:
        if not kind.nullable:
            raise _unreadable(f"The property '{path}' with a null value is not nullable.")
        return
    fits: bool = isinstance(value, kind.python)
    if isinstance(value, bool) and bool not in kind.python:
        fits = kind is ANY
    if not fits:
        raise _unreadable(f"Cannot convert the value of '{path}' to target type '{kind.edm}'.")
    if kind.members and value.casefold() not in kind.members:
        raise _unreadable(f"Requested value '{value}' was not found in '{kind.edm}' ('{path}').")
    if kind.properties is not None:
        for name, inner in value.items():
            known = kind.properties.get(name)
            if known is not None:
                check(inner, known, f"{path}/{name}" if path else name)
            elif "@" not in name:
                raise _unreadable(
                    f"The property '{name}' does not exist on type '{kind.edm}'. Make sure to only "
                    f"use property names that are defined by the type."
                )
        if kind is DATE_TIME_ZONE and "dateTime" not in value:
            raise _unreadable(f"The property '{path}/dateTime' is required.")
    if kind.element is not None:
        for number, inner in enumerate(value):
            check(inner, kind.element, f"{path}[{number}]")


def check_body(value: Any, kind: Type) -> dict[str, Any]:
    """The body as an object of that type, or GraphError 400."""
    if not isinstance(value, dict):
        raise _unreadable("The request body must be a JSON object.")
    check(value, kind)
    return value


def _unreadable(message: str) -> GraphError:
    return bad_request(message, "RequestBodyRead")
