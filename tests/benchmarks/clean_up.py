"""What the clean-up costs where very much is past its time: each run's seconds and memory, until nothing is left.

    python -m tests.benchmarks.clean_up [--rows 100000]

Azurite gets the rows: records of mails that were sent 100 days ago, one in fifty of them failed with its content in a
blob, and idempotency keys past their window. Then the timer's function runs again and again, each time in a process of
its own, as in Azure: `MiB` is what it takes beyond its start, `in all` the whole process at its peak.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.data.tables import TableClient

from mailer import wiring
from mailer.delivery.record import KeyOwner, MailRecord, Status
from mailer.local.programs import ROOT
from mailer.local.stack import Ports, Stack
from mailer.request.mail_id import mail_id
from mailer.storage.records import KEYS, _entity

DAYS = 30  # over which the mails are spread
FAILED = 50  # one in so many
KEYED = 10
MIB = 1024  # ru_maxrss counts KiB


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.benchmarks.clean_up")
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.run:
        print(json.dumps(one_run()))
        return
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), ports=Ports.free())
        stack.azurite.start()
        try:
            environ = {**os.environ, **stack.settings()}
            began = time.monotonic()
            os.environ.update(stack.settings())
            left = fill(stack.storage, given.rows)
            print(f"{left} rows in {time.monotonic() - began:.0f} s", flush=True)
            print(
                f"{'run':>4} {'seconds':>8} {'MiB':>6} {'in all':>7} {'records':>8} {'keys':>6} {'left':>7}", flush=True
            )
            for number in range(1, 1000):
                command = [sys.executable, "-m", "tests.benchmarks.clean_up", "--run"]
                done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=True)
                run = json.loads(done.stdout.splitlines()[-1])
                left -= run["records"] + run["keys"]
                told = f"{number:4} {run['seconds']:8.1f} {run['MiB']:6.1f} {run['in all']:7.1f}"
                print(f"{told} {run['records']:8} {run['keys']:6} {left:7}", flush=True)
                if not run["records"] + run["keys"]:
                    break
        finally:
            stack.azurite.stop()


def fill(storage: str, rows: int) -> int:
    """So many rows, in as few calls as can be; returns how many."""
    ended = datetime.now(UTC) - timedelta(days=100)
    failed = []
    with TableClient.from_connection_string(storage, "emails") as table:
        table.create_table()
        for day in range(DAYS):
            at = ended - timedelta(days=day)
            entities = []
            for number in range(rows // DAYS):
                kept = number % FAILED == 0
                status = Status.FAILED if kept else Status.SENT
                mail = mail_id(at, os.urandom(10))
                record = MailRecord(
                    id=mail, status=status, digest="0" * 64, sender="shop@contoso.com", times={status: at}
                )
                if number % KEYED == KEYED - 1:
                    owner = KeyOwner(id=mail, digest="0" * 64)
                    key = {
                        "PartitionKey": KEYS,
                        "RowKey": os.urandom(32).hex(),
                        "mail": owner.id,
                        "digest": owner.digest,
                    }
                    entities.append(key | {"expires_at": at})
                    continue
                failed += [mail] if kept else []
                entities.append(_entity(record))
            entities.sort(key=lambda entity: entity["PartitionKey"])
            for partition in {entity["PartitionKey"] for entity in entities}:
                of_it = [entity for entity in entities if entity["PartitionKey"] == partition]
                for start in range(0, len(of_it), 100):
                    table.submit_transaction([("create", entity) for entity in of_it[start : start + 100]])
    for mail in failed:
        wiring.stores().requests.put(mail, b"{}")
    return DAYS * (rows // DAYS)


def one_run() -> dict[str, float]:
    """The timer's function."""
    wiring.stores()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    swept = wiring.sweep()
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    memory = {"MiB": (peak - before) / MIB, "in all": peak / MIB}
    return {"seconds": seconds, **memory, "records": swept.records, "keys": swept.keys}


if __name__ == "__main__":
    main()
