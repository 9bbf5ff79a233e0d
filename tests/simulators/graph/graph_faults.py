"""How Graph says what a fault rule makes it say (graph-facts 6.2, 9.40, 9.43)."""

from __future__ import annotations

from collections.abc import Callable

from ..faults import Fault, Replies, answer, retry_after_header
from ..wire import Reply
from .errors import (
    GraphError,
    application_throttled,
    change_key_conflict,
    concurrent_save,
    expired_token,
    too_many_requests,
)
from .state import State


def replies(state: State) -> Replies:
    """The bodies by effect, in Graph's envelope."""

    def enveloped(make: Callable[[Fault], GraphError]) -> Callable[[Fault], Reply]:
        def reply(fault: Fault) -> Reply:
            error = make(fault)
            error.code = fault.code or error.code
            error.headers.update(fault.headers)
            return error.reply(state.clock(), None)

        return reply

    def any_answer(fault: Fault) -> Reply:
        if fault.body is not None or fault.status < 400:
            return answer(fault)
        error = GraphError(fault.status, fault.code or "UnknownError", "Simulated fault.")
        error.headers.update(retry_after_header(fault))
        return error.reply(state.clock(), None)

    def throttled(fault: Fault) -> GraphError:
        retry_after = retry_after_header(fault).get("Retry-After")
        make = application_throttled if fault.code == "ApplicationThrottled" else too_many_requests
        return make(retry_after)

    def unavailable(fault: Fault) -> GraphError:
        error = GraphError(503, "ServiceUnavailable", "The service is temporarily unavailable.")
        error.headers.update(retry_after_header(fault))
        return error

    timeout = enveloped(lambda fault: GraphError(504, "GatewayTimeout", "The gateway timed out."))
    return {
        "answer": any_answer,
        "answer_after": any_answer,
        "timeout_after": timeout,
        "late": timeout,
        "throttle": enveloped(throttled),
        "unauthorized": enveloped(lambda fault: expired_token()),
        "precondition": enveloped(lambda fault: change_key_conflict()),
        "conflict": enveloped(lambda fault: concurrent_save()),
        "unavailable": enveloped(unavailable),
    }
