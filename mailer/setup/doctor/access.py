"""The token, and what it opens. Nothing is sent: Graph looks at the rights before it refuses a mail to nobody.

https://learn.microsoft.com/graph/api/user-sendmail
"""

from typing import Any

import requests

from mailer.errors import TryLater
from mailer.graph.wire import TO_NOBODY, error_code
from mailer.health.permission import CACHED, Answer, fault_of
from mailer.identity.claims import claims_of
from mailer.request.members import ONE_CALL
from mailer.setup.api import NETWORK
from mailer.setup.doctor.chain import Examined
from mailer.setup.doctor.findings import Result

_ROTATE = "`python -m mailer rotate` makes a new one and writes it to the vault."
_TRUST = "`python -m mailer setup --auth federated --identity PRINCIPAL_ID`; AZURE_CLIENT_ID chooses the identity."
_CURES = {
    "AADSTS90002": "Mend MAILER_TENANT_ID (and MAILER_AUTHORITY_HOST): `az account show --query tenantId`.",
    "AADSTS900023": "Mend MAILER_TENANT_ID: `az account show --query tenantId`.",
    "AADSTS700016": "Mend MAILER_CLIENT_ID, or MAILER_TENANT_ID: `python -m mailer setup --dry-run` tells both.",
    "secret_unavailable": "See `vault` and `secret`.",
    "secret_unusable": _ROTATE,
    "identity_unavailable": "Switch the managed identity on, and name a user-assigned one in AZURE_CLIENT_ID.",
    "AADSTS7000229": "Make its service principal: `python -m mailer setup`.",
    "AADSTS7000215": _ROTATE,
    "AADSTS7000222": _ROTATE,
    "AADSTS700027": "`python -m mailer rotate --auth certificate` makes a new one.",
    "AADSTS70021": _TRUST,
    "AADSTS700211": _TRUST,
    "AADSTS700212": _TRUST,
    "AADSTS700213": _TRUST,
}


def check_token(examined: Examined) -> Result:
    """A token for Graph by the app's own way to sign in, and what it says."""
    settings = examined.settings
    try:
        examined.token = examined.tokens.token()
    except TryLater as error:
        cure = _CURES.get(error.code, "Is Entra reachable from here? Check MAILER_AUTHORITY_HOST and the proxy.")
        return Result("failed", f"Entra gives no token ({error.code}).", why=str(error), cure=cure)
    examined.claims = claims_of(examined.token)
    roles = ", ".join(sorted(examined.claims.get("roles", ()))) or "none, so that Exchange alone decides"
    return Result("ok", f"A token for {settings.client_id}, app roles: {roles}.")


def check_permission(examined: Examined) -> Result:
    """For each sender whether the app may send from it."""
    answers = {sender: _send_nothing(examined, sender) for sender in examined.senders}
    examined.may_send = [sender for sender, answer in answers.items() if answer.may_send]
    fault = fault_of(answers, examined.claims.get("roles", ()))
    if fault is None:
        return Result("ok", f"May send from {', '.join(examined.may_send)}.")
    return Result("failed", fault.what, why=fault.why, cure=fault.cure)


def check_negative(examined: Examined) -> Result:
    """That a mailbox which must not be reachable is not; only a 403 proves it."""
    mailbox, wide = examined.forbidden, "Mail.Send" in examined.claims.get("roles", ())
    if mailbox is None:
        what = "Not asked for." + (" Mail.Send is granted for every mailbox of the tenant." if wide else "")
        return Result("skipped", what, cure="`doctor --not ADDRESS` proves that a mailbox is out of reach.")
    answer = _send_nothing(examined, mailbox)
    if answer.is_closed:
        return Result("ok", f"{mailbox} is out of reach.", why=f"{answer}.")
    if answer.may_send:
        grant = "Mail.Send is granted for the whole tenant" if wide else "a role of Exchange covers it"
        cure = f"`python -m mailer setup --scope mailboxes {' '.join(examined.senders)}`. {CACHED} Then ask again."
        return Result("failed", f"The app can send as {mailbox}.", why=f"{answer}. So {grant}.", cure=cure)
    why = f"{answer}. Only a 403 proves that a mailbox is closed."
    cure = "Name a mailbox that exists, by its primary address."
    return Result("warning", f"Nothing is proved about {mailbox}.", why=why, cure=cure)


def check_large(examined: Examined) -> Result:
    """Large mails become drafts first: whether the app may make one, which is deleted at once."""
    if examined.settings.max_mail_size <= ONE_CALL:
        return Result("skipped", "Not needed: MAILER_MAX_MAIL_SIZE allows no large mails.")
    refused = [mailbox for mailbox in _probed(examined) if not _can_draft(examined, mailbox)]
    if not refused:
        return Result("ok", "Large mails can be sent (Mail.ReadWrite).")
    why = f"Mails above 3 MB are made as drafts, which needs Mail.ReadWrite; not given for {', '.join(refused)}."
    cure = f"`python -m mailer setup --also large` with the scope as before, or MAILER_MAX_MAIL_SIZE=3MB. {CACHED}"
    return Result("warning", "Large mails cannot be sent.", why=why, cure=cure)


def check_read(examined: Examined) -> Result:
    """Sent Items are looked into where a doubt is to be verified."""
    if examined.settings.on_uncertain != "verify":
        return Result("skipped", f"Not needed: MAILER_ON_UNCERTAIN is {examined.settings.on_uncertain}.")
    path = "mailFolders/sentitems/messages?$top=1&$select=id"
    refused = [box for box in _probed(examined) if _ask(examined, "GET", f"/v1.0/users/{box}/{path}")[0] != 200]
    if not refused:
        return Result("ok", "Sent Items can be read (Mail.Read).")
    why = f"MAILER_ON_UNCERTAIN=verify looks there, which needs Mail.Read; not given for {', '.join(refused)}."
    cure = f"`python -m mailer setup --also read` with the scope as before, or MAILER_ON_UNCERTAIN=hold. {CACHED}"
    return Result("warning", "Doubts cannot be verified: Sent Items are closed.", why=why, cure=cure)


def _probed(examined: Examined) -> list[str]:
    return examined.may_send or examined.senders


def _send_nothing(examined: Examined, mailbox: str) -> Answer:
    status, code, _ = _ask(examined, "POST", f"/v1.0/users/{mailbox}/sendMail", TO_NOBODY)
    return Answer(status, code)


def _can_draft(examined: Examined, mailbox: str) -> bool:
    path = f"/v1.0/users/{mailbox}/messages"
    status, _, draft = _ask(examined, "POST", path, {"subject": "mailer doctor"})
    if status != 201:
        return False
    status, _, _ = _ask(examined, "DELETE", f"{path}/{draft.get('id')}")
    return status == 204


def _ask(
    examined: Examined, method: str, path: str, body: dict[str, Any] | None = None
) -> tuple[int, str, dict[str, Any]]:
    """Status, error code and content; 0 for no answer."""
    headers = {"Authorization": f"Bearer {examined.token}"}
    url = examined.place.graph + path
    try:
        reply = requests.request(method, url, json=body, headers=headers, timeout=NETWORK, allow_redirects=False)
        content = reply.json() if reply.ok and reply.content else {}
    except (requests.RequestException, OSError, ValueError) as error:
        return 0, type(error).__name__, {}
    return reply.status_code, error_code(reply.content), content
