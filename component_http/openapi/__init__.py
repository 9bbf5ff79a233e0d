"""The API's description: OpenAPI 3.1, served at ``/api/openapi.json``. No I/O.

What the schemas can say is what ``shared.contract`` accepts; the tests hold the two together.
Limits and lists of values come from the code that judges by them. What a schema cannot say (an end
after its start, a public callback address) stands in its description.
"""

from __future__ import annotations

from component_http.openapi.events import webhooks
from component_http.openapi.operations import parameters, responses
from component_http.openapi.paths import paths
from component_http.openapi.schemas import schemas
from component_http.openapi.shapes import Json, meanings
from shared.contract import REFUSALS

VERSION = "1.0.0"


def document() -> Json:
    """The whole description. Its parts share values: it is to be written out, not changed."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Teams Communications Connector",
            "version": VERSION,
            "summary": "Learning-plan meetings in Teams calendars, and attendance back to the LMS.",
            "description": _ABOUT,
        },
        "servers": [{"url": "/api"}],
        "tags": [
            {"name": "lms", "description": "What the LMS sends: signed, no key."},
            {"name": "tenants", "description": "Customers and their settings."},
            {"name": "components", "description": "Components as the connector sees them."},
            {"name": "operation", "description": "The connector itself."},
        ],
        "security": [{"functionKey": []}, {"functionKeyInQuery": []}],
        "paths": paths(),
        "webhooks": webhooks(),
        "components": {
            "schemas": schemas(),
            "parameters": parameters(),
            "responses": responses(),
            "securitySchemes": {
                "functionKey": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
                "functionKeyInQuery": {"type": "apiKey", "in": "query", "name": "code"},
            },
        },
    }


_FAULTS = {
    "missing": "A required member is not there; the pointer tells where it should be.",
    "wrong_type": "The value is of another JSON type than the one expected.",
    "unknown_value": "The value is none of those listed.",
    "blank": "The value is empty.",
    "too_long": "The string is longer than is taken.",
    "too_many": "The list is longer than is taken.",
    "bad_characters": "The string holds a character that cannot be kept.",
    "out_of_range": "The number is too small or too large.",
    "not_an_instant": "This is no RFC 3339 instant with an offset.",
    "not_a_date": "This is no date.",
    "one_date_missing": "Only one of start and end is given.",
    "before_start": "The end is not after the start.",
    "over_24_hours": "The end is more than 24 hours after the start.",
    "before_from": "The last date is before the first.",
    "not_an_address": "This is no e-mail address.",
    "not_a_guid": "This is no GUID.",
    "bad_tenant_id": "The tenant id in the path has another form than tenant ids have.",
    "unknown_time_zone": "The IANA database has no such time zone.",
    "not_a_url": "This is no absolute URL.",
    "not_https": "The URL is not https.",
    "has_user": "The URL holds a user name.",
    "has_fragment": "The URL holds a fragment.",
    "bad_port": "The URL's port is none.",
    "bad_host": "The URL's host is none.",
    "private_address": "The URL's host is not on the public internet.",
    "bad_cursor": "This is not what the last answer's `next` held.",
    "revision_reused": "In a batch: this revision was used before, with other content.",
    "unknown_participant": "The evidence record has no such participant who could be the learner.",
    "ambiguous": "More than one participant could be the learner: name one.",
}

_ABOUT = f"""\
Signed webhooks in, signed events out ([Standard Webhooks](https://www.standardwebhooks.com/)).
Instants are RFC 3339 with an offset. Unknown fields are ignored. New fields, event types and codes
may appear; anything else would be a new path.

Of a name given twice in one JSON object the last counts; a member that is null counts as absent,
but `start` and `end`.

Errors are `application/problem+json`:

{meanings({code: f"{status}. {title}" for code, (status, title) in REFUSALS.items()})}

Codes in `errors` of `invalid`:

{meanings(_FAULTS)}
"""
