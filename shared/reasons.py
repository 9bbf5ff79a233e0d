"""Every reason a component is not where it should be, in words its reader can act on."""

from __future__ import annotations

from shared.errors import Broken, Changed, NotAllowed, NotFound, RemoteError, Throttled

REASONS = {
    "preview": "The tenant is in preview: this is planned, and nothing is written.",
    "tenant_disabled": "The tenant is disabled: it is stored, and done when the tenant is enabled.",
    "due": "It is due and will be scheduled by the next run.",
    "claimed": "Another run is writing to Teams; this change follows it.",
    "cancelling": "The Teams event is about to be cancelled.",
    "updating": "The Teams event is about to be updated.",
    "link_pending": "The event exists; Teams has not given its join link yet.",
    "too_late": "It was saved less than 3 hours before its start, so no Teams meeting is made.",
    "missed": "It was saved in time, but could not be scheduled before its start.",
    "start_in_past": "It was moved to a start that has passed; the meeting was left as it was.",
    "owner_missing": "The component has no owner with an address; name one in the LMS.",
    "learner_missing": "The component has no learner with an address; name one in the LMS.",
    "owner_not_found": "The owner's address is not in the customer's directory.",
    "owner_without_teams": "The owner's calendar allows no Teams meetings (licence or mailbox).",
    "old_owner_refuses": "The event in the former owner's calendar could not be cancelled yet.",
    "throttled": "Microsoft asked us to slow down; it is tried again shortly.",
    "teams_unavailable": "Microsoft Graph did not answer properly; it is tried again shortly.",
    "teams_refused": "Microsoft Graph refused the request as it is.",
    "teams_unreadable": "The event could not be read in Teams for 24 hours.",
    "not_permitted": "The connector may not use this calendar: a right or policy is missing.",
    "not_consented": "The customer's administrator has not consented to the connector.",
    "credential_rejected": "Microsoft Entra rejected the connector's credential.",
    "credential_expired": "The connector's client secret has expired.",
    "entra_tenant_not_found": "The Entra tenant id does not exist in this cloud.",
    "wrong_cloud": "The Entra tenant is not of the cloud that the tenant's settings name.",
    "sign_in_blocked": "A Conditional Access policy of the customer blocks the connector.",
    "entra_unavailable": "Microsoft Entra gave no token; it is tried again shortly.",
    "braked": "Too many events vanished at once; nothing is cancelled until somebody releases it.",
    "online_meeting_removed": "The Teams meeting was taken out of the event; put it back there.",
    "series_not_supported": "The event was made a series or an all-day event; it is left alone.",
    "time_not_taken": "Teams kept another time than the one it was given.",
    "poisoned": "The work for this piece failed again and again; see the logs, then resync.",
}


UNSEEN = frozenset(
    {
        "throttled", "teams_unavailable", "entra_unavailable", "teams_refused", "not_permitted",
        "not_consented", "credential_rejected", "credential_expired", "entra_tenant_not_found",
        "wrong_cloud", "sign_in_blocked",
        "owner_not_found", "owner_without_teams",
    }
)  # fmt: skip
"""Why an event in Teams may be out of our sight."""

_PASSING = {"throttled", "teams_unavailable", "entra_unavailable"}


def needs_a_person(code: str) -> bool:
    """Whether somebody must act on what Microsoft said, as against: it passes by itself."""
    return code not in _PASSING


def sentence(code: str) -> str:
    return REASONS.get(code, "See the component's history.")


def reason_of(error: RemoteError) -> tuple[str, bool]:
    """A reason's code for an error, and whether a person must act on it."""
    if error.system == "entra":
        codes = {
            "AADSTS700016": "not_consented", "AADSTS7000229": "not_consented",
            "AADSTS65001": "not_consented", "AADSTS500011": "wrong_cloud",
            "AADSTS900382": "wrong_cloud", "AADSTS900432": "wrong_cloud",
            "AADSTS90038": "wrong_cloud",
            "AADSTS7000215": "credential_rejected", "AADSTS700027": "credential_rejected",
            "AADSTS700213": "credential_rejected", "AADSTS7000222": "credential_expired",
            "AADSTS90002": "entra_tenant_not_found", "AADSTS53003": "sign_in_blocked",
        }  # fmt: skip
        code = codes.get(error.code, "")
        if code:
            return code, True
        return ("credential_rejected", True) if isinstance(error, NotAllowed) else (
            "entra_unavailable", False,
        )  # fmt: skip
    if isinstance(error, Throttled):
        return "throttled", False
    if isinstance(error, NotAllowed):
        return "not_permitted", True
    if isinstance(error, NotFound):
        return "owner_without_teams" if "Mailbox" in error.code else "owner_not_found", True
    if isinstance(error, Broken | Changed):  # Graph answers 412 now and then for no reason at all
        return "teams_unavailable", False
    return "teams_refused", True
