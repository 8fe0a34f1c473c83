"""What Graph's answer to a mail to nobody says of a mailbox: it looks at the rights before it refuses the mail.

https://learn.microsoft.com/graph/api/user-sendmail
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

MAY, UNAUTHORIZED, MAY_NOT, MISSING = 400, 401, 403, 404
CACHED = "Exchange may take 30 minutes to 2 hours to see a change."


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, 0 for none, and Graph's error code."""

    status: int
    code: str

    @property
    def may_send(self) -> bool:
        return self.status in {MAY, 202}

    @property
    def is_closed(self) -> bool:
        """Whether it proves that the app may not send from the mailbox."""
        return self.status == MAY_NOT or (self.status == UNAUTHORIZED and self.code == "NoPermissionsInAccessToken")

    def __str__(self) -> str:
        return f"Graph answered {self.status} {self.code}".rstrip() if self.status else "Graph gave no answer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What is wrong with the right to send, why, and what to do; not `sure` where Graph did not say."""

    what: str
    why: str
    cure: str
    sure: bool = True

    def __str__(self) -> str:
        return f"{self.what} {self.why} {self.cure}"


def fault_of(answers: Mapping[str, Answer], roles: Collection[str]) -> Fault | None:
    """The first fault of these mailboxes, with a token that has these app roles; None if all may send."""
    refused = {mailbox: answer for mailbox, answer in answers.items() if not answer.may_send}
    if not refused:
        return None
    mailbox, answer = next(iter(refused.items()))
    others = ", ".join(refused)
    if answer.status == MISSING:
        cure = "Give the primary address of a licensed or shared mailbox of the tenant in MAILER_SENDERS (Get-Mailbox)."
        return Fault(what=f"There is no mailbox {others}.", why=f"{answer}.", cure=cure)
    if answer.code == "InvalidAuthenticationToken":
        cure = "MAILER_TENANT_ID, MAILER_AUTHORITY_HOST and MAILER_GRAPH_URL must all belong to the same cloud."
        return Fault(what="Graph does not take the token.", why=f"{answer}.", cure=cure)
    if answer.status in {UNAUTHORIZED, MAY_NOT}:
        return _not_permitted(others, answer, roles, [one for one in answers if one not in refused], [*answers])
    what, why = f"Whether {others} may send is not clear.", f"{answer} for {mailbox}."
    return Fault(what=what, why=why, cure="Try again in a few minutes.", sure=False)


def _not_permitted(
    mailboxes: str, answer: Answer, roles: Collection[str], may_send: Sequence[str], senders: Sequence[str]
) -> Fault:
    narrow = f"`python -m mailer setup --scope mailboxes {' '.join(senders)}`"
    if "Mail.Send" in roles:
        why = (
            f"{answer}, although Mail.Send is granted: an application access policy or a scope leaves the mailbox out."
        )
        cure = f"Put it into the policy's group (Get-ApplicationAccessPolicy), or {narrow}. {CACHED}"
        return Fault(what=f"The mailbox is not in scope: {mailboxes}.", why=why, cure=cure)
    if may_send:
        why = f"{answer}; the app may send from {', '.join(may_send)}, by a role of Exchange."
        return Fault(what=f"The mailbox is not in scope: {mailboxes}.", why=why, cure=f"{narrow}. {CACHED}")
    cure = (
        f"`python -m mailer setup --scope tenant` as a Privileged Role Administrator, or {narrow} as an Exchange "
        f"Administrator. {CACHED}"
    )
    if roles:
        why = f"{answer}; the token has {', '.join(sorted(roles))} only."
        return Fault(what=f"The permission Mail.Send is missing for {mailboxes}.", why=why, cure=cure)
    why = f"{answer}; the token has no app role: admin consent was never given, and no role of Exchange covers this."
    return Fault(what=f"No consent to Mail.Send, for {mailboxes}.", why=why, cure=cure)
