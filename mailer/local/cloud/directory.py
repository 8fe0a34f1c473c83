"""The tenant's directory: applications, their principals, and what those may do. In memory, as all of the cloud."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from mailer.local.cloud import seed
from mailer.local.cloud.model import ClientSecret, FederatedCredential


def new_id() -> str:
    """A GUID."""
    return str(uuid.uuid4())


@dataclass(kw_only=True)
class Application:
    """An app registration."""

    display_name: str
    id: str = field(default_factory=new_id)
    app_id: str = field(default_factory=new_id)
    unique_name: str | None = None
    sign_in_audience: str = "AzureADandPersonalMicrosoftAccount"
    required_resource_access: list[dict[str, Any]] = field(default_factory=list)
    secrets: list[ClientSecret] = field(default_factory=list)
    key_credentials: list[dict[str, Any]] = field(default_factory=list)
    certificates: dict[str, x509.Certificate] = field(default_factory=dict)
    federated_credentials: tuple[FederatedCredential, ...] = ()
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    def add_certificate(self, certificate: x509.Certificate) -> str:
        """Register a certificate; Entra finds it by either thumbprint, in hexadecimal."""
        # SHA-1 only names a certificate here, as it does at Entra.
        thumbprint = certificate.fingerprint(hashes.SHA1()).hex()  # noqa: S303 - no signature
        self.certificates[thumbprint] = certificate
        self.certificates[certificate.fingerprint(hashes.SHA256()).hex()] = certificate
        return thumbprint


@dataclass(kw_only=True)
class ServicePrincipal:
    """What acts in the tenant: an application's ("enterprise application"), a managed identity, or Graph itself."""

    app_id: str
    display_name: str
    id: str = field(default_factory=new_id)
    kind: str = "Application"
    alternative_names: tuple[str, ...] = ()
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(kw_only=True)
class RoleGrant:
    """An app role, granted in Entra: an appRoleAssignment."""

    principal_id: str
    role_id: str
    id: str = field(default_factory=new_id)


@dataclass(kw_only=True)
class ScopeGrant:
    """Delegated scopes, granted in Entra: an oAuth2PermissionGrant."""

    client_id: str
    scope: str
    consent_type: str = "AllPrincipals"
    principal_id: str | None = None
    id: str = field(default_factory=new_id)


@dataclass(kw_only=True)
class ExchangeGrant:
    """A role of Exchange's RBAC for Applications, for all mailboxes ("/") or for one ("/users/ID")."""

    principal_id: str
    role: str
    directory_scope: str
    id: str = field(default_factory=new_id)


class Directory:
    """All of it; `delay` is how long Entra takes to show a new object to its own other calls."""

    def __init__(self) -> None:
        self.applications: list[Application] = []
        self.role_grants: list[RoleGrant] = []
        self.scope_grants: list[ScopeGrant] = []
        self.exchange_grants: list[ExchangeGrant] = []
        long_ago = datetime.now(UTC) - timedelta(days=365)
        self.principals = [
            ServicePrincipal(app_id=seed.GRAPH_APP_ID, id=seed.GRAPH_PRINCIPAL, display_name="Microsoft Graph"),
            ServicePrincipal(
                app_id=seed.IDENTITY_CLIENT_ID,
                id=seed.IDENTITY_OBJECT_ID,
                display_name="mailer-identity",
                kind="ManagedIdentity",
                alternative_names=("isExplicit=True",),
            ),
        ]
        for principal in self.principals:
            principal.created = long_ago

    def add_seeded_application(self, secret: ClientSecret) -> None:
        """The app that somebody has registered by hand, as the settings of the example name it."""
        long_ago = datetime.now(UTC) - timedelta(days=365)
        self.applications.append(
            Application(
                display_name="mailer",
                app_id=seed.CLIENT_ID,
                sign_in_audience="AzureADMyOrg",
                secrets=[secret],
                federated_credentials=(FederatedCredential(),),
                created=long_ago,
            )
        )
        self.principals.append(
            ServicePrincipal(app_id=seed.CLIENT_ID, id=seed.APP_OBJECT_ID, display_name="mailer", created=long_ago)
        )

    def application(self, **key: str) -> Application | None:
        """The one with this id, app_id or unique_name."""
        return next((one for one in self.applications if _has(one, key)), None)

    def principal(self, **key: str) -> ServicePrincipal | None:
        """The one with this id or app_id."""
        return next((one for one in self.principals if _has(one, key)), None)

    def roles(self, principal_id: str) -> tuple[str, ...]:
        """The app roles that Entra puts into this principal's tokens for Graph."""
        names = {identifier: name for name, identifier in seed.APP_ROLES.items()}
        return tuple(names[grant.role_id] for grant in self.role_grants if grant.principal_id == principal_id)

    def set_roles(self, principal_id: str, roles: Iterable[str]) -> None:
        """Have exactly these app roles granted."""
        self.role_grants = [grant for grant in self.role_grants if grant.principal_id != principal_id]
        self.role_grants += [RoleGrant(principal_id=principal_id, role_id=seed.APP_ROLES[role]) for role in roles]

    def exchange_roles(self, principal_id: str, mailbox_id: str | None) -> frozenset[str]:
        """What Exchange lets this principal do with a mailbox, or with any if None."""
        scopes = {"/", f"/users/{mailbox_id}"}
        return frozenset(
            grant.role.removeprefix("Application ")
            for grant in self.exchange_grants
            if grant.principal_id == principal_id and (mailbox_id is None or grant.directory_scope in scopes)
        )

    def remove(self, application: Application) -> None:
        """The application, its principal, and all that was granted to it."""
        self.applications.remove(application)
        for principal in [one for one in self.principals if one.app_id == application.app_id]:
            self.remove_principal(principal)

    def remove_principal(self, principal: ServicePrincipal) -> None:
        """A principal and all that was granted to it."""
        self.principals.remove(principal)
        self.set_roles(principal.id, ())
        self.scope_grants = [grant for grant in self.scope_grants if grant.client_id != principal.id]
        self.exchange_grants = [grant for grant in self.exchange_grants if grant.principal_id != principal.id]


def _has(one: Application | ServicePrincipal, key: dict[str, str]) -> bool:
    return all(str(getattr(one, name) or "").lower() == wanted.lower() for name, wanted in key.items())
