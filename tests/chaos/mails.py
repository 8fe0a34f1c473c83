"""The mails of a run: of every kind, each with its number in a tag, in a header and in its text."""

import base64
import json
import random
import uuid
from dataclasses import dataclass
from typing import Any, Literal

from mailer.templating.templates import PACKAGED
from tests.chaos.app import STUMBLES

TEMPLATE = "order-confirmation"
HEADER = "x-chaos"
TAG = "chaos"
DUE = "the instant at which it is due"
LARGE = 80_000  # characters; no message of the queue holds them
UNWANTED = "gone@example.com"  # who gets no mail any more
FILE = b"0123456789" * 400_000  # no single call to Graph holds it

Door = Literal["HTTP", "queue"]
Kind = Literal[
    "keyed",
    "keyless",
    "twice",
    "malformed",
    "large",
    "file",
    "later",
    "far",
    "moved",
    "canceled",
    "stumbling",
    "unwanted",
]
SHARES: dict[Kind, int] = {
    "keyed": 50,
    "keyless": 16,
    "twice": 12,
    "malformed": 8,
    "large": 5,
    "file": 4,
    "later": 5,
    "far": 2,
    "moved": 4,
    "canceled": 4,
    "stumbling": 2,
    "unwanted": 3,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """One mail as its producer has it. `copies` are handed in at the same time, as one mail with one key.

    One that is to be sent `later`, so many seconds after it is handed in, has DUE in its body. Its producer may change
    its mind as soon as it has a receipt: `cancel` it, or `move` it to so many seconds from then. One that `stumbles`
    makes the app fail whenever it is composed.
    """

    number: str
    door: Door
    body: str
    key: str | None = None
    copies: int = 1
    proper: bool = True
    later: float | None = None
    move: float | None = None
    stumbles: bool = False
    cancel: bool = False
    has_file: bool = False

    @property
    def mark(self) -> str:
        """What to look for in a body."""
        return mark(self.number)


def mark(number: str) -> str:
    return f"chaos-{number}"


class Feed:
    """As many mails as are wanted, the same for the same dice and the same wishes.

    `far` is in how many seconds those are due that are scheduled past the retention.
    """

    def __init__(self, dice: random.Random, *, far: float) -> None:
        self._dice = dice
        self._far = far
        self.given = 0

    def next(self, kind: Kind | None = None) -> Mail:
        """One more, of this kind or of any."""
        self.given += 1
        (drawn,) = self._dice.choices(list(SHARES), list(SHARES.values()))
        return _mail(f"{self.given:05}", kind or drawn, self._dice, self._far)


def _mail(number: str, kind: Kind, dice: random.Random, far: float) -> Mail:
    door: Door = dice.choice(("HTTP", "queue"))
    if kind == "malformed":
        return Mail(number=number, door=door, body=_malformed(number, dice), proper=False)
    if kind in {"large", "file", "canceled", "moved"}:
        door = "HTTP"
    if kind == "stumbling":
        door = "queue"
    key = None if kind == "keyless" else f"chaos/{number}"
    members = _request(number, dice) | ({"idempotency_key": key} if key else {})
    delays = {"later": dice.uniform(1, 12), "far": far, "moved": 12.0, "canceled": 12.0}
    later = delays.get(kind)
    if later:
        members["scheduled_at"] = DUE
    if kind == "unwanted":
        members["to"] = UNWANTED
    if kind == "file":
        members["attachments"] = [{"filename": "file.bin", "content": base64.b64encode(FILE).decode()}]
    if kind == "large":
        members = {name: value for name, value in members.items() if name != "template"}
        members |= {"subject": mark(number), "text": "x" * LARGE}
    if kind == "stumbling":
        members = {name: value for name, value in members.items() if name != "template"}
        members |= {"subject": f"{mark(number)} {STUMBLES}", "text": "x"}
    body = json.dumps(members)
    if door == "queue" and not later and dice.random() < 0.3:
        body = base64.b64encode(body.encode()).decode()
    copies = dice.choice((2, 3)) if kind == "twice" else 1
    return Mail(
        number=number,
        door=door,
        body=body,
        key=key,
        copies=copies,
        later=later,
        move=dice.uniform(1, 16) if kind == "moved" else None,
        cancel=kind == "canceled",
        stumbles=kind == "stumbling",
        has_file=kind == "file",
    )


def _request(number: str, dice: random.Random) -> dict[str, Any]:
    members: dict[str, Any] = {
        "to": dice.choice(("ada@example.com", "Grace <grace@example.com>")),
        "from": dice.choice(("shop@contoso.com", "alerts@contoso.com")),
        "headers": {HEADER: number},
        "tags": {TAG: number},
    }
    if dice.random() < 0.1:
        members[dice.choice(("cc", "bcc"))] = UNWANTED
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
