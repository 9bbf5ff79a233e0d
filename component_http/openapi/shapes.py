"""The few shapes that schemas are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

Json = dict[str, Any]

CONTROL = "[\\u0000-\\u001f\\u007f-\\u009f]"
_NO_NUL = "^[^\\u0000]*$"
YEAR = "^(?:19[7-9][0-9]|2[0-9]{3})-"
GUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


def object_of(required: Mapping[str, Json], optional: Mapping[str, Json] | None = None) -> Json:
    """An object schema; unknown members are allowed, in requests and answers alike."""
    schema: Json = {"type": "object", "properties": {**required, **(optional or {})}}
    return schema | {"required": list(required)} if required else schema


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(items: Json, **limits: int) -> Json:
    return {"type": "array", "items": items, **limits}


def text_of(most: int, *, blank: bool = False, null: bool = False, about: str = "") -> Json:
    schema: Json = {"type": ["string", "null"] if null else "string", "maxLength": most}
    schema |= {"pattern": _NO_NUL} if blank else {"pattern": "\\S", "minLength": 1}
    if not blank:
        schema["not"] = {"type": "string", "pattern": "\\u0000"}
    return schema | ({"description": about} if about else {})


def whole_of(most: int, *, least: int = 0, null: bool = False, about: str = "") -> Json:
    schema: Json = {
        "type": ["integer", "null"] if null else "integer",
        "minimum": least,
        "maximum": most,
    }
    return schema | ({"description": about} if about else {})


def yes_no(about: str, *, null: bool = True) -> Json:
    return {"type": ["boolean", "null"] if null else "boolean", "description": about}


def one_of(values: Iterable[str], *, null: bool = False, about: str = "") -> Json:
    schema: Json = {"enum": [*values, *([None] if null else [])]}
    return schema | ({"description": about} if about else {})


def values_of(kind: type[Enum]) -> list[str]:
    return [one.value for one in kind]


def instant_of(about: str = "", *, null: bool = False) -> Json:
    schema: Json = {
        "type": ["string", "null"] if null else "string",
        "format": "date-time",
        "pattern": YEAR,
    }
    return schema | ({"description": about} if about else {})


def told(*, null: bool = False) -> Json:
    return {"type": ["string", "null"] if null else "string", "format": "date-time"}


def date_of(*, null: bool = False) -> Json:
    return {"type": ["string", "null"] if null else "string", "format": "date"}


STRING: Json = {"type": "string"}
WORDS: Json = {"type": "string", "description": "A sentence for people."}
HOOK_URL: Json = {"type": "string", "format": "uri"}
TIME_MEMBERS: Json = {
    "start": told(),
    "end": told(),
    "timeZone": STRING | {"description": "The IANA zone that start and end are given in."},
}


def meanings(codes: Mapping[str, str]) -> str:
    """A table of codes and what they mean, for people."""
    rows = [f"| `{code}` | {meaning} |" for code, meaning in codes.items()]
    return "\n".join(["| code | meaning |", "|---|---|", *rows])


def page_of(items: Json) -> Json:
    more = {"type": ["string", "null"], "description": "Hand back as `?next=`; null at the end."}
    return object_of({"items": list_of(items), "next": more})
