"""The mails of a run: of every kind, each with its number in a tag, in a header and in its text."""

import base64
import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from mailer.render import PACKAGED

TEMPLATE = "order-confirmation"
HEADER = "x-chaos"
TAG = "chaos"

Door = Literal["HTTP", "queue"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """One mail as its producer has it. `copies` are handed in at the same time, as one mail with one key."""

    number: str
    door: Door
    body: str
    key: str | None = None
    copies: int = 1
    proper: bool = True

    @property
    def mark(self) -> str:
        """What to look for in a body."""
        return mark(self.number)


def mark(number: str) -> str:
    return f"chaos-{number}"


def mails(dice: random.Random) -> Iterator[Mail]:
    """As many as are wanted, the same for the same dice."""
    number = 0
    while True:
        number += 1
        yield _mail(f"{number:05}", dice)


def _mail(number: str, dice: random.Random) -> Mail:
    door: Door = dice.choice(("HTTP", "queue"))
    kind = dice.choices(("keyed", "keyless", "twice", "malformed"), (60, 20, 12, 8))[0]
    if kind == "malformed":
        return Mail(number=number, door=door, body=_malformed(number, dice), proper=False)
    key = None if kind == "keyless" else f"chaos/{number}"
    members = _request(number, dice) | ({"idempotency_key": key} if key else {})
    body = json.dumps(members)
    if door == "queue" and dice.random() < 0.3:
        body = base64.b64encode(body.encode()).decode()
    return Mail(number=number, door=door, body=body, key=key, copies=dice.choice((2, 3)) if kind == "twice" else 1)


def _request(number: str, dice: random.Random) -> dict[str, Any]:
    members: dict[str, Any] = {
        "to": dice.choice(("ada@example.com", "Grace <grace@example.com>")),
        "from": dice.choice(("shop@contoso.com", "alerts@contoso.com")),
        "headers": {HEADER: number},
        "tags": {TAG: number},
    }
    if dice.random() < 0.4:
        variables = json.loads((PACKAGED / TEMPLATE / "sample.json").read_text())
        variables["order"]["number"] = mark(number)
        return members | {"template": {"id": TEMPLATE, "variables": variables}}
    return members | {"subject": mark(number), "text": "x" * dice.choice((10, 1000, 20_000))}


def _malformed(number: str, dice: random.Random) -> str:
    proper = {"to": "ada@example.com", "subject": mark(number), "text": "x"}
    never_issued = "01900000-0000-7000-8000-" + uuid.UUID(int=dice.getrandbits(128)).hex[:12]
    return dice.choice(
        (
            f"no JSON at all: {mark(number)}",
            json.dumps(proper)[:-1],
            json.dumps([mark(number)]),
            json.dumps(proper | {"to": "nobody"}),
            json.dumps(proper | {"bbc": "eve@example.com"}),
            json.dumps(proper | {"from": "eve@example.com"}),
            json.dumps(proper | {"mailer": {"id": never_issued, "version": "*"}}),
            json.dumps({"to": "ada@example.com", "template": {"id": TEMPLATE, "variables": {"note": mark(number)}}}),
        )
    )
