"""A call by HTTP to its caller: by the app of its token, by the app that Easy Auth tells, or by its function key."""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass

from mailer.callers.policy import Caller, Callers
from mailer.errors import InvalidRequest, Problem

# https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
_APP = {"appid", "azp"}
_OF_A_PERSON = {"scp", "http://schemas.microsoft.com/identity/claims/scope"}

_UNKNOWN = (
    "MAILER_CALLERS is set and has no caller with this function key or Entra app, so that it may do nothing. Call with "
    "a key or an app that is in it, or ask for an entry with the key's SHA-256."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identification:
    """The callers there are, and how an app is told by a token; `principals` where Easy Auth stands in front.

    `app_of` gives the app that a token was issued to, and raises UnknownCaller, TryLater.
    """

    callers: Callers
    app_of: Callable[[str], str]
    principals: bool

    def caller(self, *, key: str | None, token: str | None, principal: str | None) -> Caller:
        """Who calls. Raises InvalidRequest for nobody who is known, and as `app_of`."""
        app = None
        if self.principals and principal:
            app = app_of_principal(principal)
        elif token and self.callers.know_apps:
            app = self.app_of(token)
        found = (self.callers.by_app(app) if app else None) or (self.callers.by_key(key) if key else None)
        if found is None:
            raise InvalidRequest([Problem(code="caller_not_allowed", message=_UNKNOWN)])
        return found


def app_of_principal(text: str) -> str | None:
    """The app that has called for itself, from Easy Auth's header X-MS-CLIENT-PRINCIPAL; None for a person."""
    try:
        claims = json.loads(base64.b64decode(text))["claims"]
        values = {str(claim["typ"]): str(claim["val"]) for claim in claims}
    except (binascii.Error, ValueError, LookupError, TypeError):
        return None
    if _OF_A_PERSON & values.keys():
        return None
    return next((values[name] for name in sorted(_APP) if name in values), None)
