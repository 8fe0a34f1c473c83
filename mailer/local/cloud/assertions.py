"""What Entra takes in place of a secret: a JWT signed with a registered certificate, or a federated identity's token.

https://learn.microsoft.com/entra/identity-platform/certificate-credentials
https://learn.microsoft.com/entra/workload-id/workload-identity-federation
"""

import binascii
from datetime import UTC, datetime
from typing import Any

import jwt

from mailer.local.cloud import seed
from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.directory import Application
from mailer.local.cloud.state import Cloud


def check_assertion(cloud: Cloud, application: Application, assertion: str, *, endpoint: str) -> None:
    """Refuse a client assertion that does not prove the app."""
    try:
        header = jwt.get_unverified_header(assertion)
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.PyJWTError:
        raise Refusal(400, "invalid_request", "AADSTS50027: JWT token is invalid or malformed.") from None
    if claims.get("iss") == application.app_id:
        check_certificate(application, assertion, header, endpoint=endpoint)
    else:
        check_federated(cloud, application, assertion, claims)


def check_certificate(application: Application, assertion: str, header: dict[str, Any], *, endpoint: str) -> None:
    """The assertion must be signed with a registered certificate, for this endpoint, and still be good."""
    thumbprint = thumbprint_of(header)
    certificate = application.certificates.get(thumbprint)
    if certificate is None:
        message = (
            "The certificate with identifier used to sign the client assertion is not registered on application. "
            f"[Reason - The key was not found., Thumbprint of key used by client: '{thumbprint.upper()}']"
        )
        raise Refusal(401, "invalid_client", f"AADSTS700027: {message}")
    if certificate.not_valid_after_utc <= datetime.now(UTC):
        message = "Client assertion failed signature validation. [Reason - The key used is expired.]"
        raise Refusal(401, "invalid_client", f"AADSTS700027: {message}")
    try:
        jwt.decode(
            assertion,
            certificate.public_key(),  # type: ignore[arg-type]  # PyJWT refuses the keys that it cannot use
            algorithms=["RS256", "PS256"],
            audience=[endpoint, seed.ISSUER],
            subject=application.app_id,
            options={"require": ["exp", "sub", "jti"]},
        )
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError):
        message = "Client assertion is not within its valid time range."
        raise Refusal(401, "invalid_client", f"AADSTS700024: {message}") from None
    except jwt.InvalidAudienceError:
        message = f"Client assertion audience claim does not match Realm issuer. Expected: {endpoint}"
        raise Refusal(401, "invalid_client", f"AADSTS700023: {message}") from None
    except jwt.PyJWTError as error:
        message = f"Client assertion failed signature validation. [Reason - {error}]"
        raise Refusal(401, "invalid_client", f"AADSTS700027: {message}") from None


def thumbprint_of(header: dict[str, Any]) -> str:
    """The thumbprint that the assertion's header names, in hexadecimal."""
    named = str(header.get("x5t#S256") or header.get("x5t") or "")
    try:
        return jwt.utils.base64url_decode(named).hex()
    except (binascii.Error, ValueError):
        return named


def check_federated(cloud: Cloud, application: Application, assertion: str, claims: dict[str, Any]) -> None:
    """The presented token must match one federated credential to the letter, and be signed by its issuer: us."""
    left = list(application.federated_credentials)
    for number, claim, name in ((700211, "iss", "issuer"), (700213, "sub", "subject"), (700212, "aud", "audience")):
        left = [credential for credential in left if getattr(credential, name) == claims.get(claim)]
        if not left:
            message = (
                f"No matching federated identity record found for presented assertion {name} '{claims.get(claim)}'. "
                "Check your federated identity credential's subject, audience and issuer."
            )
            raise Refusal(401, "invalid_client", f"AADSTS{number}: {message}")
    try:
        cloud.signer.claims(assertion, audience=left[0].audience)
    except jwt.ExpiredSignatureError:
        message = "Client assertion is not within its valid time range."
        raise Refusal(401, "invalid_client", f"AADSTS700024: {message}") from None
    except jwt.PyJWTError as error:
        message = f"Client assertion failed signature validation. [Reason - {error}]"
        raise Refusal(401, "invalid_client", f"AADSTS700027: {message}") from None
