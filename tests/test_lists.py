"""Lists of mails: every filter, newest first, page by page, with a bounded number of requests.

Storage is Azurite, and in its place the table in memory that the benchmark of a million records fills.
"""

import re
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from azure.data.tables import TableClient

from mailer.delivery.record import MailRecord, Status
from mailer.delivery.search import MOST_REQUESTS, Search, Wanted, read_query
from mailer.errors import InvalidRequest
from mailer.request.address import Address
from mailer.request.mail_id import mail_id
from mailer.request.members import Priority
from mailer.storage.recipients import MOST, Recipients, table_of_key
from mailer.storage.record_pages import RecordPages
from mailer.storage.records import TableLedger, read_record, row_of
from tests.builders import RULES, a_record, a_request
from tests.fakes import START, Clock
from tests.memory_table import MemoryTable

DAY = timedelta(days=1)


class Shelf:
    """A table of records, whose requests are counted."""

    def __init__(self, table, keys, calls, *, finds_recipients=True):
        self.table, self.keys, self.calls = table, keys, calls
        self.recipients = Recipients(self.keys) if finds_recipients else None
        self.ledger = TableLedger(self.table, key_window=DAY, recipients=self.recipients)
        self.clock = Clock()
        self.search = Search(table=RecordPages(self.table, self.recipients), clock=self.clock)

    @classmethod
    def azurite(cls, connection_string, **how):
        name, calls = f"t{uuid4().hex}", Counter()

        def count(request):
            calls[request.http_request.method] += 1

        table = TableClient.from_connection_string(connection_string, name, raw_request_hook=count)
        return cls(table, TableClient.from_connection_string(connection_string, table_of_key(name)), calls, **how)

    @classmethod
    def memory(cls, **how):
        table = MemoryTable(**how)
        return cls(table, MemoryTable(), table.calls)

    def put(self, *, before=timedelta(), status=Status.SENT, **changes):
        """A mail that was accepted so long before now; returns its id."""
        at = START - before
        record = a_record(at=at, entropy=uuid4().bytes, times={status: at}, **changes)
        return self.ledger.write(replace(record, status=status)).id

    def put_request(self, *, before=timedelta(), **changes):
        at = START - before
        record = MailRecord.of(a_request(**changes), digest="", mail=mail_id(at, uuid4().bytes), now=at)
        return self.ledger.write(record).id

    def page(self, most=50, begin=None, **parameters):
        wanted = Wanted.of(read_query({name.removesuffix("_"): text for name, text in parameters.items()}))
        return self.search.page(wanted, most=most, begin=begin)

    def ids(self, **parameters):
        """Those on all pages."""
        found, goes_on = [], None
        while True:
            page = self.page(begin=goes_on, **parameters)
            found += [record.id for record in page.records]
            if (goes_on := page.goes_on) is None:
                return found


@pytest.fixture(params=["azurite", "memory"])
def shelf(request):
    if request.param == "azurite":
        shelf = Shelf.azurite(request.getfixturevalue("storage").connection_string)
    else:
        shelf = Shelf.memory()
    with closing(shelf.table), closing(shelf.keys):
        yield shelf


def test_mails_are_listed_newest_first_over_the_days(shelf):
    ages = (timedelta(seconds=1), timedelta(0), 3 * DAY, timedelta(milliseconds=1), DAY, 40 * DAY, timedelta(hours=20))
    ids = {age: shelf.put(before=age) for age in ages}

    assert shelf.ids() == [ids[age] for age in sorted(ages)]


def test_an_empty_table_has_one_empty_page(shelf):
    page = shelf.page()

    assert (page.records, page.goes_on) == ([], None)


def test_pages_follow_each_other_without_a_gap_or_a_mail_twice(shelf):
    ids = [shelf.put(before=timedelta(hours=6 * number)) for number in range(17)]

    found, goes_on = [], None
    while True:
        page = shelf.page(most=3, begin=goes_on)
        assert len(page.records) <= 3
        found += [record.id for record in page.records]
        if (goes_on := page.goes_on) is None:
            break

    assert found == ids


