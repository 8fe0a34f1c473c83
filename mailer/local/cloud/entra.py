"""Entra ID: discovery, keys, and tokens by client credentials; people sign in by people.py.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

import re
import uuid
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailer.local.cloud import people, seed
from mailer.local.cloud.assertions import check_assertion
from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.directory import Application
from mailer.local.cloud.state import Cloud

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", re.IGNORECASE)
RESOURCES = (seed.GRAPH, seed.VAULT)
NO_STORE = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


async def discover(_cloud: Cloud, request: Request) -> Response:
    """The OpenID configuration; the SDKs ask for it before their first token."""
    check_tenant(request, people=True)
    base = f"{request.base_url}{request.path_params['tenant']}"
    return JSONResponse(
        {
            "issuer": seed.ISSUER,
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
            "msgraph_host": "graph.microsoft.com",
        }
    )


async def discover_version_1(_cloud: Cloud, request: Request) -> Response:
    """The same for tokens of version 1, which have another issuer."""
    check_tenant(request)
    base = f"{request.base_url}{request.path_params['tenant']}"
    return JSONResponse({"issuer": seed.ISSUER_OF_VERSION_1, "jwks_uri": f"{base}/discovery/keys"})


async def show_keys(cloud: Cloud, request: Request) -> Response:
    """The keys that tokens are signed with."""
    check_tenant(request)
    return JSONResponse(cloud.signer.key_set())


async def grant_token(cloud: Cloud, request: Request) -> Response:
    """A token for the app itself against a client secret or an assertion, or for a person who has signed in."""
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    check_tenant(request, people=form.get("grant_type") in people.GRANTS)
    check_grant(form)
    if form["grant_type"] in people.GRANTS:
        return JSONResponse(people.redeem(cloud, form), headers=NO_STORE)
    application = find_client(cloud, form["client_id"])
    method = check_client(cloud, application, form, endpoint=str(request.url.replace(query="")))
    audience = resource_of(cloud, form.get("scope", ""))
    principal = cloud.directory.principal(app_id=application.app_id)
    if principal is None:
        message = f"The client application {application.app_id} is missing service principal in the tenant."
        raise Refusal(401, "invalid_client", f"AADSTS7000229: {message}")
    lifetime = cloud.settings.token_lifetime
    token = cloud.signer.issue(
        audience=audience,
        app_id=application.app_id,
        object_id=principal.id,
        lifetime=lifetime,
        roles=cloud.directory.roles(principal.id) if audience == seed.GRAPH else (),
        method=method,
    )
    content = {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}
    return JSONResponse(content, headers=NO_STORE)


async def show_device_code(cloud: Cloud, request: Request) -> Response:
    """What a person is to enter, and where."""
    check_tenant(request, people=True)
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    return JSONResponse(people.begin_device_code(cloud, form, base=str(request.base_url)))


async def authorize(cloud: Cloud, request: Request) -> Response:
    """The sign-in page, on which the person of the settings signs in at once: a form that posts the code back."""
    check_tenant(request, people=True)
    return people.authorize(cloud, request)


def check_tenant(request: Request, *, people: bool = False) -> None:
    """Refuse any tenant in the path but ours, by its id or its domain name; people need not name theirs."""
    tenant: str = request.path_params["tenant"]
    if people and tenant.lower() in ("common", "organizations"):
        return
    if tenant.lower() in ("common", "organizations", "consumers"):
        message = f"The grant type is not supported over the /{tenant} endpoint. Use a tenant-specific endpoint."
        raise Refusal(400, "invalid_request", f"AADSTS9001023: {message}")
    if not GUID.fullmatch(tenant) and not DOMAIN.fullmatch(tenant):
        message = f"Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain."
        raise Refusal(400, "invalid_request", f"AADSTS900023: {message}")
    if tenant.lower() not in (seed.TENANT, seed.TENANT_DOMAIN):
        message = f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and cloud."
        raise Refusal(400, "invalid_tenant", f"AADSTS90002: {message}")


def check_grant(form: dict[str, str]) -> None:
    """Refuse a request that lacks what every grant has, and any grant that is not known here."""
    for name in ("grant_type", "client_id"):
        if not form.get(name):
            message = f"The request body must contain the following parameter: '{name}'."
            raise Refusal(400, "invalid_request", f"AADSTS900144: {message}")
    if form["grant_type"] not in ("client_credentials", *people.GRANTS):
        message = f"The app requested an unsupported grant type '{form['grant_type']}'."
        raise Refusal(400, "unsupported_grant_type", f"AADSTS70003: {message}")


def find_client(cloud: Cloud, client: str) -> Application:
    """The application that asks for a token."""
    application = cloud.directory.application(app_id=client)
    if application is None:
        message = f"Application with identifier '{client}' was not found in the directory '{seed.TENANT_NAME}'."
        raise Refusal(400, "unauthorized_client", f"AADSTS700016: {message}")
    return application


def check_client(cloud: Cloud, application: Application, form: dict[str, str], *, endpoint: str) -> str:
    """Refuse a client that does not prove itself; otherwise how it did, as the token's appidacr says it."""
    if form.get("client_assertion"):
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            message = "The request body must contain the following parameter: 'client_assertion_type'."
            raise Refusal(400, "invalid_request", f"AADSTS900144: {message}")
        check_assertion(cloud, application, form["client_assertion"], endpoint=endpoint)
        return "2"
    if not form.get("client_secret"):
        message = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
        raise Refusal(401, "invalid_client", f"AADSTS7000218: {message}")
    check_secret(application, form["client_secret"])
    return "1"


