"""Rows in Table Storage: the one file that names azure-data-tables and azure-core.

A row is a key, a text of any length up to the service's limit, and a few short properties to
filter by. The limits that Azure has and its emulator lacks are held here: 100 operations and
under 4 MiB a group, 64 KiB a property, 1 MiB a row
(https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared import transaction
from shared.config import Settings
from shared.errors import Stale, Unavailable
from shared.http import session_for_others
from shared.transaction import GroupRefused, Operation

log = logging.getLogger(__name__)

GROUP_OPERATIONS = 100
GROUP_BYTES = 3_500_000  # of 4 MiB: the rest is for MIME parts and escapes
ROW_BYTES = 1_000_000  # of 1 MiB
CHUNK = 16_000  # characters; a property holds 32 Ki UTF-16 units and a character may take two
PAGE = 1000
OVERLOADED = (403, 408, 429, 500, 502, 503, 504)
"""Answers that another time may not be: 403 while a role is being granted, too."""
TIMEOUT_S = 15.0
AUDIENCE = "https://storage.azure.com/.default"
FOR_GOOD = "9999-12-31"  # a process may live at another time than the storage does
MARKS = ("bucket", "month", "on")
"""The names a row's marks may have."""


@dataclass(frozen=True, slots=True)
class Row:
    """*text* is ours to interpret, and mostly JSON; *marks* are short strings to filter by."""

    key: str
    text: str
    marks: Mapping[str, str] = field(default_factory=dict)
    etag: str = ""

    def size(self) -> int:
        """An upper estimate of the bytes this row takes in a request, all but ASCII escaped.

        Quickly, for it is asked of every row several times.
        """
        if self.text[:1] not in ("{", "[", ""):
            return 900 + 4 * len(self.key) + len(json.dumps(self.text))
        # JSON holds nothing below a space, so what is ASCII doubles at most; a byte that UTF-8
        # takes beyond a character's first becomes five or less.
        beyond = len(self.text.encode("utf-8", "surrogatepass")) - len(self.text)
        return 900 + 4 * len(self.key) + 2 * len(self.text) + 5 * beyond


@dataclass(frozen=True, slots=True)
class Insert:
    """The row must not exist."""

    row: Row


@dataclass(frozen=True, slots=True)
class Replace:
    """The row must still carry ``row.etag``."""

    row: Row


@dataclass(frozen=True, slots=True)
class Put:
    """Whatever is there: for rows that follow another in the same group, and for caches."""

    row: Row


@dataclass(frozen=True, slots=True)
class Delete:
    """The row must exist; and carry *etag*, unless that is ""."""

    key: str
    etag: str = ""


Op = Insert | Replace | Put | Delete


def op_size(op: Op) -> int:
    return 400 if isinstance(op, Delete) else op.row.size()


@dataclass(frozen=True, slots=True)
class Page:
    rows: tuple[Row, ...]
    next: str  # "" on the last page; else hand it back


class Table(Protocol):
    """What we need of a table. Every call may raise ``Unavailable``."""

    def get(self, partition: str, key: str) -> Row | None: ...

    def page(
        self,
        partition: str,
        low: str,
        high: str,
        after: str = "",
        where: str = "",
        *,
        marks_only: bool = False,
    ) -> Page:
        """Rows with low <= key < high in key order, a page at a time.

        A page may be empty and not the last. *where* filters further by a mark, as
        ``name<value`` or ``name>=value`` joined by `` and ``. *marks_only* leaves the text out.
        """

    def commit(self, partition: str, ops: Sequence[Op]) -> list[str]:
        """All of *ops* or none; the new ETag of each ("" for a delete).

        Raises Stale when a row is not what an operation says it must be.
        """


def rows(
    table: Table,
    partition: str,
    low: str,
    high: str,
    where: str = "",
    *,
    marks_only: bool = False,
) -> Iterator[Row]:
    """Every row of a range, whatever the pages are."""
    after = ""
    while True:
        page = table.page(partition, low, high, after, where, marks_only=marks_only)
        yield from page.rows
        after = page.next
        if not after:
            return