def test_a_mail_that_comes_meanwhile_does_not_shift_the_pages(shelf):
    ids = [shelf.put(before=timedelta(minutes=number)) for number in range(4)]
    first = shelf.page(most=2)
    shelf.put()

    assert [record.id for record in shelf.page(begin=first.goes_on).records] == ids[2:]


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        ({"status": "failed"}, {"status": Status.FAILED}),
        ({"error": "ErrorAccessDenied"}, {"error_code": "ErrorAccessDenied"}),
        ({"tag": "flow:checkout"}, {"tags": {"flow": "checkout", "a": "b"}}),
        ({"tag": "a b/ü:it's: 1"}, {"tags": {"a b/ü": "it's: 1"}}),
        ({"template": "order"}, {"template": "order"}),
        ({"status": "failed,uncertain"}, {"status": Status.UNCERTAIN}),
        ({"status": "queued,failed,uncertain,held,canceled,suppressed"}, {"status": Status.FAILED}),
        ({"from_": "Contoso <SHOP@contoso.com>"}, {"sender": "shop@contoso.com"}),
        ({"from_": "news"}, {"pool": "news"}),
        ({"from_": "Contoso News <news>"}, {"pool": "news", "sender": "news2@contoso.com"}),
        ({"caller": "it's"}, {"caller": "it's"}),
        ({"status": "failed", "caller": "a"}, {"status": Status.FAILED, "caller": "a"}),
    ],
)
def test_a_filter_finds_what_it_names_and_nothing_else(shelf, filters, kept):
    plain = {"tags": {"flow": "another"}, "sender": "alerts@contoso.com", "template": "another", "caller": "x"}
    shelf.put(**plain)
    wanted = shelf.put(before=DAY, **plain | kept)
    shelf.put(before=2 * DAY, **plain)

    assert shelf.ids(**filters) == [wanted]


def test_all_filters_together_are_one_query(shelf):
    """Table Storage takes 15 comparisons."""
    kept = {"error_code": "e", "tags": {"a": "b"}, "template": "t", "sender": "shop@contoso.com", "caller": "c"}
    at = START - timedelta(hours=1)
    record = a_record(at=at, times={Status.FAILED: at}, reaches=["ada@example.com"], **kept)
    wanted = shelf.ledger.write(replace(record, status=Status.FAILED)).id
    filters = {"status": "failed", "error": "e", "tag": "a:b", "template": "t", "from_": "shop@contoso.com"}
    filters |= {"to": "ada@example.com", "caller": "c", "since": "2026-11-23", "until": "2026-11-24T00:00:00Z"}

    assert shelf.ids(**filters) == [wanted]
    assert shelf.ids(**filters | {"caller": "another"}) == []


def test_a_pools_mails_are_found_by_its_name_and_by_the_mailbox_whichever_belong_to_it_by_now(shelf):
    """The record keeps the pool that was asked for: nobody looks its members up."""
    news1, news2 = Address(address="news1@contoso.com"), Address(address="news2@contoso.com")
    asked = a_request(from_="news", rules=replace(RULES, senders=(news1, news2), pools={"news": (news1, news2)}))
    record = MailRecord.of(asked, digest=asked.digest(), mail=mail_id(START, b"0123456789"), now=START)
    mail = shelf.ledger.write(replace(record, sender="news2@contoso.com")).id
    direct = shelf.put(before=DAY, sender="news2@contoso.com")

    assert shelf.ids(from_="news") == [mail]
    assert shelf.ids(from_="news2@contoso.com") == [mail, direct]


@pytest.mark.parametrize("number", range(1, len(Status) + 1))
def test_any_number_of_statuses_fits_into_a_query_beside_all_other_filters(number):
    """Table Storage takes 15 comparisons."""
    every = dict.fromkeys(("error", "template", "caller"), "x")
    every |= {"status": ",".join([*Status][:number]), "tag": "a:b", "from": "news", "to": "ada@example.com"}
    wanted = Wanted.of(read_query(every | {"since": "2026-11-23", "until": "2026-11-24"}), of="another")
    recipients = SimpleNamespace(column=lambda _: "to_x")

    text, _ = RecordPages(None, recipients)._query(START.date(), wanted)

    assert len(re.findall(r" (eq|ne|ge|lt) ", text)) <= 15


