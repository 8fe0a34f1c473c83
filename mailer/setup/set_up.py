"""From nothing to an app that may send. Each step finds what is there and makes only what is not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from mailer.setup import credentials, permission
from mailer.setup.api import Body
from mailer.setup.course import Course, listed
from mailer.setup.directory import SINGLE_TENANT
from mailer.setup.local_file import write_settings
from mailer.setup.place import PUBLIC_AUTHORITY, PUBLIC_GRAPH
from mailer.setup.steps import Planned, Step, Stopped, run

Auth = Literal["secret", "certificate", "federated"]
SOON = timedelta(days=30)
STEPS = ("sign_in", "application", "principal", "permission", "scope", "credential", "vault", "settings")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What the app is to have. No `mailboxes`: all of the tenant."""

    mailboxes: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ("Mail.Send",)
    auth: Auth = "secret"
    identity: str | None = None
    lifetime: timedelta = timedelta(days=180)
    write: Path | None = None


@dataclass(kw_only=True)
class SetUp:
    """The steps of a set-up."""

    course: Course
    wish: Wish
    _made: credentials.Made | None = field(default=None, init=False)
    _kept: bool = field(default=False, init=False)
    _vault_trouble: Stopped | None = field(default=None, init=False)
    _identity: Body | None = field(default=None, init=False)

    def run(self) -> Iterator[Step]:
        """A Step for each, as it is done."""
        signed_in, registered = frozenset({"sign_in"}), frozenset({"sign_in", "application"})
        acting = registered | {"principal"}
        needs = {"application": signed_in, "principal": registered, "permission": acting, "scope": acting}
        needs |= {"credential": registered, "vault": registered, "settings": registered}
        steps = {"sign_in": self.course.sign_in} | {name: getattr(self, name) for name in STEPS[1:]}
        planned = [Planned(name=name, do=do, needs=needs.get(name, frozenset())) for name, do in steps.items()]
        return run(planned, begin=self.course.begin)

    def application(self) -> Step:
        """Registered by its uniqueName, for this tenant alone."""
        course = self.course
        found = course.find_application()
        if found is None:
            if course.dry:
                return course.would("application", f"register the application `{course.place.name}`, single tenant")
            course.application = course.directory.register(course.place.name)
            return course.did("application", "made", f"Registered the application {course.titled()}, single tenant.")
        if found.get("signInAudience") in {SINGLE_TENANT, None}:
            return course.found("application", f"The application {course.titled()}, single tenant.")
        if course.dry:
            return course.would("application", f"narrow the application {course.titled()} to this tenant")
        course.directory.change(found, signInAudience=SINGLE_TENANT)
        return course.did("application", "made", f"Narrowed the application {course.titled()} to this tenant.")

    def principal(self) -> Step:
        """What acts in the tenant for the application, and what permissions are granted to."""
        course = self.course
        if course.principal:
            return course.found("principal", f"The service principal {course.principal['id']}.")
        if course.application is None or course.dry:
            return course.would("principal", "make its service principal")
        course.principal = course.directory.make_principal(course.application["appId"])
        return course.did("principal", "made", f"Made the service principal {course.principal['id']}.")

    def permission(self) -> Step:
        """Granted for the tenant; or seen to that nothing is, for a grant and Exchange's roles add up."""
        if self.wish.mailboxes:
            return permission.only_exchange(self.course)
        return permission.tenant_wide(self.course, self.wish.permissions)

    def scope(self) -> Step:
        """Which mailboxes: all, or by a role of Exchange on each."""
        if self.wish.mailboxes:
            return permission.on_mailboxes(self.course, self.wish.mailboxes, self.wish.permissions)
        what = "Every mailbox of the tenant. `setup --scope mailboxes ADDRESS…` narrows it to some."
        return self.course.found("scope", what)

    def credential(self) -> Step:
        """A secret, a certificate, or the trust in a managed identity."""
        course, wish = self.course, self.wish
        if wish.auth == "federated":
            return self._federated()
        what = "client secret" if wish.auth == "secret" else "certificate"
        try:
            current = course.current(wish.auth)
        except Stopped as trouble:
            self._vault_trouble = trouble
            return course.did("credential", "skipped", f"Made no {what}, because there is no vault for it.")
        self._kept = current is not None
        if current:
            soon = " `rotate` makes the next one." if current.expires - course.clock() < SOON else ""
            return course.found("credential", f"A {what} until {current.expires:%Y-%m-%d}.{soon}")
        if course.application is None or course.dry:
            return course.would("credential", f"make a {what} for {wish.lifetime.days} days")
        make = credentials.add_secret if wish.auth == "secret" else credentials.add_certificate
        self._made = make(course.api, course.application, wish.lifetime, now=course.clock())
        return course.did("credential", "made", f"Made a {what} until {self._made.expires:%Y-%m-%d}.")

    def _federated(self) -> Step:
        course, identity = self.course, self.wish.identity
        if identity is None:
            raise Stopped("No identity is named.", "Give --identity with the object (principal) id of the identity.")
        if not re.fullmatch(r"[0-9a-fA-F-]{36}", course.tenant):
            what = "A federated credential needs the tenant's id, and only its domain is known."
            raise Stopped(what, "Give --tenant with the id: az account show --query tenantId.")
        self._identity = course.directory.principal_by_id(identity)
        if "isExplicit=False" in ((self._identity or {}).get("alternativeNames") or ()):
            what = f"{identity} is a system-assigned identity, which Entra does not take for this."
            raise Stopped(what, "Make a user-assigned identity, give it to the app, and name its principal id.")
        wanted = {
            "name": f"mailer-{identity[:8]}",
            "issuer": course.place.issuer(course.tenant),
            "subject": identity,
            "audiences": [course.place.audience],
        }
        if course.application is None:
            return course.would("credential", f"trust the managed identity {identity}")
        if any(credentials.trusts(one, wanted) for one in credentials.federated(course.api, course.application)):
            return course.found("credential", f"Trusts the managed identity {identity}.")
        if course.dry:
            return course.would("credential", f"trust the managed identity {identity}")
        credentials.add_federated(course.api, course.application, wanted)
        unknown = "" if self._identity else " The tenant does not know it yet: is it the principal id, not a client id?"
        return course.did("credential", "made", f"Trusts the managed identity {identity}.{unknown}")

    def vault(self) -> Step:
        """The secret's new home; where it cannot move in, it is taken back."""
        course = self.course
        if self.wish.auth == "federated":
            return course.did("vault", "skipped", "Nothing secret is needed.")
        if self._vault_trouble:
            raise self._vault_trouble
        place = f"`{course.place.secret_name}` in {course.place.vault}"
        if self._made:
            return store(course, self._made, self.wish.auth)
        return course.found("vault", f"It lies in {place}.") if self._kept else course.would("vault", f"write {place}")

    def settings(self) -> Step:
        """What the app has to be told; put into a file where one is named."""
        course, values = self.course, self.values()
        shown = listed(f"{name}={value}" for name, value in values.items())
        if self.wish.write is None:
            return course.found("settings", f"Set these in the app: {shown}.")
        changed = write_settings(self.wish.write, values, really=not course.dry)
        if not changed:
            return course.found("settings", f"{self.wish.write} has them: {shown}.")
        if course.dry:
            return course.would("settings", f"write to {self.wish.write}: {shown}")
        return course.did("settings", "made", f"Wrote to {self.wish.write}: {shown}.")

    def values(self) -> dict[str, str]:
        """The settings by name; none of them is secret."""
        course, place, wish = self.course, self.course.place, self.wish
        values = {"MAILER_TENANT_ID": place.tenant or course.tenant}
        if course.application:
            values["MAILER_CLIENT_ID"] = course.application["appId"]
        values["MAILER_AUTH"] = wish.auth
        if wish.auth != "federated":
            values |= {"MAILER_KEY_VAULT_URL": place.vault or "", "MAILER_CLIENT_SECRET_NAME": place.secret_name}
        elif self._identity:
            values["AZURE_CLIENT_ID"] = self._identity["appId"]
        if wish.mailboxes:
            values["MAILER_SENDERS"] = ",".join(wish.mailboxes)
        if place.authority != PUBLIC_AUTHORITY:
            values["MAILER_AUTHORITY_HOST"] = place.authority
        if place.graph != PUBLIC_GRAPH:
            values["MAILER_GRAPH_URL"] = place.graph
        return values


def store(course: Course, made: credentials.Made, auth: str) -> Step:
    """Write a new credential to the vault, or take it back from the registration; raises Stopped."""
    application = course.application or {}
    try:
        course.vault().put(made, app_id=application["appId"])
    except Stopped:
        if auth == "secret":
            credentials.remove_secret(course.api, application, made.key_id)
        raise
    place = f"`{course.place.secret_name}` in {course.place.vault}"
    return course.did("vault", "made", f"Wrote it to {place}, with its expiry {made.expires:%Y-%m-%d}.")
