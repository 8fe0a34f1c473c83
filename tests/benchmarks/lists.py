"""What a list costs with few mails and with many: python -m tests.benchmarks.lists 1000 100000

Fills a table in Azurite with so many records over 90 days, then asks for first pages. Azurite is no Azure: the calls
are what counts, the milliseconds compare one table with another.
"""

import argparse
import random
import statistics
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from azure.data.tables import TableClient

from mailer.delivery.record import MailRecord, Status
from mailer.delivery.search import MailQuery, Search, Wanted
from mailer.local import programs
from mailer.request.mail_id import mail_id
from mailer.storage.recipients import Recipients, table_of_key
from mailer.storage.record_pages import RecordPages
from mailer.storage.records import _entity
from tests.conftest import ACCOUNT_KEY

DAYS = 90
RUNS = 40
SOUGHT = "ada@example.com"
QUERIES = {
    "the newest": {},
    "one that failed": {"status": "failed", "limit": "1"},
    "by a tag": {"tag": "flow:checkout"},
    "by a recipient of one mail": {"to": SOUGHT},
    "by a recipient of none": {"to": "nobody@example.com"},
}


def fill(table, recipients, many, now):
    """So many records, each in one of the days; one in a hundred failed, one reached the address that is sought."""
    for day in range(DAYS):
        entities = []
        for number in range(many // DAYS):
            at = now - timedelta(days=day, seconds=random.randrange(80_000))
            failed, sought = number % 100 == 99, (day, number) == (DAYS // 2, 0)
            status = Status.FAILED if failed else Status.SENT
            record = MailRecord(
                id=mail_id(at, uuid4().bytes),
                status=status,
                template="order-confirmation",
                recipients=1,
                sender="shop@contoso.com",
                tags={"flow": "checkout" if number % 10 == 0 else "news"},
                error_code="ErrorInvalidRecipients" if failed else "",
                times={Status.QUEUED: at, status: at},
            )
            address = SOUGHT if sought else f"a{random.randrange(10**6)}@example.com"
            entities.append(("create", _entity(record) | recipients.columns([address])))
        entities.sort(key=lambda entry: entry[1]["PartitionKey"])
        while entities:
            partition = entities[0][1]["PartitionKey"]
            batch = [one for one in entities if one[1]["PartitionKey"] == partition][:100]
            table.submit_transaction(batch)
            entities = [one for one in entities if one not in batch]


def measure(search, calls, query):
    """Requests, milliseconds at the 95th percentile, and mails of a first page."""
    wanted = Wanted.of(MailQuery.model_validate(query))
    took, before = [], len(calls)
    for _ in range(RUNS):
        began = time.perf_counter()
        found = search.page(wanted, most=int(query.get("limit", 50)))
        took.append((time.perf_counter() - began) * 1000)
    requests = (len(calls) - before) / RUNS
    return requests, statistics.quantiles(took, n=20)[-1], len(found.records), found.goes_on is not None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("many", nargs="+", type=int, help="how many records")
    now = datetime.now(UTC)
    blob, queue, port = programs.free_ports(3)
    azurite = programs.azurite(Path(tempfile.mkdtemp()), blob=blob, queue=queue, table=port)
    azurite.start()
    account = f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={ACCOUNT_KEY};"
    account += f"TableEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
    try:
        print(f"{'records':>9}  {'first page':28} {'requests':>8} {'p95 ms':>8} {'mails':>6}  more")
        for many in parser.parse_args().many:
            calls, name = [], f"t{uuid4().hex}"
            with (
                closing(TableClient.from_connection_string(account, name, raw_request_hook=calls.append)) as table,
                closing(TableClient.from_connection_string(account, table_of_key(name))) as keys,
            ):
                table.create_table()
                recipients = Recipients(keys)
                fill(table, recipients, many, now)
                search = Search(table=RecordPages(table, recipients), clock=lambda: datetime.now(UTC))
                for words, query in QUERIES.items():
                    requests, p95, mails, more = measure(search, calls, query)
                    print(f"{many:>9,}  {words:28} {requests:>8.1f} {p95:>8.0f} {mails:>6}  {more}", flush=True)
    finally:
        azurite.stop()


if __name__ == "__main__":
    main()
