"""What can go wrong, named for what the catcher should do.

MailerError
├── InvalidRequest     refuse it; names every problem
├── KeyReused          refuse it: the idempotency key belongs to another mail
├── UnknownMail        no such record
├── UnknownCaller      the token proves nobody
├── WrongStatus        the mail is past the point where this could be done
└── Refusal            ends an attempt; its code and text go into the record
    ├── TryLater       not sent; the same mail may succeed after a wait
    │   ├── Unreadable      ... once the row that the text names is mended or deleted
    │   ├── Throttled       ... as all others of the same mailbox have to
    │   └── Misconfigured   ... once somebody has mended what the text names
    ├── Suppressed     not sent, because nobody is left whom it may reach
    ├── CannotLook     a doubt stays one, because Sent Items are closed to the app
    ├── GiveUp         not sent, and never will be as it is
    └── Uncertain      Graph was asked and gave no answer that tells
ConfigError            outside the tree: the app cannot work at all
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong: a code for programs, a text for people, and the member it is about."""

    code: str
    message: str
    target: str | None = None


MOST_PROBLEMS = 50  # that are named; more of them are counted
LONGEST_PROBLEM = 600  # characters of the text of one
LONGEST_TARGET = 200
LONGEST_TEXT = 1900  # characters of all of them together; a record keeps 2000


def brief(text: str, most: int) -> str:
    """The text in one line of at most so many characters, so that it may stand in a log, an answer and a record."""
    line = "".join(character if character.isprintable() else " " for character in text[: most + 1])
    return line if len(line) <= most else f"{line[: most - 1]}…"


def meant(name: str, known: Iterable[str]) -> str | None:
    """Which of the known names somebody meant who wrote this one, if one is like it."""
    from difflib import get_close_matches  # noqa: PLC0415 - a worker that meets no error can do without

    return next(iter(get_close_matches(name, [*known], n=1)), None)


class MailerError(Exception):
    """Something a caller or the queue must hear about. `code` is for programs, the text for people."""

    code = "internal_error"


class InvalidRequest(MailerError):
    """The request cannot be accepted; carries the first problems found, each in one line, and tells how many more."""

    code = "validation_error"

    def __init__(self, problems: Iterable[Problem], *, more: int = 0) -> None:
        """`more` are those that were found and not even put into words."""
        found = iter(problems)
        self.problems = tuple(_brief(problem) for problem in itertools.islice(found, MOST_PROBLEMS))
        self.more = more + sum(1 for _ in found)
        codes = {problem.code for problem in self.problems}
        if len(codes) == 1:
            self.code = codes.pop()
        text = brief(" ".join(problem.message for problem in self.problems), LONGEST_TEXT)
        super().__init__(f"{text} There are {self.more} more problems." if self.more else text)


def _brief(problem: Problem) -> Problem:
    target = problem.target and brief(problem.target, LONGEST_TARGET)
    return replace(problem, message=brief(problem.message, LONGEST_PROBLEM), target=target)


class KeyReused(MailerError):
    """The idempotency key was used before, with another content."""

    code = "invalid_idempotent_request"

    def __init__(self) -> None:
        super().__init__(
            "This idempotency key was used for a mail with another content. Use one key for each mail, "
            "and repeat a request unchanged."
        )


class UnknownMail(MailerError):
    """No record has this id."""

    code = "not_found"

    def __init__(self) -> None:
        super().__init__(
            "There is no mail with this id, or it is another caller's. Ids come from the answer to POST /emails; "
            "records expire."
        )


class UnknownCaller(MailerError):
    """The token that came with a call does not prove who calls."""

    code = "invalid_token"


class WrongStatus(MailerError):
    """The mail is not in a status that allows what was asked."""

    code = "wrong_status"


class Refusal(MailerError):
    """Ends an attempt; `code` and text go into the record."""

    def __init__(self, message: str, *, code: str) -> None:
        self.code = code
        super().__init__(message)


class TryLater(Refusal):
    """Not sent; the same mail may succeed. `after` is how long the other side asked us to wait, if it did."""

    def __init__(self, message: str, *, code: str, after: timedelta | None = None) -> None:
        self.after = after
        super().__init__(message, code=code)


class Unreadable(TryLater):
    """A row of the table holds what mailer does not write; all that does not need it goes on."""

    def __init__(self, partition: str, row: str, reason: str) -> None:
        where = f"row `{row}` in the partition `{partition}`"
        super().__init__(f"The table's {where} cannot be read ({reason}). Mend or delete it.", code="row_unreadable")


class Throttled(TryLater):
    """Not sent; nothing of the same mailbox will be for a while."""


class Misconfigured(TryLater):
    """Not sent; the same mail succeeds once somebody has mended what the text names."""


class Suppressed(Refusal):
    """Not sent, because nobody is left whom it may reach: by the gate, or the list of suppressed addresses."""


class CannotLook(Refusal):
    """Sent Items are closed to the app, so that a doubt stays one."""


class GiveUp(Refusal):
    """Not sent, and never will be as it is."""


class Uncertain(Refusal):
    """Graph was asked and gave no answer that tells: the mail may have left."""


class ConfigError(Exception):
    """The settings are wrong; names every one of them. Outside the tree: no mail can be blamed for it."""

    code = "configuration_error"

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(brief(problem, LONGEST_PROBLEM) for problem in problems)
        super().__init__("; ".join(self.problems))