def check_group(ops: Sequence[Op]) -> None:
    """Azure's limits; breaking one is a mistake in our code, never a user's."""
    if not 0 < len(ops) <= GROUP_OPERATIONS:
        raise ValueError(f"a group of {len(ops)} operations")
    if sum(op_size(op) for op in ops) > GROUP_BYTES and len(ops) > 1:
        raise ValueError("a group over its size")
    keys = [op.key if isinstance(op, Delete) else op.row.key for op in ops]
    if len(set(keys)) != len(keys):
        raise ValueError("a row twice in one group")
    for op in ops:
        if not isinstance(op, Delete) and _stored_bytes(op.row.text) > ROW_BYTES:
            raise ValueError("a row over 1 MiB")


def _stored_bytes(text: str) -> int:
    """What the service counts, at most: two bytes a UTF-16 unit, of which a character takes two at
    most."""
    if 4 * len(text) <= ROW_BYTES:
        return 4 * len(text)
    return 2 * len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass"))


class AzureTable:
    """A table of Azure's service or of its emulator.

    Args:
        client: The SDK's, for reading; its credential signs the groups too.
        limits: What the SDK's policies and transport are told for the groups.
    """

    def __init__(self, client: Any, **limits: Any) -> None:
        self._client = client
        self._url = f"{client.url}/{client.table_name}"
        self._groups = _groups(client, limits)

    def get(self, partition: str, key: str) -> Row | None:
        from azure.core.exceptions import ResourceNotFoundError

        try:
            with _translated():
                return _row(self._client.get_entity(partition, key))
        except ResourceNotFoundError:
            return None

    def page(
        self,
        partition: str,
        low: str,
        high: str,
        after: str = "",
        where: str = "",
        *,
        marks_only: bool = False,
    ) -> Page:
        names = {"p": partition, "low": after or low, "high": high}
        # The continuation is our own: the last key seen. The service's token is followed within
        # the iterator below, which goes on past empty pages until a row or the end is met.
        query = "PartitionKey eq @p and RowKey {} @low and RowKey lt @high".format(
            "gt" if after else "ge"
        )
        for n, term in enumerate(filter(None, where.split(" and "))):
            for sign, word in ((">=", "ge"), ("<", "lt")):
                if sign in term:
                    name, value = term.split(sign)
                    query += f" and {name} {word} @v{n}"
                    names[f"v{n}"] = value
                    break
        with _translated():
            pages = self._client.query_entities(
                query,
                parameters=names,
                results_per_page=PAGE,
                select=["PartitionKey", "RowKey", *MARKS] if marks_only else None,
            ).by_page()
            found: list[Row] = []
            for chunk in pages:
                found = [_row(entity) for entity in chunk]
                if found or not pages.continuation_token:
                    break
            more = bool(pages.continuation_token)
        return Page(tuple(found), found[-1].key if found and more else "")

    def commit(self, partition: str, ops: Sequence[Op]) -> list[str]:
        from azure.core.rest import HttpRequest

        check_group(ops)
        headers, body = transaction.group(self._url, partition, map(_operation, ops))
        request = HttpRequest("POST", f"{self._client.url}/$batch", headers=headers, content=body)
        with _translated():
            answer = self._groups.send_request(request)
        try:
            return transaction.etags(answer.status_code, answer.content, len(ops))
        except GroupRefused as refused:
            # The code tells a missing table from a missing row.
            missing = refused.code == "TableNotFound"
            if refused.status in (404, 409, 412) and not missing:
                raise Stale(refused.code) from None
            if refused.status in OVERLOADED or missing:
                raise Unavailable(f"the state table answers {refused}") from None
            raise


