"""Which path belongs to which service."""

import time
from email.utils import formatdate
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailer.local.cloud import (
    app_credentials,
    applications,
    drafts,
    entra,
    exchange_roles,
    folders,
    graph,
    identity,
    principals,
    sending,
    uploads,
    vault,
    vault_changes,
)
from mailer.local.cloud.calls import CarryOut, Refusal, endpoint
from mailer.local.cloud.model import Call
from mailer.local.cloud.panel import Panel
from mailer.local.cloud.state import Cloud

PAGE = Path(__file__).parent / "page"
EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]
USER = "/v1.0/users/{user}"
APPLICATION = "/v1.0/applications/{application}"
PRINCIPAL = "/v1.0/servicePrincipals/{principal}"
EXCHANGE = "/beta/roleManagement/exchange"
DRAFT = f"{USER}/messages/{{message}}"
UPLOAD = f"/{uploads.PATH}"


class Dated:
    """Every answer of an application with the Date of the cloud's clock, which a test may put forward or back."""

    def __init__(self, app: ASGIApp, cloud: Cloud) -> None:
        self._app = app
        self._cloud = cloud

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(time.time() + self._cloud.settings.clock_skew, usegmt=True)
                message = {**message, "headers": [*message.get("headers", ()), (b"date", date.encode())]}
            await send(message)

        await self._app(scope, receive, send_dated)


def build(cloud: Cloud) -> Starlette:
    """The web application of one local cloud."""
    app = Starlette(
        routes=[
            Mount("/control", routes=Panel(cloud).routes()),
            Route("/msi/token", endpoint(cloud, "identity", identity.get_token, identity.refuse)),
            *vault_routes(cloud),
            *graph_routes(cloud),
            *directory_routes(cloud),
            Route("/v1.0/{rest:path}", no_such_segment, methods=EVERY_METHOD),
            Route("/beta/{rest:path}", no_such_segment, methods=EVERY_METHOD),
            *entra_routes(cloud),
            Route("/{version}/{rest:path}", no_such_version, methods=EVERY_METHOD),
        ]
    )
    # A wrong slash is a wrong path, not a reason to send the caller elsewhere.
    app.router.redirect_slashes = False
    return app


