"""Which mailboxes the app may use: all, by app roles granted in Entra, or some, by roles of Exchange. The two add up.

https://learn.microsoft.com/exchange/permissions-exo/application-rbac
"""

from collections.abc import Iterable, Iterator
from typing import Literal

from mailer.setup import exchange
from mailer.setup.api import Body
from mailer.setup.course import MAIL_ROLES, Course, listed
from mailer.setup.directory import missing_access, without_access
from mailer.setup.steps import Step, Stopped


def tenant_wide(course: Course, permissions: tuple[str, ...]) -> Step:
    """The app roles, declared and granted; raises Stopped."""
    if course.principal is None or course.application is None:
        return course.would("permission", f"grant {listed(permissions)} for every mailbox of the tenant")
    ids = course.directory.role_ids(permissions)
    granted = course.directory.grants(course.principal)
    missing = [permission for permission in permissions if permission not in granted]
    access = missing_access(course.application, ids.values())
    if not missing and access is None:
        return course.found("permission", f"{listed(permissions)}, with admin consent.")
    if course.dry:
        return course.would("permission", f"grant {listed(missing or permissions)} for every mailbox of the tenant")
    if access is not None:
        course.directory.change(course.application, requiredResourceAccess=access)
    for permission in missing:
        course.directory.grant(course.principal, ids[permission])
    return course.did("permission", "made", f"Granted {listed(permissions)}, with admin consent.")


def only_exchange(course: Course) -> Step:
    """No app role for mail, and none declared, for "Grant admin consent" would grant it; raises Stopped."""
    if course.principal is None or course.application is None:
        return course.found("permission", "No tenant-wide grant.")
    granted = course.directory.grants(course.principal)
    unwanted = {name: grant for name, grant in granted.items() if name in MAIL_ROLES}
    access = without_access(course.application, course.directory.role_ids(MAIL_ROLES).values())
    if not unwanted and access is None:
        return course.found("permission", "No tenant-wide grant; Exchange alone says which mailboxes.")
    what = f"the tenant-wide grant of {listed(unwanted)}" if unwanted else "the request for a tenant-wide grant"
    if course.dry:
        return course.would("permission", f"remove {what}")
    if access is not None:
        course.directory.change(course.application, requiredResourceAccess=access)
    for grant in unwanted.values():
        course.directory.revoke(grant)
    return course.did("permission", "removed", f"Removed {what}; tokens that were given out keep it for an hour.")


def on_mailboxes(course: Course, mailboxes: tuple[str, ...], permissions: tuple[str, ...]) -> Step:
    """Roles of Exchange on these mailboxes and no others; raises Stopped with the two lines that do it by hand."""
    if course.principal is None or course.application is None:
        return course.would("scope", f"let it use {listed(mailboxes)} only")
    try:
        return _assign(course, course.principal["id"], mailboxes, permissions)
    except Stopped as stopped:
        lines = exchange.powershell(
            course.place.name,
            app_id=course.application["appId"],
            principal_id=course.principal["id"],
            mailboxes=mailboxes,
            permissions=permissions,
        )
        by_az = " az has no such scope: --sign-in browser." if course.person.way == "az" else ""
        cure = f"{stopped.cure}{by_az} Or do it by hand, after Connect-ExchangeOnline:\n" + "\n".join(lines)
        raise Stopped(f"{stopped.what} Until it is done, the app can send from no mailbox.", cure) from stopped


def assigned(course: Course, principal_id: str) -> Iterator[Body]:
    """What set-up assigns: roles for mail on single mailboxes, or on all. One that somebody gave on a group stays."""
    known = course.exchange.assignments(principal_id)
    roles = course.exchange.role_ids(MAIL_ROLES) if known else set()
    for one in known:
        scope = str(one.get("directoryScopeId"))
        if one["roleDefinitionId"] in roles and (scope == "/" or scope.startswith("/users/")):
            yield one


def _assign(course: Course, principal_id: str, mailboxes: Iterable[str], permissions: tuple[str, ...]) -> Step:
    ids = {address: course.exchange.mailbox_id(address) for address in mailboxes}
    wanted = {
        (course.exchange.role_id(permission), exchange.scope_of(mailbox)): (permission, mailbox)
        for permission in permissions
        for mailbox in ids.values()
    }
    known = {(one["roleDefinitionId"], one.get("directoryScopeId")): one for one in assigned(course, principal_id)}
    missing = [pair for key, pair in wanted.items() if key not in known]
    surplus = [one for key, one in known.items() if key not in wanted]
    what = f"{listed(permissions)} on {listed(ids)} only, by Exchange"
    if not missing and not surplus:
        return course.found("scope", f"{what}.")
    if course.dry:
        return course.would("scope", f"assign {len(missing)} and remove {len(surplus)} roles: {what}")
    for permission, mailbox in missing:
        course.exchange.assign(principal_id, permission, mailbox)
    for assignment in surplus:
        course.exchange.remove(assignment)
    status: Literal["made", "removed"] = "made" if missing else "removed"
    return course.did("scope", status, f"{what}; it acts within 30 minutes to 2 hours.")