class _translated:  # noqa: N801 - read as a word: "with _translated():"
    """The SDK's "could not be reached" as ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from azure.core.exceptions import (
            HttpResponseError,
            ServiceRequestError,
            ServiceResponseError,
        )

        if isinstance(error, ServiceRequestError | ServiceResponseError):
            raise Unavailable("the state table does not answer") from error
        if isinstance(error, HttpResponseError) and error.status_code in OVERLOADED:
            raise Unavailable(f"the state table answers {error.status_code}") from error


def _operation(op: Op) -> Operation:
    match op:
        case Insert(row):
            return Operation("POST", row.key, "", _properties(row))
        case Replace(row):
            return Operation("PUT", row.key, row.etag, _properties(row))
        case Put(row):
            return Operation("PUT", row.key, "", _properties(row))
        case Delete(key, etag):
            return Operation("DELETE", key, etag)


def _properties(row: Row) -> dict[str, str]:
    chunks = {f"t{n // CHUNK:02}": row.text[n : n + CHUNK] for n in range(0, len(row.text), CHUNK)}
    return {**row.marks, **chunks}


def _row(entity: Any) -> Row:
    chunks = sorted(name for name in entity if name[0] == "t" and name[1:].isdigit())
    marks = {
        name: value
        for name, value in entity.items()
        if name not in chunks and name not in ("PartitionKey", "RowKey")
    }
    return Row(
        entity["RowKey"],
        "".join(entity[name] for name in chunks),
        marks,
        str(entity.metadata["etag"]),
    )


def open_table(settings: Settings) -> AzureTable:
    """The state table: by identity where an endpoint is set, else by connection string.

    With a connection string a missing table is made; in Azure the deployment makes it.
    """
    from azure.core.exceptions import ResourceExistsError
    from azure.core.pipeline.transport import RequestsTransport
    from azure.data.tables import TableClient

    name = f"{settings.state_table_prefix}state"
    limits: dict[str, Any] = {
        "retry_total": 2, "retry_backoff_factor": 0.3,
        "connection_timeout": 3, "read_timeout": TIMEOUT_S,
    }  # fmt: skip
    # Its own session would keep ten connections, and open another for each thread beyond.
    session = session_for_others()
    limits["transport"] = RequestsTransport(session=session, session_owner=False, **limits)
    if settings.state_table_endpoint:
        from azure.identity import ManagedIdentityCredential

        identity = settings.identity_client_id or None
        credential = _Identity(ManagedIdentityCredential(client_id=identity))
        client = TableClient(settings.state_table_endpoint, name, credential=credential, **limits)
        return AzureTable(client, **limits)
    client = TableClient.from_connection_string(settings.state_connection_string, name, **limits)
    with _translated():
        try:
            client.create_table()
        except ResourceExistsError:
            log.debug("table.exists")
    return AzureTable(client, **limits)


def _groups(client: Any, limits: Mapping[str, Any]) -> Any:
    """The SDK's own pipeline, for groups that it need not put together.

    Signing, retries and connections are its; a shared key signs an address once for all, which only
    ever leaves this process towards the storage account itself.
    """
    from azure.core import PipelineClient
    from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
    from azure.core.pipeline.policies import (
        AzureSasCredentialPolicy,
        BearerTokenCredentialPolicy,
        RetryPolicy,
    )
    from azure.data.tables import ResourceTypes, generate_account_sas

    signs: Any
    match client.credential:
        case AzureNamedKeyCredential() as key:
            rows_only = ResourceTypes(object=True)
            address = generate_account_sas(key, rows_only, "raud", FOR_GOOD)
            signs = AzureSasCredentialPolicy(AzureSasCredential(address))
        case AzureSasCredential() as given:
            signs = AzureSasCredentialPolicy(given)
        case identity:
            signs = BearerTokenCredentialPolicy(identity, AUDIENCE)
    return PipelineClient(client.url, policies=[RetryPolicy(**limits), signs], **limits)


class _Identity:
    """A credential that says ours when it has no token: the SDK would stumble over its own."""

    def __init__(self, credential: Any) -> None:
        self._credential = credential

    def get_token(self, *scopes: str, **options: Any) -> Any:
        from azure.core.exceptions import ClientAuthenticationError

        try:
            return self._credential.get_token(*scopes, **options)
        except ClientAuthenticationError as error:
            raise Unavailable("no token for the state table") from error
