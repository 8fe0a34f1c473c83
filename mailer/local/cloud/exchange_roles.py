"""Graph beta: Exchange's RBAC for Applications.

https://learn.microsoft.com/graph/api/rbacapplication-post-roleassignments?view=graph-rest-beta
"""

import re
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.directory import ExchangeGrant
from mailer.local.cloud.odata import done, not_found, permit, read_object, show, show_all, wanted
from mailer.local.cloud.principals import find
from mailer.local.cloud.state import Cloud

SCOPE = "RoleManagement.ReadWrite.Exchange"
ADMINISTRATORS = ("Exchange Administrator",)
ROLES = {
    name: str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    for name in ("Application Mail.Send", "Application Mail.ReadWrite", "Application Mail.Read")
}
PRINCIPAL = re.compile(r"/ServicePrincipals/([0-9a-f-]{36})", re.IGNORECASE)


async def list_definitions(cloud: Cloud, request: Request) -> Response:
    """Role definitions by displayName."""
    permit(cloud, request, scope=SCOPE, roles=ADMINISTRATORS)
    _, name = wanted(request, "displayName")
    found = [{"id": number, "displayName": role} for role, number in ROLES.items() if role == name]
    return show_all(request, found)


async def list_assignments(cloud: Cloud, request: Request) -> Response:
    """What is assigned to a principal."""
    permit(cloud, request, scope=SCOPE, roles=ADMINISTRATORS)
    _, principal = wanted(request, "principalId")
    found = [one for one in cloud.directory.exchange_grants if f"/ServicePrincipals/{one.principal_id}" == principal]
    return show_all(request, map(shown, found))


async def assign(cloud: Cloud, request: Request) -> Response:
    """A role for one mailbox, by its user, or for all."""
    permit(cloud, request, scope=SCOPE, roles=ADMINISTRATORS)
    content = await read_object(request, "roleDefinitionId", "principalId", "directoryScopeId")
    role = next((name for name, number in ROLES.items() if number == content["roleDefinitionId"]), None)
    match = PRINCIPAL.fullmatch(content["principalId"])
    if role is None or match is None:
        raise Refusal(400, "BadRequest", "The role definition or the form of the principal is not valid.")
    principal = find(cloud, match[1])
    scope = content["directoryScopeId"]
    user = scope.removeprefix("/users/")
    if scope != "/" and (user == scope or not any(box.object_id == user for box in cloud.mailboxes.values())):
        raise Refusal(400, "BadRequest", f"The directory scope '{scope}' does not exist or is not a user.")
    for grant in cloud.directory.exchange_grants:
        if (grant.principal_id, grant.role, grant.directory_scope) == (principal.id, role, scope):
            raise Refusal(409, "Conflict", "A role assignment with these values already exists.")
    grant = ExchangeGrant(principal_id=principal.id, role=role, directory_scope=scope)
    cloud.directory.exchange_grants.append(grant)
    return show(request, shown(grant), 201)


async def unassign(cloud: Cloud, request: Request) -> Response:
    """Take an assignment away: 204."""
    permit(cloud, request, scope=SCOPE, roles=ADMINISTRATORS)
    identifier = request.path_params["grant"]
    left = [grant for grant in cloud.directory.exchange_grants if grant.id != identifier]
    if len(left) == len(cloud.directory.exchange_grants):
        raise not_found(identifier)
    cloud.directory.exchange_grants = left
    return done(request)


def shown(grant: ExchangeGrant) -> dict[str, Any]:
    """An assignment as Graph shows it."""
    return {
        "id": grant.id,
        "roleDefinitionId": ROLES[grant.role],
        "principalId": f"/ServicePrincipals/{grant.principal_id}",
        "directoryScopeId": grant.directory_scope,
        "appScopeId": None,
    }
