"""The checks in their order. A link that hangs on a broken one is skipped, and says on which."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mailer.errors import TryLater
from mailer.identity.entra import graph_tokens
from mailer.identity.tokens import GraphTokens, Secret
from mailer.settings import Settings
from mailer.setup.api import Api
from mailer.setup.doctor.findings import Finding, Result
from mailer.setup.person import signed_in
from mailer.setup.place import Place
from mailer.setup.steps import Tell


@dataclass(kw_only=True)
class Examined:
    """What is asked, and what earlier checks have learnt for later ones."""

    environ: Mapping[str, str]
    to: str | None
    forbidden: str | None
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    tell: Tell
    _settings: Settings | None = field(default=None, init=False)
    _tokens: GraphTokens | None = field(default=None, init=False)
    secret: Secret | None = field(default=None, init=False)
    token: str | None = field(default=None, init=False)
    claims: dict[str, Any] = field(default_factory=dict, init=False)
    may_send: list[str] = field(default_factory=list, init=False)

    @property
    def settings(self) -> Settings:
        """The settings, which the first check has read."""
        if self._settings is None:
            raise AssertionError
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def place(self) -> Place:
        """Where the settings say."""
        settings = self.settings
        return Place(
            tenant=settings.tenant_id,
            authority=settings.authority_host,
            graph=settings.graph_url,
            vault=settings.key_vault_url,
            secret_name=settings.client_secret_name,
            client_id=settings.client_id,
            name="",
        )

    @property
    def senders(self) -> list[str]:
        """The addresses that may send, without their names."""
        return [sender.partition("<")[2].rstrip(">") or sender for sender in self.settings.senders]

    def directory(self) -> Api | None:
        """Entra's directory as whoever has signed in with az, else as the app itself, which mostly may not read it."""
        person = signed_in(self.place)
        if person:
            return Api(self.place, person.token, tell=self.tell, sleep=self.sleep)
        try:
            token = self.tokens.token()
        except TryLater:
            return None
        return Api(self.place, lambda: token, tell=self.tell, sleep=self.sleep)

    @property
    def tokens(self) -> GraphTokens:
        """The app's own way to a token for Graph."""
        if self._tokens is None:
            identity = self.environ.get("AZURE_CLIENT_ID") or None
            self._tokens = graph_tokens(self.settings, identity_id=identity, clock=self.clock)
        return self._tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A check and the links that it hangs on."""

    name: str
    check: Callable[[Examined], Result]
    needs: frozenset[str] = frozenset()


def examine(examined: Examined, links: list[Link], *, begin: Callable[[str], None]) -> Iterator[Finding]:
    """A Finding for each link, as it is checked; `begin` hears its name before."""
    broken: set[str] = set()
    for link in links:
        if missing := [name for name in (one.name for one in links) if name in link.needs & broken]:
            broken.add(link.name)
            why = f"It hangs on `{missing[0]}`, which is not in order."
            yield Finding(check=link.name, status="skipped", what="Not checked.", why=why, cure="Mend that first.")
            continue
        begin(link.name)
        finding = _finding(link, examined)
        if finding.failed:
            broken.add(link.name)
        yield finding


def _finding(link: Link, examined: Examined) -> Finding:
    try:
        return link.check(examined).finding(link.name)
    except Result as result:
        return result.finding(link.name)
