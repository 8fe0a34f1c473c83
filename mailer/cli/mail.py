"""A mail's record as people read it: its row in a list, its facts, and its way from accepted to delivered."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from mailer.cli.output import facts, say, table
from mailer.cli.times import shown
from mailer.request.mail_id import instant_of

Record = Mapping[str, Any]

MOMENT = timedelta(seconds=1)  # between acceptance and the first status

HEADS = ("accepted (UTC)", "status", "expected (UTC)", "from", "template", "error", "tags", "id")

MEANINGS = {
    "scheduled": "waits for the hour that its sender chose",
    "queued": "waits for its turn",
    "sending": "a worker has claimed it and asks Graph",
    "sent": "Graph has taken it",
    "failed": "it was not sent; its content is kept",
    "canceled": "called back in time",
    "suppressed": "nobody was left whom it may reach; its content is kept",
    "held": "more than its caller may send: it waits for a person",
    "uncertain": "Graph gave no answer that tells; its content is kept",
}
CURES = {
    "failed": "Mend the cause, then: python -m mailer replay {id}",
    "uncertain": "Look in Sent Items. If it is not there: python -m mailer replay {id}",
    "suppressed": "Mend what the line above names, then: python -m mailer replay {id}",
    "held": "Let it go: python -m mailer release {id}, or: python -m mailer cancel {id}",
}


def row(record: Record) -> tuple[str, ...]:
    """Its line in a table."""
    return (
        shown(accepted(record).isoformat()),
        record["status"],
        shown(record.get("expected_at")),
        record.get("from") or record.get("pool") or "",
        record.get("template") or "",
        (record.get("error") or {}).get("code", ""),
        " ".join(f"{name}={value}" for name, value in (record.get("tags") or {}).items()),
        record["id"],
    )


def show(record: Record) -> None:
    """All that is known of it."""
    say(f"{record['id']}  {record['status']}", "bold")
    error = record.get("error") or {}
    facts(
        {
            "from": record.get("from"),
            "pool": record.get("pool"),
            "caller": record.get("caller"),
            "template": record.get("template"),
            "recipients": str(record["recipients"]) if record.get("recipients") else None,
            "priority": record.get("priority"),
            "tags": " ".join(f"{name}={value}" for name, value in (record.get("tags") or {}).items()),
            "expected at": shown(record.get("expected_at")),
            "attempts": str(record.get("attempts") or ""),
            "sent again in doubt": str(record.get("resent") or ""),
            "gate": record.get("gate"),
            "template's version": record.get("template_version"),
            "content's hash": record.get("content_hash"),
            "Graph's request-id": record.get("request_id"),
        }
    )
    say("")
    table(("when (UTC)", "what", ""), list(timeline(record)))
    if error:
        say(f"\n{error['code']}: {error['message']}")
    if cure := CURES.get(record["status"]):
        say(cure.format(id=record["id"]))


def timeline(record: Record) -> Iterator[tuple[str, str, str]]:
    """When, what, and what it means: the statuses, what people did, and what became of each recipient's copy."""
    steps = [(at, status, MEANINGS.get(status, "")) for status, at in record["times"].items()]
    # Of each status the last time is known: a mail that was queued anew was accepted long before.
    if not any(datetime.fromisoformat(at) - accepted(record) < MOMENT for at, *_ in steps):
        steps.append((accepted(record).isoformat(), "accepted", ""))
    steps += [
        (one["at"], one["action"], f"by {one['by']}" if one.get("by") else "by hand")
        for one in record.get("done") or ()
    ]
    places: dict[tuple[str, str, str], list[str]] = {}  # of copies that have the same to tell
    for place, copy in (record.get("delivery") or {}).items():
        said = " ".join(filter(None, (copy.get("code"), copy.get("message"))))
        places.setdefault((copy["at"], copy["status"], said), []).append(place)
    steps += [(at, status, f"{', '.join(those)} {said}".strip()) for (at, status, said), those in places.items()]
    yield from (
        (shown(at), what, meaning)
        for at, what, meaning in sorted(steps, key=lambda step: datetime.fromisoformat(step[0]))
    )


def accepted(record: Record) -> datetime:
    """When it was accepted, as its id tells."""
    return instant_of(record["id"])
