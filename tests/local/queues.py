"""Queue triggers and queue outputs, served from a Storage Queue (Azurite's), as the Functions host
does: at least once, in parallel, each failure tried again until the message is poison.

What differs: a message being worked on is leased for 30 seconds and renewed, where the real host
takes 10 minutes, so what a killed host held comes back sooner.

A binding names its *connection*, which is looked up in the environment as in Azure: `NAME` holds a
connection string (or `UseDevelopmentStorage=true`), or `NAME__queueServiceUri` the address, which
must be an http one of this machine, opened with Azurite's well-known key; either may start with
`AzureWebJobs`. A binding that names none uses `AzureWebJobsStorage`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import LinearRetry, QueueClient, QueueMessage

from tests.local.azurite import ACCOUNT, ACCOUNT_KEY
from tests.local.worker import Message

log = logging.getLogger("host.queues")
# The SDK logs each request to the logger it is given: the app's own requests are not these.
_sdk_log = logging.getLogger("host.queues.sdk")
_sdk_log.setLevel(logging.WARNING)

# Runs the function on one message; whether it succeeded.
Run = Callable[[Message, Mapping[str, Message]], Awaitable[bool]]

_LEASE_S = 30
_IDLE_S = (0.05, 0.5)  # the pause between looks at an empty queue grows from, to


class ConnectionFault(Exception):
    """The environment does not say where a connection's queues are."""


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """`extensions.queues` of host.json, with the host's defaults.
    https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue#hostjson
    """

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_timeout: timedelta = timedelta(0)
    base64: bool = True

    @classmethod
    def parse(cls, section: Mapping[str, Any]) -> QueueOptions:
        """Read the section as it stands in host.json."""
        batch_size = int(section.get("batchSize", 16))
        return cls(
            batch_size=batch_size,
            new_batch_threshold=int(section.get("newBatchThreshold", batch_size // 2)),
            max_dequeue_count=int(section.get("maxDequeueCount", 5)),
            visibility_timeout=parse_timespan(section.get("visibilityTimeout", "00:00:00")),
            base64=str(section.get("messageEncoding", "base64")).lower() == "base64",
        )

    def encode(self, text: str) -> str:
        return base64.b64encode(text.encode()).decode() if self.base64 else text

    def decode(self, content: str) -> str:
        """Raises ValueError for what no writer with the same settings wrote."""
        if not self.base64:
            return content
        try:
            return base64.b64decode(content, validate=True).decode()
        except binascii.Error as error:
            raise ValueError(str(error)) from error


def parse_timespan(text: str) -> timedelta:
    """Read .NET's `[days.]hours:minutes:seconds`."""
    found = re.fullmatch(r"(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)", text)
    if not found:
        raise ValueError(f"not a time span such as 00:00:30: {text!r}")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def connection_string(name: str | None, environ: Mapping[str, str]) -> str:
    """Where the queues of the connection *name* are.

    Raises:
        ConnectionFault: *environ* does not say, or says somewhere other than Azurite by address.
    """
    names = [f"AzureWebJobs{name}", name] if name else ["AzureWebJobsStorage"]
    for candidate in names:
        if value := environ.get(candidate):
            return _emulator("http://127.0.0.1:10001") if "UseDevelopment" in value else value
        if uri := environ.get(f"{candidate}__queueServiceUri"):
            address = urlsplit(uri)
            if address.scheme != "http" or address.hostname not in {"127.0.0.1", "localhost"}:
                raise ConnectionFault(
                    f"{candidate}__queueServiceUri is {uri}: the local host serves queues by "
                    f"address from Azurite over http only, else by connection string"
                )
            return _emulator(f"http://{address.netloc}")
    raise ConnectionFault(f"set {names[-1]} or {names[-1]}__queueServiceUri")


def _emulator(address: str) -> str:
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
        f"QueueEndpoint={address}/{ACCOUNT};"
    )


class _Queue:
    """One queue, without the SDK's blocking."""

    def __init__(self, connection: str, name: str) -> None:
        self.name = name
        # Tried again once, at once, because a kept connection may have just been closed. The SDK's
        # own pauses, 15 s and more, are for a service far away.
        again = LinearRetry(backoff=0, retry_total=1, random_jitter_range=0)
        self._client = QueueClient.from_connection_string(
            connection, name, retry_policy=again, logger=_sdk_log
        )
        # Sent or given back by us, and not known to be done: another host may have taken it.
        self.outstanding: set[str] = set()

    async def send(self, content: str) -> None:
        """Add a message, making the queue where it is missing."""
        try:
            sent = await asyncio.to_thread(self._client.send_message, content)
        except ResourceNotFoundError:
            with contextlib.suppress(ResourceExistsError):  # somebody else was quicker
                await asyncio.to_thread(self._client.create_queue)
            sent = await asyncio.to_thread(self._client.send_message, content)
        self.outstanding.add(sent.id)

    async def receive(self, limit: int) -> list[QueueMessage]:
        def fetch() -> list[QueueMessage]:
            pages = self._client.receive_messages(max_messages=limit, visibility_timeout=_LEASE_S)
            return list(pages)

        try:
            return await asyncio.to_thread(fetch)
        except ResourceNotFoundError:
            return []

    async def hide(self, message: QueueMessage, for_s: float) -> None:
        """Keep *message* from being received for so long."""
        updated = await asyncio.to_thread(
            self._client.update_message, message, visibility_timeout=int(for_s)
        )
        message.pop_receipt = updated.pop_receipt

    async def delete(self, message: QueueMessage) -> None:
        self.outstanding.discard(message.id)
        try:
            await asyncio.to_thread(self._client.delete_message, message)
        except ResourceNotFoundError:
            log.warning("lease lost, so the message is worked on again", extra={"id": message.id})

    async def is_clear(self) -> bool:
        """Whether nothing is there to be received, and nothing we sent is still worked on."""
        try:
            if await asyncio.to_thread(self._client.peek_messages, max_messages=1):
                return False
            if self.outstanding:
                properties = await asyncio.to_thread(self._client.get_queue_properties)
                if properties.approximate_message_count:
                    return False
                self.outstanding.clear()
        except ResourceNotFoundError:
            pass
        return True


class _Listener:
    """Feeds one function from its queue."""

    def __init__(self, queues: Queues, queue: _Queue, run: Run, *, binary: bool) -> None:
        self._queues = queues
        self._queue = queue
        self._run = run
        self._binary = binary
        self._working: set[asyncio.Task[None]] = set()
        self._receiving = False
        self._wake = asyncio.Event()

    @property
    def busy(self) -> bool:
        return self._receiving or bool(self._working)

    @property
    def queue(self) -> _Queue:
        return self._queue

    def wake(self) -> None:
        """Look at the queue now."""
        self._wake.set()

    async def listen(self) -> None:
        """Receive and run for ever."""
        options, pause_s = self._queues.options, _IDLE_S[0]
        while True:
            messages = []
            if len(self._working) <= options.new_batch_threshold:
                messages = await self._receive(min(options.batch_size, 32))
            for message in messages:
                task = asyncio.create_task(self._work_on(message))
                self._working.add(task)
                task.add_done_callback(self._done)
            pause_s = _IDLE_S[0] if messages else min(pause_s * 1.5, _IDLE_S[1])
            if not messages:
                await self._sleep(pause_s)

    async def settled(self) -> None:
        """Return when nothing is worked on."""
        await asyncio.gather(*self._working, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("message not settled: its lease runs out", exc_info=error)

    async def _sleep(self, seconds: float) -> None:
        self._wake.clear()
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    async def _receive(self, limit: int) -> list[QueueMessage]:
        self._receiving = True
        try:
            messages = await self._queue.receive(limit)
        except AzureError as error:
            log.warning("queue unreachable", extra={"queue": self._queue.name, "why": str(error)})
            await asyncio.sleep(1)
            return []
        finally:
            self._receiving = False
        self._queues.activity += len(messages)
        return messages

    async def _work_on(self, message: QueueMessage) -> None:
        options = self._queues.options
        try:
            text = options.decode(message.content)
        except ValueError:
            log.warning("undecodable message is poison", extra={"id": message.id})
            await self._poison(message)
            return
        data = Message(bytes=text.encode()) if self._binary else Message(string=text)
        run = asyncio.ensure_future(self._run(data, _metadata(message, self._queue.name)))
        while not (await asyncio.wait({run}, timeout=_LEASE_S / 2))[0]:
            await self._queue.hide(message, _LEASE_S)
        if run.result():
            await self._queue.delete(message)
        elif (message.dequeue_count or 0) >= options.max_dequeue_count:
            log.error("message is poison", extra={"id": message.id, "queue": self._queue.name})
            await self._poison(message)
        else:
            self._queue.outstanding.add(message.id)
            await self._queue.hide(message, options.visibility_timeout.total_seconds())

    async def _poison(self, message: QueueMessage) -> None:
        await self._queues.queue_like(self._queue, f"{self._queue.name}-poison").send(
            message.content
        )
        await self._queue.delete(message)


class Queues:
    """All the queues an app is bound to."""

    def __init__(self, options: QueueOptions, environ: Mapping[str, str]) -> None:
        self.options = options
        self.activity = 0  # grows with each message received or sent
        self._environ = environ
        self._queues: dict[tuple[str, str], _Queue] = {}
        self._listeners: list[_Listener] = []
        self._tasks: list[asyncio.Task[None]] = []

    def serve(self, binding: Mapping[str, Any], run: Run) -> None:
        """Call *run* for each message of the queue that a trigger's *binding* names, from now on.

        Raises:
            ConnectionFault: It is not known where that queue is.
        """
        binary = str(binding.get("dataType", "")).lower() == "binary"
        listener = _Listener(self, self._queue(binding), run, binary=binary)
        self._listeners.append(listener)
        self._tasks.append(asyncio.create_task(listener.listen()))

    async def send(self, binding: Mapping[str, Any], data: Message) -> None:
        """Put what a function gave to an output binding into its queue: one message or a list.

        Raises:
            ConnectionFault: It is not known where that queue is.
            AzureError: It does not take them.
        """
        queue = self._queue(binding)
        for text in _texts(data):
            self.activity += 1
            await queue.send(self.options.encode(text))
        for listener in self._listeners:
            listener.wake()

    async def drained(self) -> None:
        """Return when no message is left to run, nor one being run.

        A message that its sender delayed does not count. One that we sent and another host works
        on does.

        Raises:
            AzureError: A queue cannot be reached.
        """
        while True:
            activity = self.activity
            clear = not any(listener.busy for listener in self._listeners)
            for listener in self._listeners:
                clear = clear and await listener.queue.is_clear() and not listener.busy
            if clear and activity == self.activity:
                return
            for listener in self._listeners:
                listener.wake()
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        """Receive no more, and wait until what is being worked on is settled."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(listener.settled() for listener in self._listeners))

    def queue_like(self, queue: _Queue, name: str) -> _Queue:
        """The queue *name* beside *queue*."""
        connection = next(key[0] for key, value in self._queues.items() if value is queue)
        return self._at(connection, name)

    def _queue(self, binding: Mapping[str, Any]) -> _Queue:
        connection = connection_string(binding.get("connection") or None, self._environ)
        return self._at(connection, str(binding["queueName"]).lower())

    def _at(self, connection: str, name: str) -> _Queue:
        key = (connection, name)
        if key not in self._queues:
            try:
                self._queues[key] = _Queue(connection, name)
            except ValueError as error:
                raise ConnectionFault(f"queue {name}: {error}") from error
        return self._queues[key]


def _texts(data: Message) -> Iterator[str]:
    """The messages in what an output binding was given: a list is one for each item."""
    if data.json is None:
        yield data.string if data.string is not None else data.bytes.decode()
        return
    content = json.loads(data.json)
    for item in content if isinstance(content, list) else [content]:
        yield item if isinstance(item, str) else json.dumps(item)


def _metadata(message: QueueMessage, queue: str) -> dict[str, Message]:
    """The trigger metadata that `azure.functions.QueueMessage` is made of."""
    instants: Sequence[tuple[str, datetime | None]] = (
        ("InsertionTime", message.inserted_on),
        ("ExpirationTime", message.expires_on),
        ("NextVisibleTime", message.next_visible_on),
    )
    return {
        "Id": Message(string=message.id),
        "PopReceipt": Message(string=message.pop_receipt),
        "DequeueCount": Message(json=str(message.dequeue_count)),
        "QueueTrigger": Message(string=queue),
        **{name: Message(string=at.isoformat()) for name, at in instants if at},
    }
