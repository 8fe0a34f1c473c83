"""What somebody can do about a mail that failed, is in doubt, or waits to be mended. Pure."""

from collections.abc import Collection

from mailer.delivery.record import MailRecord, Status

# For mailer's own codes; of others the record's message says what to mend, or ends in one of the remedies.
_BY_CODE = {
    "lease_expired": "See in the log why a worker stopped.",
    "no_answer": "See whether the network between mailer and Graph ends connections early.",
    "host_gave_up": "See in the log why the runs failed, and mend that.",
    "content_missing": "The content is gone: send the mail anew.",
    "message_missing": "The content is gone: send the mail anew.",
    "upload_interrupted": "See in the log why a worker stopped.",
    "template_failed": "Correct the template.",
    "template_not_found": "Put the template back, or correct the caller.",
    "template_variable_missing": "Correct the caller's variables, and send the mail anew, or correct the template.",
    "template_variable_invalid": "Correct the caller's variables, and send the mail anew, or correct the template.",
    "validation_error": "Correct the caller, and send the mail anew.",
    "record_mismatch": "Leave the member `mailer` out of messages, and send the mail anew.",
    "attachment_not_found": "Upload the file again.",
}
_FAILED = "Then replay them; a mail that is wrong in itself has to be sent anew, for a replay sends what was asked for."
_UNCERTAIN = (
    "Look for the mails in Sent Items, or ask their recipients, and replay what did not arrive: what did would arrive "
    "twice. With MAILER_ON_UNCERTAIN=verify mailer looks by itself."
)
_WAITING = "Then they go by themselves within a quarter of an hour, or at once if you retry them."
_THEN = {Status.FAILED: _FAILED, Status.UNCERTAIN: _UNCERTAIN, Status.QUEUED: _WAITING}


def explained(record: MailRecord, remedies: Collection[str]) -> tuple[str, str]:
    """What happened to the mail, and what to do; `remedies` are the texts in which a message may end."""
    message = record.error_message
    remedy = next((text for text in remedies if message.endswith(text)), "")
    if remedy:
        message = message.removesuffix(remedy).rstrip()
    elif record.error_code in _BY_CODE:
        remedy = _BY_CODE[record.error_code]
    elif record.status is not Status.UNCERTAIN:
        remedy = "Mend what the message names."
    return message, " ".join(filter(None, [remedy, _THEN.get(record.status, "")]))


def may_double(record: MailRecord) -> bool:
    """Whether the mail may have left already, so that another one would be its second."""
    return record.status is Status.UNCERTAIN or bool(record.resent)
