"""One run: feed mails at both doors, kill a host, wait until all is quiet, and count."""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests
from azure.storage.queue import QueueClient

from mailer.local.cloud.model import Fault
from tests.builders import as_bytes
from tests.scale.fleet import BOXES, Fleet
from tests.virtual import most_in_a_minute

DOORS = {"http": 0.0, "queue": 1.0, "both": 0.5}  # the share of the queue
STORAGE_CALLS = {"http": 7, "queue": 5, "both": 6}  # a mail, at most
SHARES = {"bulk": 0.8, "normal": 0.15, "urgent": 0.05}
PACE = 0.85  # of the rate: nine tenths, and what the kill of the only host costs
QUIET = 60.0  # seconds without a mail after which a run is over
FORCED = Fault(
    call="sendMail",
    status=429,
    code="ApplicationThrottled",
    message="Wait.",
    headers={"Retry-After": "5"},
    probability=0.005,
)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What a run has shown, and whether it is within its bound; None where there is none."""

    name: str
    value: str
    bound: str = ""
    holds: bool | None = None


def run(folder: Path, *, hosts: int, mails: int, rate: str, door: str, seed: int) -> list[Figure]:
    """Feed the mails to so many hosts; about as many seconds as the mailboxes need at their rate."""
    dice = random.Random(seed)
    with Fleet(folder, hosts=hosts, rate=rate) as fleet:
        before = fleet.storage_calls()
        forced = fleet.control.fault(FORCED)
        kill = threading.Timer(45, lambda: (fleet.hosts[-1].kill(), time.sleep(5), fleet.hosts[-1].start()))
        kill.start()
        per_minute = int(rate.partition("/")[0])
        born, queued = _feed(fleet, dice, mails, door=door, per_minute=per_minute)
        kill.join()
        _wait(fleet, mails)
        accepted, traffic, doubtful = fleet.control.mails(), fleet.control.traffic(), _doubtful(fleet)
        calls = fleet.storage_calls() - before
        calls["POST a message"] -= queued  # which the producers have put
        by_box: dict[str, list[datetime]] = {box: [] for box in BOXES}
        waits: dict[str, list[float]] = {priority: [] for priority in SHARES}
        for mail in accepted:
            by_box[mail.mailbox].append(mail.accepted_at)
            at, priority = born[mail.subject]
            waits[priority].append((mail.accepted_at - at).total_seconds())
        copies = Counter(mail.subject for mail in accepted)
        refused = sum(traffic.throttled.values())
        return [
            at_least("a minute, busiest mailbox", _pace(max(by_box.values(), key=len)), per_minute * PACE),
            at_most("most in 60 s", max(map(most_in_a_minute, by_box.values())), per_minute * 1.1),
            at_most("most in flight", max(traffic.most_in_flight.values()), 4),
            at_most("refused a mail", refused / mails, 0.05),
            Figure(name="429 forced", value=str(fleet.control.hits(forced))),
            at_most("storage calls a mail", calls.total() / mails, STORAGE_CALLS[door]),
            at_most("urgent p95 in s", _part(waits["urgent"], 0.95), 5),
            *(Figure(name=f"{name} p50, p95 in s", value=_percentiles(each)) for name, each in waits.items()),
            at_most("lost", len(born.keys() - copies.keys() - doubtful), 0),
            Figure(name="in doubt, as records say", value=str(len(doubtful))),
            at_most("doubled", sum(number > 1 for number in copies.values()), 0),
            Figure(name="calls", value=", ".join(f"{n / mails:.2f} {call}" for call, n in calls.most_common(12))),
        ]


def at_least(name: str, value: float, bound: float) -> Figure:
    """The other way round."""
    return Figure(name=name, value=f"{value:.4g}", bound=f"at least {bound:g}", holds=value >= bound)


def at_most(name: str, value: float, bound: float) -> Figure:
    """A figure with its bound."""
    return Figure(name=name, value=f"{value:.4g}", bound=f"at most {bound:g}", holds=value <= bound)


def _feed(
    fleet: Fleet, dice: random.Random, mails: int, *, door: str, per_minute: int
) -> tuple[dict[str, tuple[datetime, str]], int]:
    """All bulk mails at once, and the others as long as those leave. When each was born, and how many by queue."""
    born: dict[str, tuple[datetime, str]] = {}
    lasts = mails / (per_minute * len(BOXES)) * 60
    plan, queued = [], 0
    for number in range(mails):
        (priority,) = dice.choices([*SHARES], [*SHARES.values()])
        at = 0.0 if priority == "bulk" else dice.uniform(10, max(lasts, 20))
        plan.append((at, f"mail {number}", priority))
    began = time.monotonic()
    queue = QueueClient.from_connection_string(fleet.storage, "emails")
    session = requests.Session()

    def hand_in(subject: str, priority: str, box: str, host: int | None) -> None:
        request = {"from": box, "to": "ada@example.com", "subject": subject, "text": "Hello", "priority": priority}
        request["tags"] = {"mail": subject}
        born[subject] = datetime.now(UTC), priority
        while True:
            if host is None:
                queue.send_message(as_bytes(request).decode(), time_to_live=-1)
                return
            try:
                url = f"http://localhost:{fleet.hosts[host % len(fleet.hosts)].ports[0]}/api/emails"
                if session.post(url, json=request | {"idempotency_key": subject}, timeout=90).ok:
                    return
            except requests.RequestException:
                time.sleep(1)  # that host is being killed; the key keeps the mail one
            host += 1

    with ThreadPoolExecutor(16) as pool:
        for at, subject, priority in sorted(plan):
            time.sleep(max(0.0, at - (time.monotonic() - began)))
            box = "news" if dice.random() < 2 / len(BOXES) else dice.choice(BOXES)
            host = dice.randrange(len(fleet.hosts)) if dice.random() >= DOORS[door] else None
            queued += host is None
            pool.submit(hand_in, subject, priority, box, host)
    session.close()
    queue.close()
    return born, queued


def _doubtful(fleet: Fleet) -> set[str]:
    """The mails of which nobody knows whether they left when the host was killed: their records say so."""
    url: str | None = f"http://localhost:{fleet.hosts[0].ports[0]}/api/emails?status=uncertain"
    found = set()
    while url:
        page = requests.get(url, timeout=90).json()
        found |= {record["tags"]["mail"] for record in page["value"]}
        url = page.get("nextLink")
    return found


def _wait(fleet: Fleet, mails: int) -> None:
    sent, since = 0, time.monotonic()
    while sent < mails and time.monotonic() - since < QUIET + timedelta(minutes=2).total_seconds():
        now = len(fleet.control.mails())
        if now > sent:
            sent, since = now, time.monotonic()
        time.sleep(3)


def _pace(times: list[datetime]) -> float:
    """Mails a minute, from the first to the last: the busiest mailbox always has some that wait."""
    return (len(times) - 1) / ((max(times) - min(times)).total_seconds() / 60)


def _percentiles(waits: list[float]) -> str:
    return f"{_part(waits, 0.5):.1f}, {_part(waits, 0.95):.1f}"


def _part(waits: list[float], part: float) -> float:
    """What this part of them waited at most, in seconds."""
    return sorted(waits)[int(len(waits) * part)] if waits else 0.0
