"""Entra ID: people who sign in, by a device code or in a browser with PKCE, and the delegated tokens they get.

The person is the one of the settings and types nothing: an authorization request is granted at once, a device code as
soon as the settings say so. https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
"""

import base64
import hashlib
import html
import json
import secrets
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mailer.local.cloud import seed
from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.state import Cloud, SignIn

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
GRANTS = (DEVICE_CODE, "authorization_code")
INTERVAL = 1  # seconds between two polls; Entra says 5
WITHIN = timedelta(minutes=15)
OPENID = {"openid", "profile", "offline_access", "email"}
AZ_SCOPES = "Application.ReadWrite.All AppRoleAssignment.ReadWrite.All Directory.AccessAsUser.All Policy.Read.All"
ALL_OF = {seed.GRAPH_TOOLS: "User.Read", seed.AZURE_CLI: AZ_SCOPES}  # what `.default` means for each


def begin_device_code(cloud: Cloud, form: dict[str, str], *, base: str) -> dict[str, Any]:
    """A device code for a public client."""
    scope = check_request(form)
    code = secrets.token_urlsafe(40)
    user_code = secrets.token_hex(4).upper()
    cloud.sign_ins[code] = SignIn(
        client_id=form["client_id"],
        scope=scope,
        expires=datetime.now(UTC) + WITHIN,
        approved=cloud.settings.approve_device_codes,
    )
    page = f"{base}devicelogin"
    return {
        "user_code": user_code,
        "device_code": code,
        "verification_uri": page,
        "expires_in": int(WITHIN.total_seconds()),
        "interval": INTERVAL,
        "message": f"To sign in, use a web browser to open the page {page} and enter the code {user_code}.",
    }


def authorize(cloud: Cloud, request: Request) -> Response:
    """A code for the client at its own redirect URI, by form_post or query."""
    query = dict(request.query_params)
    scope = check_request(query)
    redirect = urlsplit(query.get("redirect_uri", ""))
    if (redirect.scheme, redirect.hostname) != ("http", "localhost"):
        message = f"The redirect URI '{query.get('redirect_uri')}' specified in the request does not match."
        raise Refusal(400, "invalid_request", f"AADSTS50011: {message}")
    if query.get("response_type") != "code" or query.get("code_challenge_method") != "S256":
        message = "Proof Key for Code Exchange is required: response_type code, code_challenge_method S256."
        raise Refusal(400, "invalid_request", f"AADSTS9002325: {message}")
    code = secrets.token_urlsafe(40)
    cloud.sign_ins[code] = SignIn(
        client_id=query["client_id"],
        scope=scope,
        expires=datetime.now(UTC) + WITHIN,
        approved=True,
        redirect_uri=query["redirect_uri"],
        challenge=query.get("code_challenge", ""),
        nonce=query.get("nonce", ""),
    )
    answer = {"code": code, "state": query.get("state", ""), "session_state": str(uuid.uuid4())}
    if query.get("response_mode") != "form_post":
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(answer)}")
    fields = "".join(f'<input type="hidden" name="{name}" value="{html.escape(answer[name])}">' for name in answer)
    action = html.escape(query["redirect_uri"])
    submit = "<script>document.forms[0].submit()</script>"
    return HTMLResponse(f'<form method="post" action="{action}">{fields}</form>{submit}')


def check_request(form: dict[str, str]) -> str:
    """The scopes that a public client asks for, without OpenID's own; refuses what that client cannot have."""
    client = form.get("client_id", "")
    if client not in ALL_OF:
        message = f"Application with identifier '{client}' was not found in the directory '{seed.TENANT_NAME}'."
        raise Refusal(400, "unauthorized_client", f"AADSTS700016: {message}")
    asked = [one for one in form.get("scope", "").split() if one not in OPENID]
    resources = {one.rpartition("/")[0] or seed.GRAPH for one in asked}
    if not asked or len(resources) > 1 or not resources <= {seed.GRAPH, seed.VAULT}:
        message = f"The provided value for the input parameter 'scope' is not valid: {form.get('scope')}"
        raise Refusal(400, "invalid_scope", f"AADSTS70011: {message}")
    names = [one.rpartition("/")[2] for one in asked]
    if resources == {seed.VAULT}:
        if client == seed.GRAPH_TOOLS:
            message = "Invalid resource. The client has requested access to a resource which is not listed in it."
            raise Refusal(400, "invalid_client", f"AADSTS650057: {message}")
    elif names != [".default"]:
        if client == seed.AZURE_CLI:
            message = "Consent between first party application and first party resource must be configured."
            raise Refusal(400, "invalid_client", f"AADSTS65002: {message}")
        if unknown := sorted(set(names) - set(seed.DELEGATED_SCOPES)):
            message = f"The application asked for scope '{unknown[0]}' that doesn't exist on the resource."
            raise Refusal(400, "invalid_scope", f"AADSTS650053: {message}")
    return " ".join(asked)


