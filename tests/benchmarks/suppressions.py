"""What the list of suppressed addresses costs with none and with many: python -m tests.benchmarks.suppressions 0 100000

Fills a table in Azurite with so many addresses, then does what a worker does: its first look, the looks after it, and
the question for the recipients of a mail. Azurite is no Azure: requests and bytes are what counts.
"""

import argparse
import gc
import secrets
import statistics
import tempfile
import time
import tracemalloc
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from azure.data.tables import TableClient

from mailer.feedback.hashes import SIZE
from mailer.feedback.suppressions import FRESH_FOR, Suppressions
from mailer.local import programs
from mailer.storage.recipients import Recipients
from mailer.storage.suppression_rows import TableSuppressions
from tests.conftest import ACCOUNT_KEY
from tests.fakes import Clock

RUNS = 40
PARTITION = {"PartitionKey": "suppressions"}


def fill(table, recipients, many):
    """So many addresses, as so many calls would have left them: their rows, the buckets, the state."""
    hashes = sorted(secrets.token_bytes(SIZE) for _ in range(many))
    rows = [{"RowKey": f"a|{one.hex()}", "since": datetime.now(UTC), "reason": "asked for it"} for one in hashes]
    for first in range(256 if many else 0):
        packed = b"".join(one for one in hashes if one[0] == first)
        rows.append({"RowKey": f"b|{first:02x}", "number": many, "hashes": packed})
    rows += [{"RowKey": "b", "made": "once", "number": many, "key": recipients.mark}] if many else []
    for begin in range(0, len(rows), 100):
        table.submit_transaction([("create", PARTITION | row) for row in rows[begin : begin + 100]])


def measured(table, keys, many, calls):
    recipients = Recipients(keys)
    fill(table, recipients, many)
    clock = Clock()
    calls.clear()
    tracemalloc.start()
    measured_alone = Suppressions(TableSuppressions(table, recipients), clock=clock)
    measured_alone.among([])
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0] / 1024 / 1024
    tracemalloc.stop()
    calls.clear()
    suppressions = Suppressions(TableSuppressions(table, recipients), clock=clock)
    began = time.perf_counter()
    suppressions.among([])
    first, first_calls = time.perf_counter() - began, len(calls)
    later = []
    for _ in range(RUNS):
        clock.now += FRESH_FOR + timedelta(seconds=1)
        began = time.perf_counter()
        suppressions.among([])
        later.append(time.perf_counter() - began)
    later_calls = (len(calls) - first_calls) / RUNS
    everybody = [f"a{number}@example.com" for number in range(500)]
    began = time.perf_counter()
    for _ in range(RUNS):
        suppressions.among(everybody)
    asked = (time.perf_counter() - began) / RUNS
    print(
        f"{many:>9}  {first_calls:>5} {first * 1000:>7.0f}  {later_calls:>5.1f} "
        f"{statistics.median(later) * 1000:>7.1f}  {kept:>6.1f}  {asked * 1000:>8.2f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.suppressions")
    parser.add_argument("addresses", type=int, nargs="*", default=[0, 100_000])
    given = parser.parse_args()
    blob, queue, table = programs.free_ports(3)
    print("addresses   first look      later looks      MiB   500 recipients")
    print("           calls      ms   calls      ms             ms")
    with tempfile.TemporaryDirectory() as folder:
        azurite = programs.azurite(Path(folder), blob=blob, queue=queue, table=table)
        azurite.start()
        account = f"AccountName=devstoreaccount1;AccountKey={ACCOUNT_KEY}"
        storage = f"DefaultEndpointsProtocol=http;{account};TableEndpoint=http://127.0.0.1:{table}/devstoreaccount1;"
        try:
            for many in given.addresses:
                calls = []
                made = [
                    TableClient.from_connection_string(
                        storage, f"t{uuid4().hex}", raw_request_hook=lambda _, calls=calls: calls.append(1)
                    )
                    for _ in range(2)
                ]
                with closing(made[0]), closing(made[1]):
                    made[0].create_table()
                    measured(*made, many, calls)
        finally:
            azurite.stop()


if __name__ == "__main__":
    main()
