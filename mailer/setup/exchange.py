"""Mailboxes one by one: Exchange's RBAC for Applications, by Graph's beta route, or by PowerShell in a person's hand.

https://learn.microsoft.com/graph/api/rbacapplication-post-roleassignments?view=graph-rest-beta
https://learn.microsoft.com/exchange/permissions-exo/application-rbac
"""

import contextlib
from collections.abc import Iterable

from mailer.setup.api import Api, Body
from mailer.setup.refusals import EXCHANGE, Refused, helped
from mailer.setup.steps import Stopped

_BASE = "/beta/roleManagement/exchange"
_CONFLICT = 409
ADMINISTERING = {"role": EXCHANGE, "scope": "RoleManagement.ReadWrite.Exchange"}
_USERS = {"role": "Directory Readers", "scope": "User.ReadBasic.All"}


class Exchange:
    """Which roles an app has on which mailboxes; every call may raise Stopped."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._definitions: dict[str, str] = {}

    def mailbox_id(self, address: str) -> str:
        """The object id of the user whose mailbox this is."""
        with helped(f"look the mailbox {address} up", **_USERS):
            try:
                return str(self._api.get(f"/v1.0/users/{address}", select="id")["id"])
            except Refused as refused:
                if refused.status != 404:
                    raise
                what = f"The tenant has no user or shared mailbox {address}."
                raise Stopped(what, "Give its primary address (Get-Mailbox), or make the mailbox first.") from refused

    def role_id(self, permission: str) -> str:
        """The id of the role for a permission, such as 'Application Mail.Send'."""
        role = role_of(permission)
        if role not in self._definitions:
            with helped("read the roles of Exchange", **ADMINISTERING):
                found = self._api.find(f"{_BASE}/roleDefinitions", filter=f"displayName eq '{role}'")
                known = next((one["id"] for one in found if one["displayName"] == role), None)
            if known is None:
                raise Stopped(f"Exchange has no role '{role}' here.", "Check --graph and --tenant.")
            self._definitions[role] = known
        return self._definitions[role]

    def role_ids(self, permissions: Iterable[str]) -> set[str]:
        """The ids of the roles for these permissions, as far as Exchange has them."""
        found = set()
        for permission in permissions:
            with contextlib.suppress(Stopped):
                found.add(self.role_id(permission))
        return found

    def assignments(self, principal_id: str) -> list[Body]:
        """What is assigned to a service principal."""
        with helped("read the role assignments of Exchange", **ADMINISTERING):
            wanted = _principal(principal_id)
            found = self._api.find(f"{_BASE}/roleAssignments", filter=f"principalId eq '{wanted}'")
            # What is found may be removed, so a filter that a beta leaves out must not widen it.
            return [one for one in found if str(one.get("principalId")).lower() == wanted.lower()]

    def assign(self, principal_id: str, permission: str, mailbox_id: str) -> None:
        """Let the app use one mailbox; what is assigned already stays so."""
        body = {
            "roleDefinitionId": self.role_id(permission),
            "principalId": _principal(principal_id),
            "directoryScopeId": scope_of(mailbox_id),
            "appScopeId": None,
        }
        with helped("assign a role of Exchange", **ADMINISTERING):
            try:
                self._api.post(f"{_BASE}/roleAssignments", body)
            except Refused as refused:
                if refused.status != _CONFLICT and "already exists" not in refused.message:
                    raise

    def remove(self, assignment: Body) -> None:
        """Take an assignment away."""
        with helped("remove a role assignment of Exchange", **ADMINISTERING):
            self._api.delete(f"{_BASE}/roleAssignments/{assignment['id']}")


def role_of(permission: str) -> str:
    """Exchange's role for a permission of Graph."""
    return f"Application {permission}"


def scope_of(mailbox_id: str) -> str:
    """One mailbox as the scope of an assignment."""
    return f"/users/{mailbox_id}"


def powershell(
    name: str, *, app_id: str, principal_id: str, mailboxes: Iterable[str], permissions: Iterable[str]
) -> tuple[str, str]:
    """The two lines that do the same by hand, after Connect-ExchangeOnline."""
    quoted = (address.replace("'", "''") for address in mailboxes)
    addresses = " -or ".join(f"PrimarySmtpAddress -eq '{address}'" for address in quoted)
    known = (
        f'New-ServicePrincipal -AppId {app_id} -ObjectId {principal_id} -DisplayName "{name}"; '
        f'New-ManagementScope -Name "{name}" -RecipientRestrictionFilter "{addresses}"'
    )
    assigned = "; ".join(
        f'New-ManagementRoleAssignment -App {app_id} -Role "{role_of(one)}" -CustomResourceScope "{name}"'
        for one in permissions
    )
    return known, assigned


def _principal(principal_id: str) -> str:
    return f"/ServicePrincipals/{principal_id}"
