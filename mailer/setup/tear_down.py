"""All that set-up made, listed and taken away again: what it did not make stays."""

from collections.abc import Iterator
from dataclasses import dataclass

from mailer.setup import permission
from mailer.setup.course import MAIL_ROLES, Course, listed
from mailer.setup.steps import Planned, Step, Stopped, run
from mailer.setup.vault import APP


@dataclass(kw_only=True)
class TearDown:
    """The steps of a teardown; a dry course lists what there is."""

    course: Course

    def run(self) -> Iterator[Step]:
        """A Step for each, as it is done; from the outside in, so that a stop leaves nothing that can send."""
        signed_in, known = frozenset({"sign_in"}), frozenset({"sign_in", "scope"})
        planned = [
            Planned(name="sign_in", do=self.course.sign_in),
            Planned(name="scope", do=self._scope, needs=signed_in),
            Planned(name="permission", do=self._permission, needs=known),
            Planned(name="vault", do=self._vault, needs=known),
            Planned(name="application", do=self._application, needs=known),
            Planned(name="principal", do=self._principal, needs=known | {"application"}),
        ]
        return run(planned, begin=self.course.begin)

    def _scope(self) -> Step:
        course = self.course
        course.find_application(only_ours=True)
        if course.principal is None:
            return course.found("scope", "No mailbox is open to it.")
        try:
            known = list(permission.assigned(course, course.principal["id"]))
        except Stopped as stopped:
            what = f"Exchange was not asked ({stopped.what}); roles on mailboxes lead nowhere without the principal."
            return course.did("scope", "skipped", what)
        if not known or course.dry:
            return course.found("scope", f"{len(known)} roles of Exchange.")
        for one in known:
            course.exchange.remove(one)
        return course.did("scope", "removed", f"Removed {len(known)} roles of Exchange.")

    def _permission(self) -> Step:
        course = self.course
        if course.principal is None:
            return course.found("permission", "Nothing is granted to it.")
        granted = {
            name: grant for name, grant in course.directory.grants(course.principal).items() if name in MAIL_ROLES
        }
        if not granted or course.dry:
            return course.found("permission", f"Tenant-wide: {listed(granted) or 'nothing'}.")
        for grant in granted.values():
            course.directory.revoke(grant)
        return course.did("permission", "removed", f"Removed the tenant-wide grant of {listed(granted)}.")

    def _vault(self) -> Step:
        """The secret, if it is this app's: by the tag that set-up gave it, or by its date."""
        course = self.course
        if not course.place.vault:
            return course.did("vault", "skipped", "No vault is named: --vault (MAILER_KEY_VAULT_URL).")
        vault = course.vault()
        version = vault.newest()
        place = f"`{vault.name}` in {vault.url}"
        if version is None:
            return course.found("vault", f"There is no {place}.")
        tagged = course.application is not None and (version.tags or {}).get(APP) == course.application["appId"]
        if not tagged and not (course.current("secret") or course.current("certificate")):
            return course.did("vault", "skipped", f"{place} is not from set-up, so it stays.")
        if course.dry:
            return course.found("vault", f"The secret {place}.")
        vault.delete()
        return course.did("vault", "removed", f"Deleted {place}; the vault can recover it for a while.")

    def _principal(self) -> Step:
        course = self.course
        if course.principal is None:
            return course.found("principal", "No service principal.")
        if course.dry:
            return course.found("principal", f"The service principal {course.principal['id']}.")
        # It mostly goes with its application.
        if left := course.directory.principal(course.principal["appId"]):
            course.directory.delete_principal(left)
        return course.did("principal", "removed", f"Deleted the service principal {course.principal['id']}.")

    def _application(self) -> Step:
        course, titled = self.course, self.course.titled()
        if course.application is None:
            return course.found("application", f"There is no application {titled}; one that set-up did not make stays.")
        if course.dry:
            return course.found("application", f"The application {titled}.")
        course.directory.delete_application(course.application)
        what = f"Deleted the application {titled} with its secrets; Entra can restore it for 30 days."
        return course.did("application", "removed", what)
