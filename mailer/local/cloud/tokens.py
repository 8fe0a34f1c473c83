"""Access tokens: issued and verified with one RSA key, which is made at start."""

import base64
import hashlib
import time
import uuid
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mailer.local.cloud import seed

CLOCK_SKEW = 300  # seconds by which Entra dates a token back


class InvalidToken(Exception):
    """A token that its audience must refuse; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who presents a token."""

    app_id: str
    object_id: str
    roles: frozenset[str]
    scopes: frozenset[str] = frozenset()
    person: str | None = None


class Signer:
    """Issues tokens as Entra does and tells good ones from bad ones."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._public = self._key.public_key()
        der = self._public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.key_id = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()

    def issue(
        self,
        *,
        audience: str,
        app_id: str,
        object_id: str,
        lifetime: int,
        roles: tuple[str, ...] = (),
        method: str = "1",
        scopes: str = "",
        person: str = "",
    ) -> str:
        """A token; `lifetime` in seconds; `method` 0: public client, 1: secret, 2: certificate or assertion.

        With `person` it is a delegated one, for that person's user principal name and these scopes.

        https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
        """
        now = int(time.time())
        # Microsoft's own resources take version 1 tokens; the token exchange takes version 2.
        version_2 = audience == seed.TOKEN_EXCHANGE
        claims: dict[str, Any] = {
            "aud": audience,
            "iss": seed.ISSUER if version_2 else seed.ISSUER_OF_VERSION_1,
            "iat": now - CLOCK_SKEW,
            "nbf": now - CLOCK_SKEW,
            "exp": now + lifetime,
            "azp" if version_2 else "appid": app_id,
            "azpacr" if version_2 else "appidacr": method,
            "idtyp": "app",
            "oid": object_id,
            "sub": object_id,
            "tid": seed.TENANT,
            "uti": uuid.uuid4().hex,
            "ver": "2.0" if version_2 else "1.0",
        }
        if roles:
            claims["roles"] = list(roles)
        if person:
            claims |= {"idtyp": "user", "upn": person, "scp": scopes}
        return self.sign(claims)

    def sign(self, claims: dict[str, Any]) -> str:
        """A JWT of these claims."""
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self.key_id})

    def claims(self, token: str, *, audience: str) -> dict[str, Any]:
        """The claims of a token that we issued for this audience and that has not expired; raises jwt.PyJWTError."""
        claims: dict[str, Any] = jwt.decode(token, self._public, algorithms=["RS256"], audience=audience)
        return claims

    def caller(self, authorization: str | None, *, audience: str) -> Caller:
        """Who sent this Authorization header; raises InvalidToken."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise InvalidToken("Access token is empty.")
        try:
            claims = self.claims(token, audience=audience)
        except jwt.ExpiredSignatureError:
            raise InvalidToken("Lifetime validation failed, the token is expired.") from None
        except jwt.InvalidAudienceError:
            raise InvalidToken("Access token validation failure. Invalid audience.") from None
        except jwt.InvalidSignatureError:
            raise InvalidToken("Access token validation failure. Invalid signature.") from None
        except jwt.PyJWTError as error:
            raise InvalidToken(f"Access token is malformed: {error}") from None
        return Caller(
            app_id=claims["appid"],
            object_id=claims["oid"],
            roles=frozenset(claims.get("roles", ())),
            scopes=frozenset(claims.get("scp", "").split()),
            person=claims.get("upn"),
        )

    def key_set(self) -> dict[str, Any]:
        """The public key, as the discovery document's jwks_uri shows it."""
        key = jwt.algorithms.RSAAlgorithm.to_jwk(self._public, as_dict=True)
        return {"keys": [{**key, "use": "sig", "kid": self.key_id, "issuer": seed.ISSUER}]}
