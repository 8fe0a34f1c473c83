"""What a caller may do. Pure, and of the standard library alone.

A member that is missing allows nothing, as an empty list does; `*` allows everything. A mail without a template needs
`*` in `templates`, since it may say anything.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from mailer.errors import InvalidRequest, Problem

ALL = "*"
QUEUE = "queue"  # the name of the policy that holds for all producers on the queue
RIGHTS = ("send", "read", "preview", "operate")
PRIORITIES = ("urgent", "normal", "bulk")
CODE = "caller_not_allowed"
MOST_SHOWN = 8  # entries of a policy in an error


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a policy looks at in a mail, as far as it is known."""

    sender: str | None = None  # an address in small letters, or the name of a pool
    template: str | None = None
    recipients: Mapping[str, str] = field(default_factory=dict, repr=False)  # addresses by their place, such as to[0]
    priority: str | None = None
    whole: bool = True  # whether the request is right in itself; of a wrong one only the template is known


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """A name and what it may do. Without a name nobody was asked for one, and all is allowed."""

    name: str | None = None
    keys: tuple[str, ...] = field(default=(), repr=False)
    apps: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    recipients_per_day: int | None = 0  # None: any number
    person: str | None = None  # who works with rights of their own, where no caller is asked for

    @property
    def by(self) -> str | None:
        """What a record tells of who has done something."""
        return self.name or self.person

    def check(self, right: str) -> None:
        """Raises InvalidRequest for a caller who has not this right."""
        if not self._has(self.may, right):
            raise InvalidRequest([self._problem("may", f"`{right}`", self.may)])

    def sees(self, caller: str | None) -> bool:
        """Whether a mail of this caller may be shown: one's own, and to an operator everybody's."""
        return self.name is None or caller == self.name or self._has(self.may, "operate")

    def may_use(self, template: str | None) -> bool:
        """Whether mails of this template may be sent and previewed; None is a mail without one."""
        if template is None:
            return ALL in self.templates
        return any(fnmatchcase(template, pattern) for pattern in self.templates)

    def check_template(self, template: str) -> None:
        """Raises InvalidRequest for a template that this caller may not use."""
        if not self.may_use(template):
            raise InvalidRequest(
                [self._problem("templates", "use this template", self.templates, target="template.id")]
            )

    def readable(self, problems: Iterable[Problem]) -> Iterator[Problem]:
        """Problems as this caller may read them: no template is named to it that it may not use."""
        for problem in problems:
            hidden = problem.code == "template_not_found" and ALL not in self.templates
            yield replace(problem, message="There is no template of this id that you may use.") if hidden else problem

    def problems(self, asked: Asked) -> Iterator[Problem]:
        """What of this mail the policy forbids, all at once."""
        if asked.whole and not self._has(self.may, "send"):
            yield self._problem("may", "`send`", self.may)
        if asked.whole and not self._has(self.senders, asked.sender):
            yield self._problem("from", "send from this sender", self.senders, target="from")
        if (asked.whole or asked.template) and not self.may_use(asked.template):
            what = "use this template" if asked.template else "send a mail without a template"
            target = "template.id" if asked.template else "template"
            yield self._problem("templates", what, self.templates, target=target)
        if asked.whole and not self._has(self.priorities, asked.priority):
            yield self._problem("priority", "send with this priority", self.priorities, target="priority")
        for place, address in asked.recipients.items():
            if not self._reaches(address):
                yield self._problem("to", "reach this recipient", self._domains, target=place)

    def normalised(self, normal: Callable[[str], str]) -> "Caller":
        """The policy with its addresses and domains as requests have them. Raises ValueError for what is none."""
        to = tuple(entry if entry == ALL else normal(entry) for entry in self.to)
        senders = tuple(normal(entry) if "@" in entry else entry for entry in self.senders)
        return replace(self, to=to, senders=senders)

    def _has(self, allowed: Collection[str], one: str | None) -> bool:
        return ALL in allowed or one in allowed

    def _reaches(self, address: str) -> bool:
        return self._has(self.to, address) or address.rpartition("@")[2] in self.to

    @property
    def _domains(self) -> list[str]:
        """The part of `to` that an error may show: no recipient's address stands in one."""
        domains = [entry for entry in self.to if "@" not in entry]
        others = len(self.to) - len(domains)
        return [*domains, f"{others} addresses"] if others else domains

    def _problem(self, rule: str, what: str, allowed: Sequence[str], *, target: str | None = None) -> Problem:
        shown = ", ".join(allowed[:MOST_SHOWN]) + (" …" if len(allowed) > MOST_SHOWN else "")
        message = (
            f"The caller `{self.name}` may not {what}: its rule `{rule}` in MAILER_CALLERS forbids it; it allows "
            f"{shown or 'nothing'}."
        )
        return Problem(code=CODE, message=message, target=target)


