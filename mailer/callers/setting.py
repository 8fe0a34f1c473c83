"""The text of the setting MAILER_CALLERS to its callers, every mistake named. Of the standard library alone."""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mailer.callers.policy import ALL, PRIORITIES, QUEUE, RIGHTS, Caller, Callers
from mailer.errors import meant
from mailer.setting_texts import DOMAIN, LOCAL

_NAME = r"[a-z][a-z0-9-]{0,31}"
_KEY = r"sha256:[0-9a-fA-F]{64}"
_APP = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
# Everybody of a tenant may sign in through these, so that their id says nothing of who calls.
_EVERYBODYS = {
    "04b07795-8ddb-461a-bbee-02f9e1bf7b46": "the Azure CLI",
    "1950a258-227b-4e31-a9cf-717495945fc2": "Azure PowerShell",
    "14d82eec-204b-4c2f-b7e8-296a70dab67e": "Microsoft Graph PowerShell",
    "aebc6443-996d-45c2-90f0-388ff96faa56": "Visual Studio Code",
}
_HOW = {
    "key": "sha256: and the 64 hexadecimal digits of the function key's SHA-256, or a list of such texts",
    "app": "the application (client) id of an Entra app, a GUID, or a list of such ids",
}
_MEMBERS = ("key", "app", "may", "from", "templates", "to", "priority", "recipients_per_day")


def read_callers(text: str) -> Callers | None:
    """The callers in the setting's JSON; None where it is not set. Raises ValueError with a text for each mistake.

    It may be in base64, for places that take no quotes, such as a deployment's parameters.
    """
    if not text:
        return None
    problems: list[str] = []
    if not text.lstrip().startswith(("{", "[")):
        with suppress(ValueError):
            text = base64.b64decode(text, validate=True).decode()
    try:
        content = json.loads(text, object_pairs_hook=lambda pairs: _object(pairs, problems))
    except (ValueError, RecursionError) as error:
        message = f"this is neither JSON nor base64 of it: {error}"
        raise ValueError(message) from None
    if not isinstance(content, dict):
        message = 'give a JSON object with a member for each caller, such as {"shop": {"key": "sha256:…", "may": […]}}'
        raise ValueError(message)  # noqa: TRY004 - whoever reads settings tells a ValueError, and takes a TypeError for a bug
    callers = [_read(name, policy, problems) for name, policy in content.items()]
    problems += _twice(callers)
    if problems:
        raise ValueError(*problems)
    return Callers(tuple(callers))


def _object(pairs: list[tuple[str, Any]], problems: list[str]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        problems.append(f"{', '.join(map(_shown, twice))} stands there twice; leave one out")
    return members


def _read(name: str, policy: object, problems: list[str]) -> Caller:
    """One caller; what is wrong is added to the problems."""
    if not re.fullmatch(_NAME, name):
        problems.append(f"{_shown(name)} is no name of a caller: small letters, digits and hyphens, 32 at most")
    if not isinstance(policy, dict):
        problems.append(f'{_shown(name)} must be a JSON object such as {{"key": "sha256:…", "may": ["send"]}}')
        return Caller(name=name)
    reader = _Reader(name, policy, problems)
    caller = Caller(
        name=name,
        keys=tuple(key.partition(":")[2].lower() for key in reader.texts("key", _KEY, _HOW["key"])),
        apps=tuple(app.lower() for app in reader.texts("app", _APP, _HOW["app"])),
        may=reader.several("may", rf"\*|{'|'.join(RIGHTS)}", f'"*" or some of {", ".join(RIGHTS)}'),
        senders=tuple(
            sender.lower()
            for sender in reader.several("from", rf"\*|{_NAME}|{LOCAL}@{DOMAIN}", 'addresses, names of pools, or "*"')
        ),
        templates=reader.several("templates", r"[\w.*?-]{1,128}", 'ids of templates, such as order-*, or "*"'),
        to=tuple(
            entry.lower() for entry in reader.several("to", rf"\*|({LOCAL}@)?{DOMAIN}", 'domains and addresses, or "*"')
        ),
        priorities=reader.several("priority", rf"\*|{'|'.join(PRIORITIES)}", f'"*" or some of {", ".join(PRIORITIES)}'),
        recipients_per_day=reader.number("recipients_per_day"),
    )
    problems.extend(_identity_problems(caller, policy))
    reader.check_names()
    return caller


@dataclass(frozen=True, slots=True)
class _Reader:
    """The members of one caller; each call adds what is wrong to the problems."""

    name: str
    policy: Mapping[str, Any]
    problems: list[str]

    def texts(self, member: str, pattern: str, meaning: str) -> tuple[str, ...]:
        """One text or a list of them."""
        given = self.policy.get(member, [])
        return self._matching(member, [given] if isinstance(given, str) else given, pattern, meaning)

    def several(self, member: str, pattern: str, meaning: str) -> tuple[str, ...]:
        """A list of texts."""
        return self._matching(member, self.policy.get(member, []), pattern, f"a list of {meaning}")

    def _matching(self, member: str, given: object, pattern: str, meaning: str) -> tuple[str, ...]:
        if isinstance(given, list) and all(isinstance(one, str) and re.fullmatch(pattern, one) for one in given):
            return tuple(given)
        # A key that was written there in clear must not stand in a log.
        wrong = [] if member == "key" or not isinstance(given, list) else [one for one in given if isinstance(one, str)]
        named = [_shown(one) for one in wrong if not re.fullmatch(pattern, one)][:1]
        self._wrong(member, (f"not {named[0]}; " if named else "") + f"it holds {meaning}")
        return ()

    def number(self, member: str) -> int | None:
        """A whole number, or None for `*`."""
        given = self.policy.get(member, 0)
        if given == ALL:
            return None
        if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
            return given
        self._wrong(member, 'it holds a number of recipients, such as 5000, or "*"')
        return 0

    def check_names(self) -> None:
        """A typing error in a name must not be silent: what was meant would be missing."""
        for member in self.policy:
            if member not in _MEMBERS:
                close = meant(member, _MEMBERS)
                hint = f"did you mean `{close}`?" if close else f"it may have {', '.join(_MEMBERS)}"
                self.problems.append(f"`{self.name}` has the unknown member {_shown(member)}; {hint}")

    def _wrong(self, member: str, hint: str) -> None:
        self.problems.append(f"`{member}` of {_shown(self.name)} is wrong: {hint}")


def _identity_problems(caller: Caller, policy: Mapping[str, Any]) -> Iterator[str]:
    given = [name for name in ("key", "app") if name in policy]
    if caller.name == QUEUE and given:
        yield f"`{QUEUE}` is the policy of the queue, whose producers are not known by a {given[0]}: leave that out"
    if caller.name != QUEUE and not given:
        yield f"{_shown(caller.name or '')} needs `key` or `app`, by which it is known. `key` holds {_HOW['key']}"
    for app in caller.apps:
        if tool := _EVERYBODYS.get(app):
            yield f"`app` of `{caller.name}` is {tool}'s, through which everybody signs in; register an app of its own"


def _twice(callers: Sequence[Caller]) -> Iterator[str]:
    seen: dict[str, str | None] = {}
    for caller in callers:
        for one in (*caller.keys, *caller.apps):
            if one in seen:
                yield f"`{seen[one]}` and `{caller.name}` have the same key or app: give each its own"
            seen[one] = caller.name


def _shown(text: str) -> str:
    return f"`{text[:40]}`"
