"""What each refusal means for the mail: whether it may go later, once something is mended, never, or has perhaps gone.

https://learn.microsoft.com/graph/errors
"""

from datetime import timedelta

from mailer.errors import GiveUp, Misconfigured, Refusal, Throttled, TryLater, Uncertain


def refusal_of(status: int, code: str, after: timedelta | None, said: str) -> Refusal:
    """What a refusal of Graph's own means; `said` is what it says, for people."""
    by_status = f"http_{status}"
    name = code or by_status
    for key in (code, by_status):
        if key in MEND:
            return Misconfigured(f"{said}. {MEND[key]}", code=name, after=after)
        if key in _PERMANENT:
            return GiveUp(f"{said}. {_PERMANENT[key]}", code=name)
        if key in _TRANSIENT and status == 429:
            return Throttled(f"{said}. The mailbox has to wait.", code=name, after=after or _TRANSIENT[key])
        if key in _TRANSIENT:
            return TryLater(f"{said}. Graph asks to try again later.", code=name, after=after or _TRANSIENT[key])
        if key in _UNCLEAR:
            break
    else:
        if 400 <= status < 500:
            return GiveUp(f"{said}. Graph does not take this mail as it is.", code=name)
    return Uncertain(f"{said}, which does not tell whether the mail was sent.", code=name)


def not_graphs(status: int, after: timedelta | None, request_id: str) -> Refusal:
    """What a reply without Graph's error envelope means: a proxy's or a firewall's page, no verdict on the mail."""
    name = f"http_{status}"
    # Graph's own replies have a request-id, also where their body is empty.
    said = f"Graph answered {status} (request-id {request_id})" if request_id else f"Something answered {status}"
    remedy = MEND.get(name, PROXY) if request_id else PROXY
    if status == 429:
        return Throttled(f"{said}. The mailbox has to wait.", code=name, after=after)
    if status == 413 and request_id:  # Graph's own may come as a page, too
        return GiveUp(f"{said}. {_PERMANENT[name]}", code=name)
    if status in _ELSEWHERE:
        return TryLater(f"{said}. That is tried again on another connection.", code=name, after=after)
    if status == 509:
        return TryLater(f"{said}. That is tried again later.", code=name, after=after)
    said += " without Graph's error envelope"
    if (300 <= status < 500 and status != 408) or status == _SIGN_IN:
        return Misconfigured(f"{said}. {remedy}", code=name, after=after)
    # Also 408, 503 and a page that came with 200: who forwarded the request and then lost the answer says the same.
    return Uncertain(f"{said}, which does not tell whether the mail was sent.", code=name)


_SIGN_IN = 511  # https://www.rfc-editor.org/rfc/rfc6585#section-6: a portal's, which like a redirect forwards nothing
_ELSEWHERE = {421, 425}  # https://www.rfc-editor.org/rfc/rfc9110#status.421 and RFC 8470: nothing was done

PROXY = (
    "That page is a proxy's or a firewall's between mailer and Graph, and no verdict on the mail: let requests to "
    "MAILER_GRAPH_URL pass there, and check the proxy settings (HTTPS_PROXY, NO_PROXY)."
)
GRANT = (
    "Grant the app registration the application permission Mail.Send with admin consent, or the Exchange role "
    "'Application Mail.Send' for this mailbox (New-ManagementRoleAssignment); a change takes up to 2 hours to act."
)
GRANT_READ = (
    "MAILER_ON_UNCERTAIN=verify needs the application permission Mail.Read with admin consent, or the Exchange role "
    "'Application Mail.Read' for this mailbox."
)
_MAILBOX = (
    "Check that the sender is the primary address of a licensed mailbox in this tenant (Get-Mailbox), "
    "and the setting MAILER_SENDERS."
)
_BLOCKED = "Exchange has stopped this sender; look at 'Restricted entities' in the Microsoft Defender portal."

# The same mail succeeds once somebody has done what the text says.
MEND = {
    "InvalidAuthenticationToken": "Graph refuses a fresh token: check MAILER_TENANT_ID, MAILER_AUTHORITY_HOST and "
    "MAILER_GRAPH_URL, which must all belong to the same cloud.",
    "NoPermissionsInAccessToken": GRANT,
    "Authorization_RequestDenied": GRANT,
    "ErrorAccessDenied": GRANT,
    "ErrorSendAsDenied": "Use the mailbox's own address in `from`, or grant the sender 'Send As' on it.",
    "OrganizationFromTenantGuidNotFound": "The tenant that the token is for has no Exchange Online: check "
    "MAILER_TENANT_ID, and that this tenant has a license with Exchange Online.",
    "ErrorInvalidUser": _MAILBOX,
    "ResourceNotFound": _MAILBOX,
    "Request_ResourceNotFound": _MAILBOX,
    "MailboxNotEnabledForRESTAPI": _MAILBOX,
    "ErrorNonExistentMailbox": _MAILBOX,
    "extensionError": "The mailbox is on-premises without hybrid REST, or a policy blocks the app.",
    "ErrorQuotaExceeded": "The sender's mailbox is full; empty it or raise its quota.",
    "ErrorExceededMessageLimit": _BLOCKED,
    "ErrorMessageSubmissionBlocked": _BLOCKED,
    "ErrorAccountSuspend": _BLOCKED,
    "ErrorExceededMaxRecipientLimit": _BLOCKED,
    "ErrorMessageBlocked": _BLOCKED,
    "http_401": GRANT,
    "http_403": GRANT,
    "http_404": _MAILBOX,
}

# Nobody can make this mail go as it is, whatever the status that came with the code.
_PERMANENT = {
    "ErrorInvalidRecipients": "One of the recipients' addresses is not valid.",
    "ErrorMissingRecipients": "The mail has no recipient.",
    "ErrorMessageSizeExceeded": "The mail is larger than the mailbox may send.",
    "ErrorAttachmentSizeLimitExceeded": "An attachment is too large.",
    "ErrorRequiredPropertyMissing": "Graph misses a part of the mail.",
    "UnableToDeserializePostBody": "Graph cannot read the request.",
    "RequestBroker--ParseUri": "Graph cannot read the request's path.",
    "InvalidInternetMessageHeader": "Graph does not take one of the headers.",
    "InvalidInternetMessageHeaderCollection": "Graph does not take these headers.",
    "ErrorInvalidExtendedProperty": "Graph does not take a property of the mail.",
    "ErrorInvalidExtendedPropertyValue": "Graph does not take a property of the mail.",
    "ErrorMimeContentInvalidBase64String": "Graph cannot read the mail.",
    "ErrorMimeContentInvalid": "Graph cannot read the mail.",
    "ErrorMimeContentConversionFailed": "Exchange cannot convert the mail.",
    "http_413": "The request is larger than the 4 MB that Graph takes.",
    "ErrorVirusDetected": "Exchange has found malware in the mail.",
}

# The request was turned away at the door; how long to wait at least. Back-end faults that come as a 500 are not here:
# the mail may have left.
_TRANSIENT = {
    "ApplicationThrottled": None,
    "TooManyRequests": None,
    "activityLimitReached": None,
    "ErrorServerBusy": None,
    "ErrorIrresolvableConflict": None,
    "ErrorSubmissionQuotaExceeded": timedelta(hours=1),
    "http_408": None,
    "http_421": None,
    "http_425": None,
    "http_429": None,
    "http_503": None,
    "http_509": None,
}

# Seen with mail that went out all the same.
_UNCLEAR = {"CommandConcurrencyLimitReached", "ErrorItemNotFound"}
