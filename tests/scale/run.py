"""One run: feed mails at both doors, kill a host, wait until all is quiet, and count."""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests
from azure.storage.queue import QueueClient

from mailer.local.cloud.model import Fault
from tests.builders import as_bytes
from tests.scale.fleet import BOXES, Fleet
from tests.virtual import most_in_a_minute

SHARES = {"bulk": 0.8, "normal": 0.15, "urgent": 0.05}
QUIET = 60.0  # seconds without a mail after which a run is over
FORCED = Fault(
    call="sendMail",
    status=429,
    code="ApplicationThrottled",
    message="Wait.",
    headers={"Retry-After": "5"},
    probability=0.005,
)


@dataclass(kw_only=True)
class Found:
    """What a run has shown."""

    hosts: int
    mails: int
    figures: dict[str, object] = field(default_factory=dict)


def run(folder: Path, *, hosts: int, mails: int, rate: str, seed: int) -> Found:
    """Feed the mails to so many hosts; about as many seconds as the mailboxes need at their rate."""
    dice = random.Random(seed)
    with Fleet(folder, hosts=hosts, rate=rate) as fleet:
        before = fleet.storage_calls()
        forced = fleet.control.fault(FORCED)
        kill = threading.Timer(45, lambda: (fleet.hosts[-1].kill(), time.sleep(5), fleet.hosts[-1].start()))
        kill.start()
        born = _feed(fleet, dice, mails, per_minute=int(rate.partition("/")[0]))
        kill.join()
        _wait(fleet, mails)
        found = Found(hosts=hosts, mails=mails)
        accepted, traffic = fleet.control.mails(), fleet.control.traffic()
        calls = fleet.storage_calls() - before
        by_box: dict[str, list[datetime]] = {box: [] for box in BOXES}
        waits: dict[str, list[float]] = {priority: [] for priority in SHARES}
        for mail in accepted:
            by_box[mail.mailbox].append(mail.accepted_at)
            at, priority = born[mail.subject]
            waits[priority].append((mail.accepted_at - at).total_seconds())
        copies = Counter(mail.subject for mail in accepted)
        refused = sum(traffic.throttled.values())
        found.figures = {
            "mails a minute and mailbox": f"{_pace(by_box):.1f}",
            "most in 60 s": max(most_in_a_minute(times) for times in by_box.values()),
            "most in flight": max(traffic.most_in_flight.values()),
            "refused a mail": f"{refused / mails:.3f} (and {fleet.control.hits(forced)} forced)",
            "storage calls a mail": f"{calls.total() / mails:.2f}",
            **{f"{priority} p50, p95 in s": _percentiles(each) for priority, each in waits.items()},
            "lost": len(born.keys() - copies.keys()),
            "doubled": sum(number > 1 for number in copies.values()),
            "calls": ", ".join(f"{number / mails:.2f} {call}" for call, number in calls.most_common()),
        }
        return found


def _feed(fleet: Fleet, dice: random.Random, mails: int, *, per_minute: int) -> dict[str, tuple[datetime, str]]:
    """All bulk mails at once, and the others as long as those leave; half by HTTP, half by queue."""
    born: dict[str, tuple[datetime, str]] = {}
    lasts = mails / (per_minute * len(BOXES)) * 60
    plan = []
    for number in range(mails):
        (priority,) = dice.choices([*SHARES], [*SHARES.values()])
        at = 0.0 if priority == "bulk" else dice.uniform(10, max(lasts, 20))
        plan.append((at, f"mail {number}", priority))
    began = time.monotonic()
    queue = QueueClient.from_connection_string(fleet.storage, "emails")
    session = requests.Session()

    def hand_in(subject: str, priority: str, box: str, host: int | None) -> None:
        request = {"from": box, "to": "ada@example.com", "subject": subject, "text": "Hello", "priority": priority}
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
            door = dice.randrange(len(fleet.hosts)) if dice.random() < 0.5 else None
            pool.submit(hand_in, subject, priority, box, door)
    session.close()
    queue.close()
    return born


def _wait(fleet: Fleet, mails: int) -> None:
    sent, since = 0, time.monotonic()
    while sent < mails and time.monotonic() - since < QUIET + timedelta(minutes=2).total_seconds():
        now = len(fleet.control.mails())
        if now > sent:
            sent, since = now, time.monotonic()
        time.sleep(3)


def _pace(by_box: dict[str, list[datetime]]) -> float:
    """Of the mailboxes while they had a queue: from the first mail to the last."""
    paces = [
        (len(times) - 1) / ((max(times) - min(times)).total_seconds() / 60)
        for times in by_box.values()
        if len(times) > 1
    ]
    return sum(paces) / len(paces)


def _percentiles(waits: list[float]) -> str:
    waits = sorted(waits) or [0.0]
    return f"{waits[len(waits) // 2]:.1f}, {waits[int(len(waits) * 0.95)]:.1f}"