def build_panel(cloud: Cloud) -> Starlette:
    """The control panel alone, with a page for people: by plain HTTP, for their browser does not know our authority."""
    return Starlette(
        routes=[
            Mount("/control", routes=Panel(cloud).routes()),
            Mount("/page", StaticFiles(directory=PAGE)),
            Route("/", lambda _: FileResponse(PAGE / "index.html")),
        ],
        # A page of another site must not turn anything here by a name that leads here.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


def vault_routes(cloud: Cloud) -> list[Route]:
    """Key Vault's secrets."""

    def route(method: str, path: str, call: Call, carry_out: CarryOut) -> Route:
        return Route(path, endpoint(cloud, call, carry_out, vault.refuse), methods=[method])

    return [
        route("GET", "/secrets/{name}/versions", "secret", vault_changes.list_versions),
        route("GET", "/secrets/{name}", "secret", vault.get_secret),
        route("GET", "/secrets/{name}/", "secret", vault.get_secret),
        route("GET", "/secrets/{name}/{version}", "secret", vault.get_secret),
        route("PUT", "/secrets/{name}", "setSecret", vault_changes.set_secret),
        route("DELETE", "/secrets/{name}", "setSecret", vault_changes.delete_secret),
        route("GET", "/deletedsecrets/{name}", "setSecret", vault_changes.get_deleted),
        route("POST", "/deletedsecrets/{name}/recover", "setSecret", vault_changes.recover),
        route("DELETE", "/deletedsecrets/{name}", "setSecret", vault_changes.purge),
    ]


def entra_routes(cloud: Cloud) -> list[Route]:
    """Entra's endpoints, below the tenant."""

    def route(method: str, path: str, call: Call, carry_out: CarryOut) -> Route:
        return Route(f"/{{tenant}}/{path}", endpoint(cloud, call, carry_out, entra.refuse), methods=[method])

    return [
        route("GET", "v2.0/.well-known/openid-configuration", "discovery", entra.discover),
        route("GET", ".well-known/openid-configuration", "discovery", entra.discover_version_1),
        route("GET", "discovery/v2.0/keys", "keys", entra.show_keys),
        route("GET", "discovery/keys", "keys", entra.show_keys),
        route("POST", "oauth2/v2.0/token", "token", entra.grant_token),
        route("POST", "oauth2/v2.0/devicecode", "deviceCode", entra.show_device_code),
        route("GET", "oauth2/v2.0/authorize", "authorize", entra.authorize),
    ]


def directory_routes(cloud: Cloud) -> list[Route]:
    """Graph's directory: applications, principals, grants, policies, and Exchange's roles in beta."""

    def route(method: str, path: str, call: Call, carry_out: CarryOut) -> Route:
        return Route(path, endpoint(cloud, call, carry_out, graph.refuse, limited=False), methods=[method])

    named = "/v1.0/applications(uniqueName='{name}')"
    federated = f"{APPLICATION}/federatedIdentityCredentials"
    grants = "/v1.0/oauth2PermissionGrants"
    assignments = f"{EXCHANGE}/roleAssignments"
    return [
        route("PATCH", named, "applications", applications.upsert),
        route("GET", named, "applications", applications.get_by_name),
        route("GET", "/v1.0/applications", "applications", applications.find_all),
        route("GET", APPLICATION, "applications", applications.get),
        route("PATCH", APPLICATION, "applications", applications.patch),
        route("DELETE", APPLICATION, "applications", applications.delete),
        route("POST", f"{APPLICATION}/addPassword", "addPassword", app_credentials.add_password),
        route("POST", f"{APPLICATION}/removePassword", "addPassword", app_credentials.remove_password),
        route("GET", federated, "applications", app_credentials.list_federated),
        route("POST", federated, "applications", app_credentials.add_federated),
        route("DELETE", f"{federated}/{{credential}}", "applications", app_credentials.delete_federated),
        route("GET", "/v1.0/policies/defaultAppManagementPolicy", "policies", app_credentials.get_policy),
        route("GET", "/v1.0/servicePrincipals", "servicePrincipals", principals.find_all),
        route("POST", "/v1.0/servicePrincipals", "servicePrincipals", principals.create),
        route("GET", PRINCIPAL, "servicePrincipals", principals.get),
        route("DELETE", PRINCIPAL, "servicePrincipals", principals.delete),
        route("GET", f"{PRINCIPAL}/appRoleAssignments", "appRoleAssignedTo", principals.list_assignments),
        route("GET", f"{PRINCIPAL}/appRoleAssignedTo", "appRoleAssignedTo", principals.list_assigned_to),
        route("POST", f"{PRINCIPAL}/appRoleAssignedTo", "appRoleAssignedTo", principals.assign),
        route("DELETE", f"{PRINCIPAL}/appRoleAssignedTo/{{grant}}", "appRoleAssignedTo", principals.unassign),
        route("GET", grants, "servicePrincipals", principals.list_scope_grants),
        route("POST", grants, "servicePrincipals", principals.grant_scopes),
        route("GET", USER, "users", principals.get_user),
        route("GET", f"{EXCHANGE}/roleDefinitions", "exchangeRoles", exchange_roles.list_definitions),
        route("GET", assignments, "exchangeRoles", exchange_roles.list_assignments),
        route("POST", assignments, "exchangeRoles", exchange_roles.assign),
        route("DELETE", f"{assignments}/{{grant}}", "exchangeRoles", exchange_roles.unassign),
    ]


def graph_routes(cloud: Cloud) -> list[Route]:
    """Graph's mail calls, and the upload URLs that it gives out."""

    def route(method: str, path: str, call: Call, carry_out: CarryOut) -> Route:
        # An upload URL is not Graph's, whose limit it does not know.
        limited = path != UPLOAD
        return Route(path, endpoint(cloud, call, carry_out, graph.refuse, limited=limited), methods=[method])

    return [
        route("POST", f"{USER}/sendMail", "sendMail", sending.send_mail),
        route("POST", "/v1.0/me/sendMail", "meSendMail", sending.send_mail),
        route("GET", f"{USER}/mailFolders/sentitems/messages", "sentitems", folders.list_sent_items),
        route("GET", f"{USER}/mailFolders/drafts/messages", "drafts", folders.list_drafts),
        route("POST", f"{USER}/messages", "createDraft", drafts.create_draft),
        route("POST", f"{DRAFT}/attachments", "addAttachment", drafts.add_attachment),
        route("POST", f"{DRAFT}/attachments/createUploadSession", "createUploadSession", uploads.create_upload_session),
        route("POST", f"{DRAFT}/send", "send", sending.send_draft),
        route("DELETE", DRAFT, "deleteDraft", drafts.delete_draft),
        route("PUT", UPLOAD, "uploadRange", uploads.upload_range),
        route("GET", UPLOAD, "sessionStatus", uploads.show_status),
        route("DELETE", UPLOAD, "cancelUpload", uploads.cancel_upload),
    ]


async def no_such_segment(request: Request) -> Response:
    """Graph's answer for a path that it does not know, such as sendMail without a user before it."""
    segment = request.url.path.rstrip("/").rpartition("/")[2]
    return graph.refuse(request, Refusal(400, "BadRequest", f"Resource not found for the segment '{segment}'."))


async def no_such_version(request: Request) -> Response:
    """Graph answers for every path that no other service has; without /v1.0 it takes the first part for a version."""
    return graph.refuse(request, Refusal(400, "BadRequest", f"Invalid version: {request.path_params['version']}"))
