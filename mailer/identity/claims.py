"""What a token says."""

import base64
import json
from collections.abc import Mapping
from typing import Any

LONGEST_NAME = 128  # characters


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, unchecked: to show and to diagnose, never to decide who may do what."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def user_name(claims: Mapping[str, Any]) -> str:
    """The name that a person has signed in by; empty for an app.

    https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
    """
    found = claims.get("upn") or claims.get("preferred_username") or claims.get("unique_name") or ""
    return " ".join(str(found).split())[:LONGEST_NAME]


def signed_in(claims: Mapping[str, Any]) -> str | None:
    """Who has signed in: a person by name or object id, an app by its id. `scp` is what a person lets an app do."""
    known = ("oid",) if "scp" in claims else ("appid", "azp", "oid")
    return user_name(claims) or next((str(claims[name])[:LONGEST_NAME] for name in known if claims.get(name)), None)
