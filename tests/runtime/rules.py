"""What the Functions host demands of an app, and indexing does not check. Pure.

azure-facts.md 4.3: an app that breaks one of these indexes without a word, and in Azure a function
is missing, answers another's requests, or never fires.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import combinations
from typing import Any

from tests.local.ncrontab import Schedule
from tests.local.queues import parse_timespan
from tests.local.routes import Route
from tests.local.worker import Function

# azure-functions-host `Utility.cs`; "host" is taken by the host's own keys.
_FUNCTION_NAME = re.compile(r"(?!host$)[a-z][a-z0-9_-]{0,127}", re.IGNORECASE)
# azure-functions-host `WorkerFunctionMetadataProvider.ValidateBindings`: no underscore.
_BINDING_NAME = re.compile(r"\$return|[a-zA-Z][a-zA-Z0-9]{0,127}")
# https://learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata
_QUEUE_NAME = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")
_METHODS = {"GET", "POST", "DELETE", "HEAD", "PATCH", "PUT", "OPTIONS", "TRACE", "CONNECT"}
_SETTING = re.compile(r"%([^%]+)%")


def app_faults(functions: Sequence[Function], settings: Mapping[str, str]) -> list[str]:
    """What is wrong with an app, in words.

    Args:
        functions: As the worker indexed them.
        settings: Those that a deployment has, with their values.
    """
    faults = [fault for function in functions for fault in _function_faults(function, settings)]
    names = [function.name.lower() for function in functions]
    faults += [
        f"{name}: not the only function of this name" for name in names[1:] if names.count(name) > 1
    ]
    return faults + list(_clashes([f for f in functions if f.kind == "httptrigger"]))


def _function_faults(function: Function, settings: Mapping[str, str]) -> Iterator[str]:
    if not _FUNCTION_NAME.fullmatch(function.name):
        yield f"{function.name}: no name for a function"
    names = [str(binding["name"]) for binding in function.bindings]
    for name in names:
        if not _BINDING_NAME.fullmatch(name):
            yield f"{function.name}: no name for a binding: {name}"
    for name in {name for name in names if names.count(name) > 1}:
        yield f"{function.name}: two bindings are named {name}"
    for binding in function.bindings:
        for fault in _binding_faults(binding, settings):
            yield f"{function.name}: {fault}"


def _binding_faults(binding: Mapping[str, Any], settings: Mapping[str, str]) -> Iterator[str]:
    texts = {key: str(value) for key, value in binding.items() if isinstance(value, str)}
    missing = {name for text in texts.values() for name in _SETTING.findall(text)} - set(settings)
    yield from (f"%{name}% is no setting" for name in sorted(missing))
    if missing:
        return
    value = {key: _SETTING.sub(lambda m: settings[m[1]], text) for key, text in texts.items()}
    match str(binding["type"]).lower():
        case "timertrigger":
            try:
                Schedule.parse(value["schedule"])
            except ValueError as error:
                yield str(error)
            if binding.get("runOnStartup"):
                yield "runOnStartup fires at each scale-out"
        case "httptrigger":
            for method in {str(m).upper() for m in binding.get("methods") or ()} - _METHODS:
                yield f"no method: {method}"
            try:
                Route(value.get("route") or "x")
            except ValueError as error:
                yield str(error)
        case "queuetrigger" | "queue":
            if not _QUEUE_NAME.fullmatch(value["queueName"]):
                yield f"no name for a queue: {value['queueName']}"
            if not value.get("connection"):
                yield "a queue names its connection"


def _clashes(functions: Sequence[Function]) -> Iterator[str]:
    """Pairs of which one would answer some of the other's requests: names decide, not templates."""
    for one, other in combinations(functions, 2):
        routes = [Route(str(f.trigger.get("route") or f.name)) for f in (one, other)]
        shared = _methods(one) & _methods(other)
        if shared and routes[0].overlaps(routes[1]):
            paths = " and ".join(route.template for route in routes)
            yield f"{one.name}, {other.name}: {paths} overlap for {', '.join(sorted(shared))}"


def _methods(function: Function) -> Set[str]:
    return {str(m).upper() for m in function.trigger.get("methods") or ()} or _METHODS


# https://learn.microsoft.com/azure/azure-functions/functions-host-json, what we use or might.
_HOST_KEYS = {
    "": {"version", "extensionBundle", "extensions", "functionTimeout", "logging"},
    "extensionBundle": {"id", "version"},
    "extensions": {"http", "queues"},
    "extensions.http": {"routePrefix", "maxConcurrentRequests", "maxOutstandingRequests"},
    "extensions.queues": {
        "batchSize",
        "maxDequeueCount",
        "maxPollingInterval",
        "messageEncoding",
        "newBatchThreshold",
        "visibilityTimeout",
    },
    "logging": {"applicationInsights", "logLevel"},
    "logging.applicationInsights": {"samplingSettings"},
    "logging.applicationInsights.samplingSettings": {
        "excludedTypes",
        "isEnabled",
        "maxTelemetryItemsPerSecond",
    },
}
_LEVELS = {"Trace", "Debug", "Information", "Warning", "Error", "Critical", "None"}


def host_json_faults(content: Mapping[str, Any]) -> list[str]:
    """What is wrong with a host.json, in words: the host ignores what it does not know."""
    faults = list(_unknown_keys(content, ""))
    if content.get("version") != "2.0":
        faults.append("version is not 2.0")
    bundle = content.get("extensionBundle", {})
    if not re.fullmatch(r"\[4\.\d*\*?(\.\d+)*, 5\.0\.0\)", bundle.get("version", "")):
        faults.append("extensionBundle: not a range of version 4, which Flex Consumption needs")
    for name, level in content.get("logging", {}).get("logLevel", {}).items():
        if level not in _LEVELS:
            faults.append(f"logLevel of {name}: no such level: {level}")
    queues = content.get("extensions", {}).get("queues", {})
    if not 1 <= queues.get("batchSize", 16) <= 32:
        faults.append("queues: batchSize is not 1 to 32")
    if queues.get("messageEncoding", "base64") not in {"base64", "none"}:
        faults.append("queues: messageEncoding is not base64 or none")
    spans = [content.get("functionTimeout"), queues.get("visibilityTimeout")]
    for span in filter(None, [*spans, queues.get("maxPollingInterval")]):
        try:
            parse_timespan(span)
        except ValueError as error:
            faults.append(str(error))
    return faults


def _unknown_keys(section: Mapping[str, Any], path: str) -> Iterator[str]:
    for key, value in section.items():
        inner = f"{path}.{key}" if path else key
        if key not in _HOST_KEYS[path]:
            yield f"unknown key {inner}"
        elif inner in _HOST_KEYS:
            yield from _unknown_keys(value, inner)