def test_since_and_until_bound_the_instant_of_acceptance_to_the_millisecond(shelf):
    ids = [shelf.put(before=timedelta(milliseconds=number)) for number in range(5)]

    def at(number):
        return (START - timedelta(milliseconds=number)).isoformat()

    assert shelf.ids(since=at(3), until=at(1)) == ids[2:4]
    assert shelf.ids(since=at(1)) == ids[:2]
    assert shelf.ids(until=at(3)) == ids[4:]


@pytest.mark.parametrize("member", ["to", "cc", "bcc"])
def test_a_mail_is_found_by_any_of_its_recipients(shelf, member):
    given = {"to": ["grace@example.com"], "cc": ["grace@example.com"], "bcc": ["grace@example.com"]}
    wanted = shelf.put_request(**given | {member: ["Alan <alan@example.com>", "Ada@Example.com"]})
    shelf.put_request(**given)

    assert shelf.ids(to="ada@example.COM") == shelf.ids(to="Alan <alan@example.com>") == [wanted]
    assert shelf.ids(to="nobody@example.com") == []


def test_a_mail_is_still_found_by_its_recipient_when_it_has_moved_on(shelf):
    mail = shelf.put_request()
    record = shelf.ledger.read(mail)
    shelf.ledger.write(record.moved(Status.SENT, now=START))

    assert shelf.ids(to="ada@example.com", status="sent") == [mail]


def test_of_a_mail_to_very_many_the_first_ones_are_found(shelf):
    wanted = shelf.put_request(to=[f"a{number}@example.com" for number in range(400)])

    assert shelf.ids(to=f"a{MOST - 1}@example.com") == [wanted]
    assert shelf.ids(to=f"a{MOST}@example.com") == []


def test_no_address_and_no_key_stands_in_the_table_of_the_records(shelf):
    mail = shelf.put_request()

    row = shelf.table.get_entity(*row_of(mail))
    (key,) = shelf.keys.list_entities()
    assert not [value for value in row.values() if "example.com" in str(value) or value == key["key"]]
    assert "ada" not in repr(read_record(row)) + repr(shelf.ledger.read(mail))


def test_all_workers_share_the_key(shelf):
    mail = shelf.put_request()
    another = Search(table=RecordPages(shelf.table, Recipients(shelf.keys)), clock=shelf.clock)

    (record,) = another.page(Wanted(to="ada@example.com"), most=5).records
    assert record.id == mail


def test_recipients_can_be_left_out_of_the_records(storage):
    shelf = Shelf.azurite(storage.connection_string, finds_recipients=False)
    with closing(shelf.table), closing(shelf.keys):
        mail = shelf.put_request()
        assert not [name for name in shelf.table.get_entity(*row_of(mail)) if name.startswith("to_")]
        with pytest.raises(InvalidRequest, match="MAILER_RECIPIENT_SEARCH is `off`"):
            shelf.page(to="ada@example.com")


# What it costs


def test_a_first_page_is_one_request_however_many_mails_there_are(shelf):
    for number in range(120):
        shelf.put(before=timedelta(minutes=number % 60))
    shelf.calls.clear()

    assert len(shelf.page(most=50).records) == 50
    assert shelf.calls.total() == 1


def test_the_hashes_of_recipients_cost_no_call_of_their_own(shelf):
    shelf.put_request()  # the first mail of a worker reads the key, or makes it
    shelf.calls.clear()

    shelf.put_request(to=[f"a{number}@example.com" for number in range(50)])

    assert shelf.calls == {"POST": 1}


def test_a_call_that_finds_nothing_makes_a_bounded_number_of_requests_and_says_where_it_goes_on(shelf):
    shelf.put(before=100 * DAY, status=Status.FAILED)
    for number in range(10):
        shelf.put(before=number * DAY)
    shelf.calls.clear()

    page = shelf.page(status="failed")

    assert (page.records, shelf.calls.total()) == ([], MOST_REQUESTS + 1)
    assert page.goes_on
    assert len(shelf.ids(status="failed")) == 1


