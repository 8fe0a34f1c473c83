"""A test mail in a person's own name: what a delegated permission does, as the first guide had it.

https://learn.microsoft.com/graph/outlook-send-mail-from-other-user
"""

from datetime import datetime
from typing import Any

import requests

from mailer.setup.api import NETWORK
from mailer.setup.person import Person, Way, sign_in
from mailer.setup.place import Place
from mailer.setup.steps import Stopped, Tell

OWN, OTHERS = "Mail.Send", "Mail.Send.Shared"
_NOT_YOURS = (
    "To send for another mailbox you need all of: the delegated permission Mail.Send.Shared (consented to at sign-in), "
    "'Send As' or 'Send on Behalf' on that mailbox, and 'Full Access' to it; an Exchange Administrator gives both in "
    "the Exchange admin centre, and they act after up to an hour. mailer itself needs none of this, for it sends by "
    "an application permission."
)
_MEANING = {
    "ErrorSendAsDenied": f"You may open the mailbox, but not send as it. {_NOT_YOURS}",
    "ErrorAccessDenied": _NOT_YOURS,
    "MailboxNotEnabledForRESTAPI": "There is no mailbox in Exchange Online: sign in as somebody who has a licence.",
    "ErrorInvalidUser": "The tenant has no such mailbox: give its primary address.",
    "InvalidAuthenticationToken": "Graph refuses the token: --authority and --graph must belong to one cloud.",
    "NoPermissionsInAccessToken": "Consent to Mail.Send when you sign in; an administrator may have to.",
}


def sign_in_to_send(place: Place, *, mailbox: str | None, ways: tuple[Way, ...], tell: Tell) -> Person:
    """A person with the permission to send, for another mailbox too if one is named; raises Stopped."""
    return sign_in(place, (OWN, OTHERS) if mailbox else (OWN,), ways=ways, tell=tell)


def send_test(place: Place, person: Person, *, mailbox: str | None, to: str, now: datetime) -> str:
    """Send one mail by /me or /users/MAILBOX and say what Graph answered; raises Stopped."""
    path = f"/v1.0/users/{mailbox}/sendMail" if mailbox else "/v1.0/me/sendMail"
    message: dict[str, Any] = {
        "subject": "Delegated test of mailer",
        "body": {
            "contentType": "text",
            "content": f"Sent by {person.name or 'a person'} at {now:%Y-%m-%d %H:%M:%S} UTC.",
        },
        "toRecipients": [{"emailAddress": {"address": to}}],
    }
    try:
        reply = requests.post(
            place.graph + path,
            json={"message": message, "saveToSentItems": False},
            headers={"Authorization": f"Bearer {person.token()}"},
            timeout=NETWORK,
            allow_redirects=False,
        )
    except (requests.RequestException, OSError) as error:
        what = f"There is no answer from Graph at {place.graph} ({type(error).__name__})."
        raise Stopped(what, "Check --graph (MAILER_GRAPH_URL), the network and the proxy.") from error
    if reply.status_code == requests.codes.accepted:
        return f"202 Accepted: POST {path} for {to}, by {person.name or 'the person who signed in'}."
    code = _code(reply)
    cure = _MEANING.get(code) or (_NOT_YOURS if reply.status_code == requests.codes.forbidden else "")
    what = f"Graph answered {reply.status_code} {code} to POST {path}."
    raise Stopped(what, cure or "Look the code up: https://learn.microsoft.com/graph/errors")


def _code(reply: requests.Response) -> str:
    try:
        return str(reply.json()["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return ""
