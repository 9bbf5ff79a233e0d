"""Drives Microsoft's own Python worker (`azure-functions-runtime`) in this process.

In Azure a host of .NET speaks to the worker over gRPC. The worker takes the classes of those
messages from its caller, so plain objects that keep what they are given do as well, and nothing of
the app or the worker is patched. An app is indexed once per process: the worker and the app's own
object keep what they registered.

    python -m tests.local.worker DIRECTORY     prints the app's functions as JSON
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as runtime

# What an app that is served in parallel needs; Azure's template sets the same.
THREADS_SETTING = "PYTHON_THREADPOOL_THREAD_COUNT"


class AppError(Exception):
    """The app cannot be indexed; the message is the worker's, with the traceback."""


class Message:
    """Any message of the protocol: what it is given, by name, and None for the rest."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        # Fields are lower case. The worker tells a value from a module of classes by asking.
        if not name.islower() or name.startswith("__"):
            raise AttributeError(name)
        return None

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802  protobuf's name
        """The name of the one value that was given."""
        return next(iter(self.__dict__), None)


class _BindingInfo(Message):
    undefined, string, binary, stream = range(4)
    # Directions are another enum, with values of their own. `in` cannot be written out.
    out, inout = 1, 2


setattr(_BindingInfo, "in", 0)


class _StatusResult(Message):
    Failure, Success = range(2)


class _ParameterBinding(Message):
    """A value for (or from) one of a function's parameters: *name* and *data*."""

    def WhichOneof(self, _group: str) -> str:  # noqa: N802  protobuf's name
        return "data"


class _RpcHttpCookie(Message):
    SameSite = SimpleNamespace(**{"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})


class _Protocol:
    """Every message class there is, by its protobuf name."""

    BindingInfo = _BindingInfo
    StatusResult = _StatusResult
    ParameterBinding = _ParameterBinding
    RpcHttpCookie = _RpcHttpCookie

    def __getattr__(self, _name: str) -> type[Message]:
        return Message


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the app, as the worker reports it to the host."""

    id: str
    name: str
    bindings: tuple[Mapping[str, Any], ...]
    retry: Mapping[str, Any] | None

    @property
    def trigger(self) -> Mapping[str, Any]:
        """The one binding that starts it."""
        return next(b for b in self.bindings if str(b["type"]).lower().endswith("trigger"))

    @property
    def kind(self) -> str:
        """The trigger's type in lower case, e.g. `httptrigger`."""
        return str(self.trigger["type"]).lower()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an invocation ended: *error* is None if it succeeded."""

    value: Message | None = None
    outputs: Mapping[str, Message] = field(default_factory=dict)
    error: str | None = None
    trace: str = ""


async def load(directory: Path) -> tuple[Function, ...]:
    """Index the app in *directory*, as the worker does when it starts. Once per process.

    Makes *directory* the working directory and the first place to import from.

    Raises:
        AppError: There is none, or the worker refuses it.
    """
    directory = _enter(directory)
    runtime.start_threadpool_executor()
    init = Message(capabilities={}, function_app_directory=str(directory))
    answer = await runtime.worker_init_request(_envelope(worker_init_request=init))
    if answer.result.status != _StatusResult.Success:
        raise AppError(f"{answer.result.exception.message}\n{answer.result.exception.stack_trace}")
    metadata = await runtime.functions_metadata_request(_envelope())
    return tuple(_function(found) for found in metadata.function_metadata_results or ())


def _enter(directory: Path) -> Path:
    directory = directory.resolve()
    if not (directory / "function_app.py").is_file():
        raise AppError(f"there is no function_app.py in {directory}")
    os.chdir(directory)
    packages = directory / ".python_packages" / "lib" / "site-packages"  # where a build puts them
    sys.path[:0] = [str(directory), *([str(packages)] if packages.is_dir() else [])]
    return directory


async def invoke(
    function: Function,
    invocation_id: str,
    data: Message,
    metadata: Mapping[str, Message] | None = None,
) -> Outcome:
    """Run *function* once, with *data* for its trigger; never raises what the function raises."""
    request = Message(
        invocation_id=invocation_id,
        function_id=function.id,
        input_data=[_ParameterBinding(name=function.trigger["name"], data=data)],
        trigger_metadata=dict(metadata or {}),
        trace_context=Message(trace_parent=_trace_parent(invocation_id), attributes={}),
        retry_context=Message(retry_count=0, max_retry_count=0),
    )
    answer = await runtime.invocation_request(_envelope(invocation_request=request))
    if answer.result.status != _StatusResult.Success:
        exception = answer.result.exception
        return Outcome(error=exception.message, trace=exception.stack_trace)
    outputs = {output.name: output.data for output in answer.output_data}
    return Outcome(value=answer.return_value, outputs=outputs)


def _envelope(**request: Message) -> SimpleNamespace:
    return SimpleNamespace(
        request=Message(**request), properties={"protos": _PROTOCOL, "host": "127.0.0.1"}
    )


_PROTOCOL = _Protocol()


def _function(found: Message) -> Function:
    retry = vars(found.retry_options) if found.retry_options else None
    return Function(
        id=found.function_id,
        name=found.name,
        bindings=tuple(json.loads(text) for text in found.raw_bindings),
        retry={k: str(v) for k, v in retry.items()} if retry else None,
    )


def _trace_parent(invocation_id: str) -> str:
    """W3C trace context of an invocation that nobody upstream traces."""
    digits = invocation_id.replace("-", "")
    return f"00-{digits}-{digits[:16]}-00"


def main(arguments: Sequence[str]) -> int:
    """Print the functions of the app in a directory as JSON; 1 and the reason if it is refused."""
    parser = argparse.ArgumentParser(prog="tests.local.worker", description=main.__doc__)
    parser.add_argument("directory", type=Path)
    try:
        functions = asyncio.run(load(parser.parse_args(arguments).directory))
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    listing = [
        {"name": f.name, "bindings": [dict(b) for b in f.bindings], "retry": f.retry}
        for f in functions
    ]
    print(json.dumps(listing, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