ANYBODY = Caller(may=(ALL,), senders=(ALL,), templates=(ALL,), to=(ALL,), priorities=(ALL,), recipients_per_day=None)
"""Who calls where MAILER_CALLERS is not set: the host's keys alone decide."""


NOBODY = Caller(name="")
"""Who calls where nobody is asked, for what tells nothing of mails."""


@dataclass(frozen=True, slots=True)
class Callers:
    """All callers of MAILER_CALLERS."""

    all: tuple[Caller, ...] = ()

    def named(self, name: str) -> Caller:
        """The caller of this name. Raises InvalidRequest for one that is not in the setting, which may do nothing."""
        found = next((caller for caller in self.all if caller.name == name), None)
        if found is None:
            gone = "no policy named `queue`" if name == QUEUE else f"no caller `{name}` any more"
            message = f"MAILER_CALLERS has {gone}, so that its mails do not leave. Add one that allows this mail, and "
            message += "replay it."
            raise InvalidRequest([Problem(code=CODE, message=message)])
        return found

    def by_key(self, key: str) -> Caller | None:
        """Whose function key this is, found in a time that tells nothing of the keys."""
        digest, found = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest(), None
        for caller in self.all:
            for known in caller.keys:
                if hmac.compare_digest(digest, known):
                    found = caller
        return found

    def by_app(self, app: str) -> Caller | None:
        """Whose Entra app this is."""
        return next((caller for caller in self.all if app.casefold() in caller.apps), None)

    @property
    def know_apps(self) -> bool:
        """Whether any caller is known by its Entra app."""
        return any(caller.apps for caller in self.all)

    def warnings(self, senders: Collection[str]) -> list[str]:
        """What somebody can hardly have meant; `senders` are the mailboxes and pools that there are."""
        return [text for caller in self.all for text in _doubtful(caller, senders)]


def _doubtful(caller: Caller, senders: Collection[str]) -> Iterator[str]:
    if strangers := [one for one in caller.senders if one != ALL and one not in senders]:
        shown = ", ".join(strangers[:MOST_SHOWN])
        yield (
            f"MAILER_CALLERS lets `{caller.name}` send from {shown}, which is neither in MAILER_SENDERS nor a pool of "
            "MAILER_POOLS. Correct it, or add the mailbox there."
        )
    if not {ALL, "send"} & set(caller.may):
        return
    rules = {
        "from": caller.senders,
        "templates": caller.templates,
        "to": caller.to,
        "priority": caller.priorities,
    }
    if missing := [f"`{name}`" for name, allowed in rules.items() if not allowed]:
        yield (
            f"MAILER_CALLERS lets `{caller.name}` send, and {', '.join(missing)} allow nothing, so that it can send no "
            'mail. Give what it may, or ["*"].'
        )
    elif caller.recipients_per_day == 0:
        yield (
            f"MAILER_CALLERS gives `{caller.name}` no `recipients_per_day`, so that each of its mails is held until a "
            'person releases it. Give a number, or "*".'
        )
