"""What the courses of steps share: who signed in, what was found, and whether anything may be changed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from mailer.setup import credentials
from mailer.setup.api import Api, Body
from mailer.setup.directory import Directory
from mailer.setup.exchange import Exchange
from mailer.setup.person import Person, Way, sign_in
from mailer.setup.place import Place
from mailer.setup.steps import Status, Step, Stopped, Tell
from mailer.setup.vault import Vault, is_of

SCOPES = ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All")
EXCHANGE_SCOPES = ("RoleManagement.ReadWrite.Exchange", "User.ReadBasic.All")
MAIL_ROLES = ("Mail.Send", "Mail.ReadWrite", "Mail.Read")


@dataclass(kw_only=True)
class Course:
    """The state that one step leaves to the next; `dry`: look only, and say what would be done.

    `known`: who has signed in already.
    """

    place: Place
    ways: tuple[Way, ...]
    tell: Tell
    wait: Tell
    sleep: Callable[[float], None]
    clock: Callable[[], datetime]
    begin: Callable[[str], None]
    dry: bool
    known: Person | None = None
    scopes: tuple[str, ...] = SCOPES
    person: Person = field(init=False)
    api: Api = field(init=False)
    directory: Directory = field(init=False)
    exchange: Exchange = field(init=False)
    application: Body | None = field(default=None, init=False)
    principal: Body | None = field(default=None, init=False)

    def sign_in(self) -> Step:
        """The person, who must belong to the tenant that was named."""
        person = self.known = self.known or sign_in(self.place, self.scopes, ways=self.ways, tell=self.tell)
        named = self.place.tenant or ""
        if "-" in named and "." not in named and person.tenant and named.lower() != person.tenant.lower():
            what = f"{person.name or 'This account'} has signed in to the tenant {person.tenant}, not to {named}."
            raise Stopped(what, f"Run `az login --tenant {named}`, or mend --tenant (MAILER_TENANT_ID).")
        if not self.place.tenant and not person.tenant:
            raise Stopped("The token does not say which tenant it is for.", "Give --tenant (MAILER_TENANT_ID).")
        self.person = person
        self.api = Api(self.place, person.token, tell=self.wait, sleep=self.sleep)
        self.directory, self.exchange = Directory(self.api), Exchange(self.api)
        who = f" as {person.name}" if person.name else ""
        return Step(step="sign_in", status="found", what=f"Signed in by {person.way}{who}, tenant {self.tenant}.")

    @property
    def tenant(self) -> str:
        """The tenant's id as the person's token has it, else what was named."""
        return self.person.tenant or self.place.tenant or ""

    def find_application(self, *, only_ours: bool = False) -> Body | None:
        """The app registration, with its principal, as far as they are there; `only_ours`: if set-up registered it."""
        found = self.directory.application(self.place.name, client_id=None if only_ours else self.place.client_id)
        self.application = found
        self.principal = self.directory.principal(found["appId"]) if found else None
        return found

    def known_application(self) -> Step:
        """The app registration, which must be there."""
        if self.find_application() is None:
            named = f"`{self.place.name}`" + (f" or {self.place.client_id}" if self.place.client_id else "")
            raise Stopped(f"The tenant {self.tenant} has no app registration {named}.", "Run `setup` first.")
        return self.found("application", f"The application {self.titled()}.")

    def titled(self) -> str:
        """The application as a person knows it."""
        if self.application is None:
            return f"`{self.place.name}`"
        return f"`{self.application['displayName']}`, client id {self.application['appId']}"

    def vault(self) -> Vault:
        """The secret's place; raises Stopped where no vault is named."""
        if not self.place.vault:
            raise Stopped("No vault is named.", "Give --vault https://NAME.vault.azure.net (MAILER_KEY_VAULT_URL).")
        return Vault(self.place.vault, self.place.secret_name, self.person.vault)

    def current(self, auth: str) -> credentials.Current | None:
        """The credential that lies in the vault and that the registration knows, if it is still good."""
        version = self.vault().newest()
        if version is None or self.application is None:
            return None
        good = (one for one in credentials.all_of(self.application, auth) if one.expires > self.clock())
        return next((one for one in good if is_of(version, one.key_id, one.expires)), None)

    def would(self, step: str, what: str) -> Step:
        return Step(step=step, status="skipped", what=f"Would {what}.")

    def found(self, step: str, what: str) -> Step:
        return Step(step=step, status="found", what=what)

    def did(self, step: str, status: Status, what: str) -> Step:
        return Step(step=step, status=status, what=what)


def listed(words: Iterable[str]) -> str:
    """Some names in a sentence."""
    return ", ".join(words)
