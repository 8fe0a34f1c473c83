"""The ledger against the cloud's own list: what became of every mail, and which promise is broken."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tests.chaos.app import SOON
from tests.chaos.archive import FINAL, KEPT
from tests.chaos.books import Account, Books, bring_together
from tests.chaos.producers import Outcome


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The result: one figure a line, and the broken promises with the histories of the mails that broke them."""

    figures: dict[str, int]
    broken: dict[str, list[str]]

    @property
    def holds(self) -> bool:
        return not any(self.broken.values())


def audit(outcomes: Iterable[Outcome], books: Books, *, policy: str) -> Audit:
    """Count, and hold the counts against the promises."""
    accounts, strangers = bring_together(outcomes, books)
    accepted = [one for one in accounts if one.was_accepted]
    doubled = [one for one in accounts if len(one.sent) > 1]
    admitted = [one for one in doubled if policy != "hold" and _admits_it(one)]
    early = books.archive.forgotten_early
    broken = {
        "lost": [one for one in accepted if _is_lost(one)],
        "doubled": [one for one in doubled if one not in admitted],
        "content gone": [one for one in accepted if one.lacks_content],
        "sent to who gets no mail": [one for one in accounts if one.was_sent_to_who_gets_none],
        "suppressed, but sent": [one for one in accounts if one.status == "suppressed" and one.sent],
        "failed, but sent": [one for one in accounts if one.status == "failed" and len(one.sent) > _resent(one)],
        "sent and known, but forgotten": [one for one in accounts if _was_forgotten(one, books)],
        "canceled, but sent": [one for one in accounts if one.was_canceled and one.sent],
        "sent before its hour": [one for one in accounts if one.was_sent_early],
        "given up, but not failed": [one for one in accepted if one.mail.stumbles and one.status != "failed"],
        "record gone too early": [one for one in accounts if one.row and one.row["id"] in early],
        "sent without its file": [one for one in accounts if one.was_sent_without_its_file],
        "draft left behind": [one for one in accounts if one.drafts and one.status != "uncertain"],
        "malformed, but sent": [one for one in accounts if not one.mail.proper and one.sent],
        "wrongly answered": [one for one in accounts if one.ended("wrong")],
    }
    histories = {name: [one.history() for one in found] for name, found in broken.items()}
    histories["sent, but of nobody"] = [str(mail) for mail in strangers]
    histories["left on emails-poison"] = ["a message"] * books.poison
    histories["still waiting in the table"] = ["a row"] * books.waiting
    late = books.longest_delay > SOON
    histories["on the queue, due later than SOON"] = [f"in {books.longest_delay} s"] * late
    figures = _outcomes(accepted) | {name: len(found) for name, found in histories.items()}
    figures["doubled, as the record says"] = len(admitted)
    figures["records cleaned up on the way"] = len(books.archive.gone)
    return Audit(figures={"handed in": len(accounts)} | figures | _never_accepted(accounts), broken=histories)


def _outcomes(accepted: list[Account]) -> dict[str, int]:
    figures = {"accepted": len(accepted)}
    figures |= {f"  by {door}": sum(one.mail.door == door for one in accepted) for door in ("HTTP", "queue")}
    figures["  moved by their senders"] = sum(any(one.due for one in account.outcomes) for account in accepted)
    for status in FINAL:
        there = [one for one in accepted if one.status == status]
        figures[status] = len(there)
        if status in KEPT:
            reasons = Counter(f"  {status}: {one.row['error_code']}" for one in there if one.row)
            figures |= dict(sorted(reasons.items()))
    return figures


def _never_accepted(accounts: list[Account]) -> dict[str, int]:
    """For information: nobody was promised anything about these."""
    unanswered = [one for one in accounts if one.ended("unanswered") and not one.was_accepted]
    return {
        "never accepted: refused": sum(one.ended("refused") for one in accounts),
        "never accepted: no answer": len(unanswered),
        "  of these sent": sum(bool(one.sent) for one in unanswered),
        "  of these queued for ever": sum(bool(one.rows) and one.status not in FINAL for one in unanswered),
    }


def _is_lost(account: Account) -> bool:
    """Accepted, and yet no record, no end, or no mail."""
    row = account.row
    if row is None or not account.has_ended:
        return True
    return row["status"] == "sent" and not any(row["id"] in mail.internet_message_id for mail in account.sent)


def _resent(account: Account) -> int:
    return int(account.row.get("resent", 0)) if account.row else 0


def _admits_it(account: Account) -> bool:
    """One copy more than wanted, and the record says so."""
    return len(account.sent) <= 2 and _resent(account) >= len(account.sent) - 1


def _was_forgotten(account: Account, books: Books) -> bool:
    """Graph's 202 was known when the storage went away, and the record does not say so."""
    return any(row["id"] in books.cut_off and row["status"] != "sent" for row in account.rows)
