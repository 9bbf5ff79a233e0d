"""The public contract: bytes from the outside → our values or a refusal (the law, 4).

``body`` reads JSON in the order of refusal, ``members`` judges one object, ``components``,
``tenants`` and ``calls`` know the messages, ``problem`` writes refusals. No I/O, no clock.
"""

from shared.contract.body import BATCH_LIMIT, WEBHOOK_LIMIT, check_size
from shared.contract.calls import Decision, parse_decide, parse_email, parse_range
from shared.contract.components import (
    BatchItem,
    Deleted,
    content_digest,
    parse_batch,
    parse_webhook,
    tombstone,
)
from shared.contract.instants import read_date, read_instant
from shared.contract.members import is_address
from shared.contract.problem import (
    PROBLEM_TYPE,
    REFUSALS,
    faults_json,
    problem,
    refusal,
    refuse_if_any,
)
from shared.contract.tenants import is_tenant_id, parse_tenant, tenant_json, time_zones

__all__ = [
    "BATCH_LIMIT",
    "PROBLEM_TYPE",
    "REFUSALS",
    "WEBHOOK_LIMIT",
    "BatchItem",
    "Decision",
    "Deleted",
    "check_size",
    "content_digest",
    "faults_json",
    "is_address",
    "is_tenant_id",
    "parse_batch",
    "parse_decide",
    "parse_email",
    "parse_range",
    "parse_tenant",
    "parse_webhook",
    "problem",
    "read_date",
    "read_instant",
    "refusal",
    "refuse_if_any",
    "tenant_json",
    "time_zones",
    "tombstone",
]