def redeem(cloud: Cloud, form: dict[str, str]) -> dict[str, Any]:
    """The tokens for a device code or an authorization code, each of which works once."""
    code = form.get("device_code") or form.get("code") or ""
    sign_in = cloud.sign_ins.get(code)
    if sign_in is None or sign_in.client_id != form["client_id"]:
        message = "The provided authorization code or device code is unknown or was already redeemed."
        raise Refusal(400, "invalid_grant", f"AADSTS54005: {message}")
    if sign_in.expires <= datetime.now(UTC):
        raise Refusal(400, "expired_token", "AADSTS70019: Verification code expired.")
    if form["grant_type"] == DEVICE_CODE:
        check_poll(cloud, sign_in)
    else:
        check_proof(sign_in, form)
    if not cloud.settings.consent_given:
        message = f"The user or administrator has not consented to use the application with ID '{sign_in.client_id}'."
        raise Refusal(400, "invalid_grant", f"AADSTS65001: {message} Send an interactive authorization request.")
    del cloud.sign_ins[code]
    return tokens(cloud, sign_in)


def check_poll(cloud: Cloud, sign_in: SignIn) -> None:
    """Refuse a device code that waits for its person, that is asked for too often, or whose flow is blocked."""
    before, sign_in.polled = sign_in.polled, datetime.now(UTC)
    if cloud.settings.device_code_blocked:
        message = "Access has been blocked by Conditional Access policies. The policy does not allow token issuance."
        raise Refusal(400, "access_denied", f"AADSTS53003: {message}")
    if before and sign_in.polled - before < timedelta(seconds=INTERVAL * 0.8):
        raise Refusal(400, "slow_down", "AADSTS90055: The client polls faster than the interval allows.")
    if not (sign_in.approved or cloud.settings.approve_device_codes):
        message = "OAuth 2.0 device flow error. Authorization is pending. Continue polling."
        raise Refusal(400, "authorization_pending", f"AADSTS70016: {message}")


def check_proof(sign_in: SignIn, form: dict[str, str]) -> None:
    """Refuse a code for another redirect URI, or without the verifier of its challenge."""
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if not sign_in.challenge or proof != sign_in.challenge:
        message = "The Code_Verifier does not match the code_challenge supplied in the authorization request."
        raise Refusal(400, "invalid_grant", f"AADSTS501481: {message}")
    if form.get("redirect_uri") != sign_in.redirect_uri:
        message = "The reply address does not match the one of the authorization request."
        raise Refusal(400, "invalid_grant", f"AADSTS500112: {message}")


def tokens(cloud: Cloud, sign_in: SignIn) -> dict[str, Any]:
    """Access token and id token of the person."""
    person = cloud.settings.person
    identifier = person_id(cloud)
    now = int(time.time())
    identity = {
        "aud": sign_in.client_id,
        "iss": seed.ISSUER,
        "iat": now,
        "exp": now + cloud.settings.token_lifetime,
        "nonce": sign_in.nonce,
        "oid": identifier,
        "sub": identifier,
        "tid": seed.TENANT,
        "preferred_username": person,
        "ver": "2.0",
    }
    client = {"uid": identifier, "utid": seed.TENANT}
    audience = sign_in.scope.split()[0].rpartition("/")[0] or seed.GRAPH
    return {
        "token_type": "Bearer",
        "scope": sign_in.scope,
        "expires_in": cloud.settings.token_lifetime,
        "ext_expires_in": cloud.settings.token_lifetime,
        "access_token": issue(cloud, audience=audience, client_id=sign_in.client_id, scope=sign_in.scope),
        "id_token": cloud.signer.sign({name: value for name, value in identity.items() if value}),
        "client_info": base64.urlsafe_b64encode(json.dumps(client).encode()).rstrip(b"=").decode(),
    }


def issue(cloud: Cloud, *, audience: str, client_id: str, scope: str) -> str:
    """An access token of the person with these scopes; `.default` is all that the client has been consented to."""
    names = " ".join(one.rpartition("/")[2] for one in scope.split())
    return cloud.signer.issue(
        audience=audience,
        app_id=client_id,
        object_id=person_id(cloud),
        lifetime=cloud.settings.token_lifetime,
        method="0",
        scopes=("user_impersonation" if audience == seed.VAULT else ALL_OF[client_id])
        if names == ".default"
        else names,
        person=cloud.settings.person,
    )


def person_id(cloud: Cloud) -> str:
    """The object id of the person, which is that of the mailbox if there is one."""
    mailbox = cloud.mailbox(cloud.settings.person)
    return mailbox.object_id if mailbox else str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{cloud.settings.person}"))
