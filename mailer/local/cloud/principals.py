"""Graph: service principals, what is granted to them, and users.

https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignedto
https://learn.microsoft.com/graph/api/oauth2permissiongrant-post
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mailer.local.cloud import seed
from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.directory import RoleGrant, ScopeGrant, ServicePrincipal
from mailer.local.cloud.odata import REGISTRARS, done, not_found, permit, read_object, show, show_all, visible, wanted
from mailer.local.cloud.people import person_id
from mailer.local.cloud.state import Cloud

SCOPE = "Application.ReadWrite.All"
GRANTING = "AppRoleAssignment.ReadWrite.All"


async def find_all(cloud: Cloud, request: Request) -> Response:
    """Principals by appId."""
    permit(cloud, request, scope=SCOPE, roles=None, app_role="Application.Read.All")
    _, app_id = wanted(request, "appId")
    principal = cloud.directory.principal(app_id=app_id)
    found = [principal] if principal and visible(cloud, principal.created) else []
    return show_all(request, map(shown, found))


async def get(cloud: Cloud, request: Request) -> Response:
    """One principal."""
    permit(cloud, request, scope=SCOPE, roles=None, app_role="Application.Read.All")
    return show(request, shown(find(cloud, request.path_params["principal"])))


async def create(cloud: Cloud, request: Request) -> Response:
    """A principal for an application of this tenant: 201."""
    permit(cloud, request, scope=SCOPE, roles=REGISTRARS)
    app_id = (await read_object(request, "appId"))["appId"]
    application = cloud.directory.application(app_id=app_id)
    if application is None or not visible(cloud, application.created):
        text = f"When using this permission, the backing application of the service principal '{app_id}' must in the "
        text += f"local tenant. The appId '{app_id}' does not reference a valid application object."
        raise Refusal(400, "Request_BadRequest", text)
    if cloud.directory.principal(app_id=app_id):
        text = f"The service principal cannot be created: the service principal name {app_id} is already in use."
        raise Refusal(409, "Request_MultipleObjectsWithSameKeyValue", text)
    principal = ServicePrincipal(app_id=app_id, display_name=application.display_name)
    cloud.directory.principals.append(principal)
    return show(request, shown(principal), 201)


async def delete(cloud: Cloud, request: Request) -> Response:
    """Delete a principal and what was granted to it: 204."""
    permit(cloud, request, scope=SCOPE, roles=REGISTRARS)
    cloud.directory.remove_principal(find(cloud, request.path_params["principal"]))
    return done(request)


async def list_assignments(cloud: Cloud, request: Request) -> Response:
    """What is granted to this principal: appRoleAssignments."""
    permit(cloud, request, scope=SCOPE, roles=None, app_role="Application.Read.All")
    principal = find(cloud, request.path_params["principal"])
    grants = [grant for grant in cloud.directory.role_grants if grant.principal_id == principal.id]
    return show_all(request, [shown_grant(cloud, grant) for grant in grants])


async def list_assigned_to(cloud: Cloud, request: Request) -> Response:
    """Whom this resource has been opened to: appRoleAssignedTo. Only Graph has roles here."""
    permit(cloud, request, scope=SCOPE, roles=None, app_role="Application.Read.All")
    principal = find(cloud, request.path_params["principal"])
    grants = cloud.directory.role_grants if principal.id == seed.GRAPH_PRINCIPAL else []
    return show_all(request, [shown_grant(cloud, grant) for grant in grants])


async def assign(cloud: Cloud, request: Request) -> Response:
    """Grant an app role: admin consent, which a Graph role needs a Privileged Role Administrator for."""
    permit(cloud, request, scope=GRANTING, roles=["Privileged Role Administrator"])
    resource = find(cloud, request.path_params["principal"])
    content = await read_object(request, "principalId", "resourceId", "appRoleId")
    principal = find(cloud, content["principalId"])
    if content["resourceId"] != resource.id:
        raise Refusal(400, "Request_BadRequest", "The resourceId is not that of the path.")
    if content["appRoleId"] not in seed.APP_ROLES.values():
        text = "Permission being assigned was not found on application 'Microsoft Graph'."
        raise Refusal(400, "Request_BadRequest", text)
    for grant in cloud.directory.role_grants:
        if (grant.principal_id, grant.role_id) == (principal.id, content["appRoleId"]):
            text = "Permission being assigned already exists on the object"
            raise Refusal(400, "Request_BadRequest", text)
    grant = RoleGrant(principal_id=principal.id, role_id=content["appRoleId"])
    cloud.directory.role_grants.append(grant)
    return show(request, shown_grant(cloud, grant), 201)


async def unassign(cloud: Cloud, request: Request) -> Response:
    """Take an app role away: 204."""
    permit(cloud, request, scope=GRANTING, roles=["Privileged Role Administrator"])
    find(cloud, request.path_params["principal"])
    identifier = request.path_params["grant"]
    left = [grant for grant in cloud.directory.role_grants if grant.id != identifier]
    if len(left) == len(cloud.directory.role_grants):
        raise not_found(identifier)
    cloud.directory.role_grants = left
    return done(request)


async def list_scope_grants(cloud: Cloud, request: Request) -> Response:
    """Delegated scopes by clientId."""
    permit(cloud, request, scope="DelegatedPermissionGrant.ReadWrite.All", roles=None)
    _, client = wanted(request, "clientId")
    return show_all(request, [vars_of(one) for one in cloud.directory.scope_grants if one.client_id == client])


async def grant_scopes(cloud: Cloud, request: Request) -> Response:
    """Grant delegated scopes: 201."""
    permit(cloud, request, scope="DelegatedPermissionGrant.ReadWrite.All", roles=["Privileged Role Administrator"])
    content = await read_object(request, "clientId", "consentType", "resourceId", "scope")
    client = find(cloud, content["clientId"])
    find(cloud, content["resourceId"])
    if content["consentType"] == "Principal" and not content.get("principalId"):
        raise Refusal(400, "Request_BadRequest", "A grant of type Principal names its principalId.")
    grant = ScopeGrant(
        client_id=client.id,
        scope=content["scope"],
        consent_type=content["consentType"],
        principal_id=content.get("principalId"),
    )
    cloud.directory.scope_grants.append(grant)
    return show(request, vars_of(grant), 201)


async def get_user(cloud: Cloud, request: Request) -> Response:
    """A user by user principal name or object id."""
    permit(cloud, request, scope="User.ReadBasic.All", roles=None, app_role="User.Read.All")
    key = request.path_params["user"]
    mailbox = cloud.mailbox(key)
    content: dict[str, Any]
    if mailbox:
        content = {"id": mailbox.object_id, "userPrincipalName": mailbox.address, "mail": mailbox.address}
    elif key in (cloud.settings.person, person_id(cloud)):
        content = {"id": person_id(cloud), "userPrincipalName": cloud.settings.person, "mail": None}
    else:
        raise not_found(key)
    return show(request, content)


def find(cloud: Cloud, identifier: str) -> ServicePrincipal:
    """The principal with this object id."""
    principal = cloud.directory.principal(id=identifier)
    if principal is None or not visible(cloud, principal.created):
        raise not_found(identifier)
    return principal


def shown(principal: ServicePrincipal) -> dict[str, Any]:
    """A principal as Graph shows it."""
    graph = principal.id == seed.GRAPH_PRINCIPAL
    roles = [
        {"id": identifier, "value": name, "isEnabled": True, "allowedMemberTypes": ["Application"]}
        for name, identifier in seed.APP_ROLES.items()
    ]
    scopes = [{"id": number, "value": name, "isEnabled": True} for name, number in seed.DELEGATED_SCOPES.items()]
    return {
        "id": principal.id,
        "appId": principal.app_id,
        "displayName": principal.display_name,
        "servicePrincipalType": principal.kind,
        "alternativeNames": list(principal.alternative_names),
        "accountEnabled": True,
        "appRoles": roles if graph else [],
        "oauth2PermissionScopes": scopes if graph else [],
    }


def shown_grant(cloud: Cloud, grant: RoleGrant) -> dict[str, Any]:
    """An appRoleAssignment as Graph shows it."""
    principal = cloud.directory.principal(id=grant.principal_id)
    return {
        "id": grant.id,
        "appRoleId": grant.role_id,
        "principalId": grant.principal_id,
        "principalDisplayName": principal.display_name if principal else "",
        "principalType": "ServicePrincipal",
        "resourceId": seed.GRAPH_PRINCIPAL,
        "resourceDisplayName": "Microsoft Graph",
    }


def vars_of(grant: ScopeGrant) -> dict[str, Any]:
    """An oAuth2PermissionGrant as Graph shows it."""
    return {
        "id": grant.id,
        "clientId": grant.client_id,
        "consentType": grant.consent_type,
        "principalId": grant.principal_id,
        "resourceId": seed.GRAPH_PRINCIPAL,
        "scope": grant.scope,
    }
