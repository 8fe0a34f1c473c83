"""The app registration, its service principal and its app roles, in the tenant's directory.

https://learn.microsoft.com/graph/api/application-upsert
https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignedto
"""

from collections.abc import Iterable, Iterator
from typing import Any

from mailer.setup.api import Api, Body
from mailer.setup.refusals import CONSENT, REGISTER, Refused, helped
from mailer.setup.steps import Stopped

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
SINGLE_TENANT = "AzureADMyOrg"
REGISTERING = {"role": REGISTER, "scope": "Application.ReadWrite.All"}
CONSENTING = {"role": CONSENT, "scope": "AppRoleAssignment.ReadWrite.All"}
_READING = {"role": "Directory Readers, or any that may manage applications,", "scope": "Application.Read.All"}


class Directory:
    """What set-up reads and changes there; every call may raise Stopped."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._graph: Body | None = None

    def application(self, name: str, *, client_id: str | None) -> Body | None:
        """The one with this client id if the tenant has it, else the one with this uniqueName, else None."""
        with helped("read app registrations", **_READING):
            if client_id and (found := self.application_of(client_id)):
                return found
            try:
                return self._api.get(_named(name))
            except Refused as refused:
                if refused.status == 404:
                    return None
                raise

    def application_of(self, client_id: str) -> Body | None:
        """The application with this client id, or None; raises Refused."""
        return _of_app(self._api.find("/v1.0/applications", filter=f"appId eq '{client_id}'"), client_id)

    def register(self, name: str) -> Body:
        """The application of this uniqueName, made now unless somebody else has just made it."""
        wanted = {"displayName": name, "signInAudience": SINGLE_TENANT}
        with helped(f"register the application `{name}`", **REGISTERING):
            made = self._api.patch(_named(name), wanted, prefer="create-if-missing")
            return made or self._api.get(_named(name), fresh=True)

    def change(self, application: Body, **members: Any) -> None:  # noqa: ANN401 - Graph's JSON
        """Set members of an application, for others to see in it what is set here."""
        with helped("change the app registration", **REGISTERING):
            self._api.patch(f"/v1.0/applications/{application['id']}", members, fresh=True)
        application.update(members)

    def principal(self, app_id: str) -> Body | None:
        """The service principal of an application, or None."""
        with helped("read service principals", **_READING):
            return _of_app(self._api.find("/v1.0/servicePrincipals", filter=f"appId eq '{app_id}'"), app_id)

    def principal_by_id(self, object_id: str) -> Body | None:
        """The service principal with this object id, or None."""
        try:
            return self._api.get(f"/v1.0/servicePrincipals/{object_id}")
        except Refused:
            return None

    def make_principal(self, app_id: str) -> Body:
        """A service principal for an application."""
        with helped("make the service principal", **REGISTERING):
            return self._api.post("/v1.0/servicePrincipals", {"appId": app_id})

    def graph(self) -> Body:
        """Graph's own principal, whose app roles have the ids to grant by: wrong ones circulate."""
        if self._graph is None:
            self._graph = self.principal(GRAPH_APP_ID)
        if self._graph is None:
            what = "The tenant has no service principal of Microsoft Graph."
            raise Stopped(what, f"An administrator makes it: az ad sp create --id {GRAPH_APP_ID}")
        return self._graph

    def role_ids(self, permissions: Iterable[str]) -> dict[str, str]:
        """The ids of these application permissions."""
        known: dict[str, str] = {role["value"]: role["id"] for role in self.graph().get("appRoles", ())}
        missing = sorted(set(permissions) - set(known))
        if missing:
            raise Stopped(f"Graph has no application permission {missing[0]} here.", "Check --graph and --tenant.")
        return {permission: known[permission] for permission in permissions}

    def grants(self, principal: Body) -> dict[str, str]:
        """The tenant-wide permissions for Graph that a principal has: by name, the id of the grant."""
        names: dict[str, str] = {role["id"]: role["value"] for role in self.graph().get("appRoles", ())}
        with helped("read what is granted", **_READING):
            path = f"/v1.0/servicePrincipals/{principal['id']}/appRoleAssignments"
            found = [one for one in self._api.find(path, fresh=True) if one["resourceId"] == self.graph()["id"]]
        return {names.get(str(one["appRoleId"]), str(one["appRoleId"])): one["id"] for one in found}

    def grant(self, principal: Body, role_id: str) -> None:
        """Grant an app role, which is what "admin consent" means; one that is granted already stays so."""
        graph = self.graph()["id"]
        body = {"principalId": principal["id"], "resourceId": graph, "appRoleId": role_id}
        with helped("grant an application permission of Graph", **CONSENTING):
            try:
                self._api.post(f"/v1.0/servicePrincipals/{graph}/appRoleAssignedTo", body)
            except Refused as refused:
                if "already exists" not in refused.message:
                    raise

    def revoke(self, grant_id: str) -> None:
        """Take an app role away."""
        with helped("remove an application permission of Graph", **CONSENTING):
            self._api.delete(f"/v1.0/servicePrincipals/{self.graph()['id']}/appRoleAssignedTo/{grant_id}")

    def delete_principal(self, principal: Body) -> None:
        """Delete a service principal."""
        with helped("delete the service principal", **REGISTERING):
            self._api.delete(f"/v1.0/servicePrincipals/{principal['id']}")

    def delete_application(self, application: Body) -> None:
        """Delete an application; Entra keeps it for 30 days."""
        with helped("delete the app registration", **REGISTERING):
            self._api.delete(f"/v1.0/applications/{application['id']}")


def missing_access(application: Body, role_ids: Iterable[str]) -> list[Body] | None:
    """The application's requiredResourceAccess with these roles too, or None if it has them; nothing is dropped."""
    access = [dict(one) for one in application.get("requiredResourceAccess") or ()]
    entry = next((one for one in access if one.get("resourceAppId") == GRAPH_APP_ID), None)
    if entry is None:
        entry = {"resourceAppId": GRAPH_APP_ID, "resourceAccess": []}
        access.append(entry)
    known = set(_roles(entry))
    new = [{"id": role, "type": "Role"} for role in role_ids if role not in known]
    entry["resourceAccess"] = [*entry["resourceAccess"], *new]
    return access if new else None


def without_access(application: Body, role_ids: Iterable[str]) -> list[Body] | None:
    """The requiredResourceAccess without these roles, or None: "Grant admin consent" would grant them tenant-wide."""
    unwanted = set(role_ids)
    access = [dict(one) for one in application.get("requiredResourceAccess") or ()]
    found = False
    for entry in access:
        if entry.get("resourceAppId") == GRAPH_APP_ID and unwanted & set(_roles(entry)):
            kept = [one for one in entry["resourceAccess"] if one["type"] != "Role" or one["id"] not in unwanted]
            entry["resourceAccess"], found = kept, True
    return access if found else None


def _of_app(found: Iterable[Body], app_id: str) -> Body | None:
    """The one of this app, for what is found may be changed or deleted."""
    return next((one for one in found if str(one.get("appId")).lower() == app_id.lower()), None)


def _roles(entry: Body) -> Iterator[str]:
    return (one["id"] for one in entry["resourceAccess"] if one["type"] == "Role")


def _named(name: str) -> str:
    return f"/v1.0/applications(uniqueName='{name}')"
