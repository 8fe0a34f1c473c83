"""python -m tests.scale.simulation: the product's own rules in virtual time, for more instances than a machine has.

What is assumed: storage answers at once and never fails; a message comes up to two seconds after it is due, to any
instance alike; Graph takes 200 ms, and refuses the fifth request of a mailbox; nobody's clock goes wrong. All mails
come straight from a queue: bulk within five minutes, which is what the host starts many instances for, and the others
evenly over the time that all of them take.
"""

import argparse
import sys
import time
from datetime import timedelta

from mailer.request.address import Address
from tests.virtual import World, most_in_a_minute

SHARES = {"bulk": 0.75, "normal": 0.2, "urgent": 0.05}
RATE = 30


def main() -> int:
    """0, or 1 if the pace was broken or a mail lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale.simulation", description="Pace in virtual time.")
    parser.add_argument("--instances", type=int, action="append", help="how many (default: 1, 10 and 100)")
    parser.add_argument("--mails", type=int, default=20_000, help="in each run; a million takes hours")
    parser.add_argument("--mailboxes", type=int, default=10, help="that they are spread over")
    options = parser.parse_args()
    results = [simulate(number, options.mails, options.mailboxes) for number in options.instances or (1, 10, 100)]
    return 0 if all(results) else 1


def simulate(instances: int, mails: int, mailboxes: int) -> bool:
    """One run and its line."""
    began = time.monotonic()
    senders = [Address(address=f"box{number}@contoso.com") for number in range(mailboxes)]
    latency = timedelta(seconds=0.2)
    world = World(rate=RATE, daily=1_000_000, instances=instances, latency=latency, senders=senders, seed=1)
    for _ in range(mails):
        (priority,) = world.random.choices([*SHARES], [*SHARES.values()])
        after = timedelta(minutes=(5 if priority == "bulk" else mails / mailboxes / RATE) * world.random.random())
        world.produce(after, from_=world.random.choice(senders).address, priority=priority)
    world.go()
    times = {sender.address: world.times(sender.address) for sender in senders}
    lasted = max(max(each) - min(each) for each in times.values()) / timedelta(minutes=1)
    most = max(map(most_in_a_minute, times.values()))
    waits = {priority: world.latencies(priority) for priority in SHARES}
    p95 = ", ".join(f"{priority} {each[int(len(each) * 0.95)]:.1f} s" for priority, each in waits.items())
    sent = sum(map(len, times.values()))
    print(
        f"{instances} instances, {mails} mails, {mailboxes} mailboxes: {sent / lasted / mailboxes:.1f} a minute and "
        f"mailbox, most in 60 s {most}, {world.storage_calls / mails:.2f} storage calls and "
        f"{world.refused / mails:.4f} refused requests a mail, p95 {p95}; lost {mails - sent} "
        f"({time.monotonic() - began:.0f} s)",
        flush=True,
    )
    return sent == mails and most <= RATE * 1.1


if __name__ == "__main__":
    sys.exit(main())
