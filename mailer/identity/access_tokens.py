"""Access tokens that apps of the tenant show to mailer, which is a protected API to them.

https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-tokens
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jwt

from mailer.errors import TryLater, UnknownCaller
from mailer.settings import Settings

KEYS_KEPT = timedelta(hours=24)  # after which they are read again, as Entra asks for
READ_AGAIN = timedelta(minutes=1)  # at most so often for a key that is not known: any caller can name one
LEEWAY = timedelta(seconds=60)  # of clocks
LONGEST = 16_384  # characters

# By a token's version, under the tenant's address: a version 1 token has another issuer.
_CONFIGURATIONS = {
    "1.0": "/.well-known/openid-configuration",
    "2.0": "/v2.0/.well-known/openid-configuration",
}


@dataclass(slots=True)
class _Issuer:
    """Who signs tokens of a version, and with which keys."""

    name: str = ""
    keys: Mapping[str, jwt.PyJWK] = field(default_factory=dict)
    read_at: datetime | None = None
    tried_at: datetime | None = None
    away: TryLater | None = None  # why they could not be read the last time


class AccessTokens:
    """Checks tokens; thread-safe, one for a worker. `read_json` gives what stands at a URL, and raises TryLater."""

    def __init__(self, settings: Settings, *, read_json: Callable[[str], Any], clock: Callable[[], datetime]) -> None:
        self._tenant_url = f"{settings.authority_host}/{settings.tenant_id}"
        # Which of the two a token has depends on its version and on how it was asked for.
        self._audience = [settings.client_id.lower(), f"api://{settings.client_id.lower()}"]
        self._read_json = read_json
        self._clock = clock
        self._issuers = {version: _Issuer() for version in _CONFIGURATIONS}
        self._lock = threading.Lock()

    def app_of(self, token: str) -> str:
        """The app that the token was issued to. Raises UnknownCaller, and TryLater while Entra's keys are away."""
        try:
            claims = self._claims(token)
        except jwt.ExpiredSignatureError:
            raise UnknownCaller("The access token has expired: get a new one.") from None
        except jwt.InvalidAudienceError:
            message = f"The access token is for another API: ask for one with the scope {self._audience[1]}/.default."
            raise UnknownCaller(message) from None
        except jwt.InvalidIssuerError:
            raise UnknownCaller("The access token is of another tenant than MAILER_TENANT_ID.") from None
        except (jwt.PyJWTError, ValueError) as error:
            raise UnknownCaller(f"The access token is not valid ({type(error).__name__}): get a new one.") from None
        if "scp" in claims or claims.get("idtyp") == "user":
            message = (
                "The access token is a person's, and callers are apps: sign in as an app, with client credentials or "
                "a managed identity, or call with a function key alone."
            )
            raise UnknownCaller(message)
        app = claims.get("azp", claims.get("appid"))
        if not isinstance(app, str) or not app:
            raise UnknownCaller("The access token names no app (`azp` or `appid`).")
        return app

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > LONGEST:
            raise jwt.DecodeError
        # Only which keys to look at is taken from what is not checked yet.
        version = jwt.decode(token, options={"verify_signature": False}).get("ver")
        issuer = self._issuers.get(version if isinstance(version, str) else "")
        if issuer is None:
            raise jwt.InvalidIssuerError
        key = self._key(str(version), issuer, str(jwt.get_unverified_header(token).get("kid")))
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=self._audience,
            issuer=issuer.name,
            leeway=LEEWAY,
            options={"require": ["exp", "iss", "aud"]},
        )
        return claims

    def _key(self, version: str, issuer: _Issuer, kid: str) -> jwt.PyJWK:
        now = self._clock()
        with self._lock:
            old = issuer.read_at is None or now - issuer.read_at > KEYS_KEPT
            if (old or kid not in issuer.keys) and (issuer.tried_at is None or now - issuer.tried_at > READ_AGAIN):
                issuer.tried_at, issuer.away = now, None
                try:
                    self._read(version, issuer, now)
                except TryLater as away:
                    issuer.away = away
            if kid not in issuer.keys:
                raise issuer.away or jwt.InvalidSignatureError
            return issuer.keys[kid]

    def _read(self, version: str, issuer: _Issuer, now: datetime) -> None:
        configuration = self._read_json(self._tenant_url + _CONFIGURATIONS[version])
        try:
            keys = jwt.PyJWKSet.from_dict(self._read_json(configuration["jwks_uri"])).keys
            name, known = str(configuration["issuer"]), {key.key_id: key for key in keys if key.key_id}
        except (LookupError, TypeError, AttributeError, jwt.PyJWTError) as error:
            message = f"Entra's keys cannot be understood ({type(error).__name__}), by which a token is checked."
            raise TryLater(message, code="keys_unavailable") from error
        issuer.name, issuer.keys, issuer.read_at = name, known, now