def test_a_list_ends_at_the_oldest_mail(shelf):
    shelf.put(before=2 * DAY)
    shelf.calls.clear()

    assert shelf.page().goes_on is None
    assert shelf.calls.total() == 4  # three days, and which is the oldest


def test_a_list_ends_where_it_was_asked_to(shelf):
    shelf.put(before=20 * DAY)
    shelf.calls.clear()

    assert shelf.page(since=(START - DAY).isoformat()).goes_on is None
    assert shelf.calls.total() == 3


def test_a_call_that_takes_long_leaves_the_rest_to_the_next_one(shelf):
    """A day of very many mails can take Table Storage seconds."""
    ids = [shelf.put(before=number * DAY) for number in range(4)]
    read = shelf.search.table.on_day

    def slow(*asked, **how):
        shelf.clock.advance(seconds=6)
        return read(*asked, **how)

    shelf.search.table.on_day = slow
    first = shelf.page()

    assert [record.id for record in first.records] == ids[:2]
    assert first.goes_on


def test_requests_whose_time_is_over_before_a_page_is_full_lose_no_mail():
    """A short page with a token is no end: Table Storage gives up after five seconds."""
    shelf = Shelf.memory(looks_at=3)
    with closing(shelf.table), closing(shelf.keys):
        kinds = [Status.FAILED if number % 5 == 0 else Status.SENT for number in range(40)]
        ids = [shelf.put(before=timedelta(hours=number), status=status) for number, status in enumerate(kinds)]

        assert shelf.ids(status="failed") == ids[::5]
        assert shelf.ids() == ids


# What is asked


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"since": "yesterday"}, "`since` must be a day such as 2026-12-01, or ISO 8601 with an offset"),
        ({"since": "2026-12-01T08:00:00"}, "`since` must be a day"),
        ({"status": "sent,lost"}, "or several of them, separated by commas"),
        ({"status": "lost"}, "`status` must be scheduled, queued"),
        ({"statsu": "sent"}, "`statsu` is unknown; did you mean `status`?"),
        ({"recipient": "a@b.com"}, "`recipient` is unknown; did you mean `to`?"),
        ({"tag": "checkout"}, "`tag` must be a tag's name, a colon and its value, such as flow:checkout"),
        ({"to": "ada"}, "`to` is not an e-mail address"),
        ({"from": "a@b.com, c@d.com"}, "`from` holds more than one e-mail address"),
        ({"limit": "0"}, "`limit` must be greater than or equal to 1"),
        ({"limit": "101"}, "`limit` must be less than or equal to 100"),
        ({"limit": "many"}, "`limit` must be a valid integer"),
        ({"caller": ""}, "`caller` must have at least 1 character"),
        ({"cursor": "abc"}, "`cursor` is none of mailer's: follow `nextLink` as it is"),
    ],
)
def test_a_wrong_parameter_is_named_with_the_remedy(parameters, told):
    with pytest.raises(InvalidRequest) as refused:
        read_query(parameters)

    (problem,) = refused.value.problems
    assert (problem.code, problem.target) == ("validation_error", *parameters)
    assert told in problem.message


def test_all_wrong_parameters_are_named_at_once():
    with pytest.raises(InvalidRequest) as refused:
        read_query({"since": "x", "status": "y", "z": ""})

    assert {problem.target for problem in refused.value.problems} == {"since", "status", "z"}


@pytest.mark.parametrize(
    "text", ["2026-11-23", "2026-11-23T00:00:00Z", "2026-11-23T01:00:00+01:00", "2026-11-23T01:00:00 01:00"]
)
def test_an_instant_is_a_day_or_has_an_offset_whose_plus_may_have_become_a_space(text):
    assert read_query({"since": text}).since == datetime(2026, 11, 23, tzinfo=UTC)


def test_urgency_is_no_filter_but_listed(shelf):
    shelf.put(priority=Priority.URGENT)

    assert shelf.page().records[0].priority is Priority.URGENT
