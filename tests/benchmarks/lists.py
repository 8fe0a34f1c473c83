"""What a list costs with few mails and with many: python -m tests.benchmarks.lists 1000 1000000

Fills a table with so many records over 90 days and asks for pages. The table is tests/memory_table.py, which passes the
tests of the lists as Azurite does. What counts are requests to Table Storage, and calls of the API until a mail is
found; both where a request looks through a whole day, and where its time is over after --looks-at rows.
"""

import argparse
import random
import statistics
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from mailer.delivery.record import MailRecord, Status
from mailer.delivery.search import MailQuery, Search, Wanted
from mailer.request.mail_id import mail_id
from mailer.storage.recipients import Recipients
from mailer.storage.record_pages import RecordPages
from mailer.storage.records import _entity
from tests.memory_table import MemoryTable

DAYS = 90
SENDERS = 10
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FILTERS = {
    "none": lambda _: {},
    "status (one in a hundred)": lambda _: {"status": "failed"},
    "from (one mailbox of ten)": lambda number: {"from": f"news{number % SENDERS}@contoso.com"},
    "from (a pool: one in five)": lambda _: {"from": "news"},
    "tag (one in ten)": lambda _: {"tag": "flow:checkout"},
    "tag (one mail)": lambda number: {"tag": f"order:{number}"},
    "to (one mail)": lambda number: {"to": f"a{number}@example.com"},
    "to (no mail)": lambda _: {"to": "nobody@example.com"},
}


def entities(many, recipients):
    """So many records, evenly over the days."""
    for number in range(many):
        at = NOW - timedelta(days=DAYS) * random.random()
        status = Status.FAILED if number % 100 == 99 else Status.SENT
        record = MailRecord(
            id=mail_id(at, uuid4().bytes),
            status=status,
            template="order-confirmation",
            recipients=1,
            sender=f"news{number % SENDERS}@contoso.com",
            pool="news" if number % 5 == 0 else None,
            tags={"flow": "checkout" if number % 10 == 0 else "news", "order": str(number)},
            error_code="ErrorInvalidRecipients" if status is Status.FAILED else "",
            times={Status.QUEUED: at, status: at},
        )
        yield _entity(record) | recipients.columns([f"a{number}@example.com"])


def measure(search, table, wanted):
    """Requests of the first page; calls and requests until a mail is found, or there is none; seconds."""
    table.calls.clear()
    began = time.perf_counter()
    page = search.page(wanted, most=50)
    first, calls = table.calls.total(), 1
    while not page.records and page.goes_on:
        page, calls = search.page(wanted, most=50, begin=page.goes_on), calls + 1
    return first, calls, table.calls.total(), time.perf_counter() - began


def p95(values):
    """The 95th percentile."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def figures(many, looks_at, runs):
    """For each filter: the 95th percentiles of what a search for some mail costs."""
    random.seed(7)
    with closing(MemoryTable(looks_at=looks_at)) as table, closing(MemoryTable()) as keys:
        recipients = Recipients(keys)
        table.fill(entities(many, recipients))
        search = Search(table=RecordPages(table, recipients), clock=lambda: NOW)
        for name, query in FILTERS.items():
            wanted = [Wanted.of(MailQuery.model_validate(query(random.randrange(many)))) for _ in range(runs)]
            yield name, [p95(each) for each in zip(*(measure(search, table, one) for one in wanted), strict=True)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("many", nargs="+", type=int, help="how many records")
    parser.add_argument("--looks-at", type=int, default=10**9, help="rows after which a request's time is over")
    parser.add_argument("--runs", type=int, default=20, help="searches of each kind")
    given = parser.parse_args()
    heads = ("first page, requests", "until found: calls", "requests", "s here")
    print(f"{'records':>9}  {'filter':28}" + "".join(f"{head:>22}" for head in heads) + "   (p95)")
    for many in given.many:
        for name, found in figures(many, given.looks_at, given.runs):
            print(f"{many:>9,}  {name:28}" + "".join(f"{value:>22,.1f}" for value in found), flush=True)


if __name__ == "__main__":
    main()
