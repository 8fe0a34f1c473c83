"""The staging gate: decides whom a mail may reach, and marks it where that is not whom it was written to. No I/O."""

import html
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from mailer.errors import Suppressed
from mailer.request.address import Address
from mailer.request.members import MAX_HEADERS
from mailer.request.model import MailRequest
from mailer.request.rendered import Content, RenderedMail
from mailer.templating.markup import body_start

ORIGINAL = "x-mailer-original-recipients"
LONGEST_HEADER = 900  # characters; the banner has all of them

_BANNER = (
    '<div style="margin:0;padding:12px 16px;background:#fff4ce;color:#3b2f00;border-bottom:2px solid #c19c00;'
    'font:14px/1.5 sans-serif">{}</div>\n'
)


class Mode(StrEnum):
    """What the gate does with a mail."""

    OPEN = "open"
    REDIRECT = "redirect"
    ALLOW = "allow"
    BLOCK = "block"


@dataclass(frozen=True, kw_only=True, slots=True)
class Passed:
    """A mail as it may leave, and what the gate did to it."""

    mail: RenderedMail
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """`allowed` holds addresses and whole domains, all in small letters."""

    mode: Mode
    redirect_to: Address | None = None
    allowed: frozenset[str] = frozenset()

    @property
    def max_headers(self) -> int:
        """How many headers a request may have: one of Graph's five is the gate's own where it redirects."""
        return MAX_HEADERS - (self.mode is Mode.REDIRECT)

    def screen(self, mail: RenderedMail) -> Passed:
        """The one place that decides whom a mail may reach. Raises Suppressed if that is nobody."""
        if self.mode is Mode.OPEN:
            return Passed(mail=mail)
        if self.mode is Mode.REDIRECT and self.redirect_to:
            return _redirected(mail, self.redirect_to)
        if self.mode is Mode.ALLOW:
            return self._thinned(mail)
        raise Suppressed("MAILER_GATE is `block`: no mail leaves here until it is opened.", code="gate_blocked")

    def _thinned(self, mail: RenderedMail) -> Passed:
        asked = mail.request
        request = asked.model_copy(
            update={name: tuple(filter(self._lets, getattr(asked, name))) for name in ("to", "cc", "bcc", "reply_to")}
        )
        withheld, answers = asked.recipients - request.recipients, len(asked.reply_to) - len(request.reply_to)
        text = f"{withheld} of {_counted(asked)} not in MAILER_ALLOWED_RECIPIENTS"
        text += f", and {answers} of reply_to" if answers else ""
        if not request.recipients:
            message = f"MAILER_GATE is `allow`, and {text}: nobody is left."
            raise Suppressed(message, code="recipient_not_allowed")
        return Passed(mail=replace(mail, request=request), note=f"left out {text}" if withheld or answers else "")

    def _lets(self, recipient: Address) -> bool:
        address = recipient.address.lower()
        return address in self.allowed or address.rpartition("@")[2] in self.allowed


def _redirected(mail: RenderedMail, recipient: Address) -> Passed:
    asked = mail.request
    headers = {name: text for name, text in asked.headers.items() if name.casefold() != ORIGINAL}
    update = {"to": (recipient,), "cc": (), "bcc": (), "reply_to": (), "headers": headers | {ORIGINAL: _brief(asked)}}
    note = f"redirected to MAILER_REDIRECT_TO in place of {_counted(asked)}"
    marked = replace(mail, request=asked.model_copy(update=update), content=_marked(mail.content, asked))
    return Passed(mail=marked, note=note)


def _marked(content: Content, asked: MailRequest) -> Content:
    """The content with a banner that tells whom the mail was written to."""
    lines = [f"{label}: {', '.join(addresses)}" for label, addresses in _originals(asked)]
    if content.content_type == "text":
        banner = "\n".join(["Redirected by MAILER_GATE. This mail was written", *lines, "-" * 40, "", ""])
        return replace(content, body=banner + content.body)
    banner = _BANNER.format("<br>".join(["Redirected by MAILER_GATE. This mail was written", *map(html.escape, lines)]))
    at = body_start(content.body)
    return replace(content, body=content.body[:at] + banner + content.body[at:])


def _brief(asked: MailRequest) -> str:
    """The original recipients in one header line."""
    everyone = [f"{label} {address}" for label, addresses in _originals(asked) for address in addresses]
    kept: list[str] = []
    length = 0
    for one in everyone:
        length += len(one) + 2
        if length - 2 > LONGEST_HEADER:
            break
        kept.append(one)
    more = len(everyone) - len(kept)
    return ", ".join(kept) + (f" and {more} more" if more else "")


def _counted(asked: MailRequest) -> str:
    return f"{asked.recipients} recipient{'s' * (asked.recipients != 1)}"


def _originals(asked: MailRequest) -> Iterator[tuple[str, list[str]]]:
    for name in ("to", "cc", "bcc", "reply_to"):
        if addresses := [address.address for address in getattr(asked, name)]:
            yield name.replace("_", "-"), addresses