def check_secret(application: Application, value: str) -> None:
    """Refuse a secret that the app does not have, or has no longer."""
    found = [secret for secret in application.secrets if secret.value == value]
    if not found:
        message = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
            f"not the client secret ID, for a secret added to app '{application.app_id}'."
        )
        raise Refusal(401, "invalid_client", f"AADSTS7000215: {message}")
    if found[0].expires <= datetime.now(UTC):
        message = f"The provided client secret keys for app '{application.app_id}' are expired."
        raise Refusal(401, "invalid_client", f"AADSTS7000222: {message}")


def resource_of(cloud: Cloud, scope: str) -> str:
    """The resource that a client credentials scope names: one of Microsoft's, or an application by its id."""
    if not scope:
        message = "The required field 'scope' is missing from the credential."
        raise Refusal(400, "invalid_request", f"AADSTS90014: {message}")
    if len(scope.split()) > 1:
        message = f"The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."
        raise Refusal(400, "invalid_scope", f"AADSTS70011: {message}")
    resource, dot, rest = scope.rpartition("/.default")
    if not dot or rest:
        message = (
            f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value "
            "with /.default suffixed to the resource identifier (application ID URI)."
        )
        raise Refusal(400, "invalid_scope", f"AADSTS1002012: {message}")
    if resource not in RESOURCES and cloud.directory.application(app_id=resource.lower()) is None:
        message = f"The resource principal named {resource} was not found in the tenant named {seed.TENANT_NAME}."
        raise Refusal(400, "invalid_resource", f"AADSTS500011: {message}")
    return resource


def refuse(request: Request, refusal: Refusal) -> Response:
    """The refusal in OAuth's words with Entra's additions."""
    trace = str(uuid.uuid4())
    correlation = request.headers.get("client-request-id") or str(uuid.uuid4())
    time = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}"
    number = re.match(r"AADSTS(\d+)", refusal.message)
    content = {
        "error": refusal.code,
        "error_description": f"{refusal.message} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}",
        "error_codes": [int(number[1])] if number else [],
        "timestamp": time,
        "trace_id": trace,
        "correlation_id": correlation,
    }
    return JSONResponse(content, refusal.status, refusal.headers)
