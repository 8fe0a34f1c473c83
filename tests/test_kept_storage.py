"""Calls of Table and Queue Storage over a kept session: what they write, read and raise is what the SDKs do."""

import functools
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import jwt
import pytest
import trustme
from azure.core.credentials import AccessToken
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableClient
from azure.storage.queue import QueueClient

from mailer.errors import TryLater
from mailer.local import programs
from mailer.settings import Storage
from mailer.storage import tables
from mailer.storage.clients import STORAGE_NETWORK, kept_queue, kept_table
from mailer.storage.kept_queue import KeptQueue
from mailer.storage.kept_table import KeptTable
from mailer.storage.signed import RENEW_BEFORE, SignedRequests, by_identity, by_key_of_queue, by_key_of_table
from tests.builders import storage_of
from tests.conftest import ACCOUNT_KEY

ROWS = {
    "of texts": {"text": "é € \U0001f600 \"'<&>\\ \n\u2028", "empty": "", "long": "x" * 30_000},
    "of numbers": {"small": -(2**31), "large": 2**31 - 1, "none": 0, "yes": True, "no": False},
    "of instants": {
        "utc": datetime(2026, 11, 26, 3, 7, 26, 123456, UTC),
        "elsewhere": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=-5))),
        "round": datetime(2026, 1, 1, tzinfo=UTC),
    },
    "of bytes": {"bytes": bytes(range(256)), "nothing": b""},
    "of what only the SDK knows": {"share": 0.25, "text": "x"},
}
KEYS = ["plain", "slot|202611260307|ab", "it's", "a b%20c", "é€", "a&b=c+d", 'say "x"', "(1)", "a:b@c,d;e"]


@pytest.fixture(scope="module")
def account(storage):
    """The SDK's client, and ours of the same table."""
    name = f"t{uuid4().hex}"
    with TableClient.from_connection_string(storage.connection_string, name, **STORAGE_NETWORK) as sdk:
        sdk.create_table()
        yield sdk, kept_table(storage_of(storage), name)


@pytest.mark.parametrize("values", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("write", ["create_entity", "upsert_entity"])
def test_a_row_is_read_as_it_was_written_by_either(account, values, write):
    _, ours = account
    row = {"PartitionKey": uuid4().hex, "RowKey": "r", **values}

    written = getattr(ours, write)(row)

    read_by_both = [dict(each.get_entity(row["PartitionKey"], "r")) for each in account]
    assert read_by_both == [row, row]
    assert [written["etag"]] * 2 == [each.get_entity(row["PartitionKey"], "r").metadata["etag"] for each in account]
    assert [dict(found) for found in ours.query_entities(f"PartitionKey eq '{row['PartitionKey']}'")] == [row]


@pytest.mark.parametrize("key", KEYS)
def test_a_row_of_any_key_is_written_changed_and_read(account, key):
    sdk, ours = account
    row = {"PartitionKey": f"{key}{uuid4().hex}", "RowKey": key}

    version = ours.create_entity(row | {"a": 1, "b": 1})["etag"]
    version = ours.update_entity(row | {"b": 2}, mode=tables.MERGE, **tables.unchanged(version))["etag"]
    assert dict(sdk.get_entity(row["PartitionKey"], key)) == row | {"a": 1, "b": 2}

    ours.update_entity(row | {"c": 3}, mode=tables.REPLACE, **tables.unchanged(version))
    assert dict(ours.get_entity(row["PartitionKey"], key)) == row | {"c": 3}


def test_what_is_not_as_it_was_is_refused_as_by_the_sdk(account):
    row = {"PartitionKey": uuid4().hex, "RowKey": "r", "a": 1}
    account[0].create_entity(row)
    old = account[0].get_entity(row["PartitionKey"], "r").metadata["etag"]
    account[0].upsert_entity(row | {"a": 2})

    for table in account:
        with pytest.raises(ResourceExistsError):
            table.create_entity(row)
        with pytest.raises(ResourceModifiedError):
            table.update_entity(row, mode=tables.MERGE, **tables.unchanged(old))
        with pytest.raises(ResourceNotFoundError):
            table.update_entity(row | {"RowKey": "other"}, mode=tables.MERGE)
        with pytest.raises(ResourceNotFoundError):
            table.get_entity(row["PartitionKey"], "other")


LONG_AGO = "W/\"datetime'2020-01-01T00%3A00%3A00Z'\""


def several(partition, version):
    """Changes of every kind, of rows of which two are there."""
    row = {"PartitionKey": partition}
    return [
        (
            "create",
            row | {"RowKey": "it's new", "text": "é\r\n--x", "bytes": b"\0", "at": datetime(2026, 1, 1, tzinfo=UTC)},
        ),
        ("update", row | {"RowKey": "old", "b": 2}, {"mode": tables.REPLACE, **tables.unchanged(version)}),
        ("upsert", row | {"RowKey": "other", "c": 3}, {"mode": tables.REPLACE}),
        ("delete", row | {"RowKey": "gone"}),
    ]


def test_changes_of_a_partition_are_made_together_as_by_the_sdk(account):
    sdk, _ = account
    found = []
    for table in account:
        partition = uuid4().hex
        for key in ("old", "gone"):
            sdk.create_entity({"PartitionKey": partition, "RowKey": key, "a": 1})
        version = sdk.get_entity(partition, "old").metadata["etag"]

        written = tables.change_together(table, several(partition, version))

        rows = list(sdk.query_entities(f"PartitionKey eq '{partition}'"))
        assert [each.get("etag") for each in written] == [row.metadata["etag"] for row in rows] + [None]
        found.append([{**row, "PartitionKey": ""} for row in rows])
    assert found[0] == found[1]
    assert [row["RowKey"] for row in found[0]] == ["it's new", "old", "other"]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (("create", {"RowKey": "old"}), ResourceExistsError),
        (
            (
                "update",
                {"RowKey": "old"},
                {"mode": "merge", **tables.unchanged(LONG_AGO)},
            ),
            ResourceModifiedError,
        ),
        (("update", {"RowKey": "no"}, {"mode": "merge"}), ResourceNotFoundError),
        (("delete", {"RowKey": "no"}), ResourceNotFoundError),
    ],
)
def test_one_change_that_cannot_be_made_keeps_all_from_being_made(account, wrong, error):
    sdk, _ = account
    for table in account:
        partition = uuid4().hex
        sdk.create_entity({"PartitionKey": partition, "RowKey": "old", "a": 1})
        kind, row, *options = wrong
        new, wrong_one = {"PartitionKey": partition, "RowKey": "new"}, {"PartitionKey": partition, **row}

        with pytest.raises(error):
            tables.change_together(table, [("create", new), (kind, wrong_one, *options)])
        assert [row["RowKey"] for row in sdk.query_entities(f"PartitionKey eq '{partition}'")] == ["old"]


def test_a_table_is_made_when_a_row_is_first_written(storage):
    table = kept_table(storage_of(storage), f"t{uuid4().hex}")

    for call in (
        lambda: table.create_entity({"PartitionKey": "p", "RowKey": "r"}),
        lambda: list(table.query_entities("PartitionKey eq 'p'")),
    ):
        tables.ask(table, call)
    assert len(tables.rows(table, "PartitionKey eq 'p'")) == 1


def test_a_table_is_made_when_several_rows_are_first_written(storage):
    table = kept_table(storage_of(storage), f"t{uuid4().hex}")

    tables.change_together(table, [("create", {"PartitionKey": "p", "RowKey": f"{number}"}) for number in range(100)])

    assert len(tables.rows(table, "PartitionKey eq 'p'")) == 100


def test_a_partition_of_more_than_a_page_is_read_whole(account):
    sdk, ours = account
    partition = uuid4().hex
    for start in range(0, 1050, 50):
        sdk.submit_transaction(
            ("create", {"PartitionKey": partition, "RowKey": f"{start + number}"}) for number in range(50)
        )

    assert len(tables.rows(ours, f"PartitionKey eq '{partition}'")) == 1050


def nowhere():
    return f"http://127.0.0.1:{programs.free_ports(1)[0]}/devstoreaccount1"


def test_a_call_that_is_not_answered_is_the_sdks(account):
    sdk, _ = account
    by_wrong_key = SignedRequests(
        sdk.url, by_key_of_table("devstoreaccount1", b"x"), version="2019-02-02", timeout=(4, 8)
    )
    unreachable = SignedRequests(
        nowhere(), by_key_of_table("devstoreaccount1", b"x"), version="2019-02-02", timeout=(4, 8)
    )

    for signed in (by_wrong_key, unreachable):
        ours = KeptTable(sdk.table_name, signed, lambda: sdk)
        row = {"PartitionKey": uuid4().hex, "RowKey": "r", "a": 1}
        ours.create_entity(row)
        ours.update_entity(row | {"a": 2}, mode=tables.MERGE)
        ours.upsert_entity({"PartitionKey": row["PartitionKey"], "RowKey": "r", "b": 3})
        deleted = {"PartitionKey": row["PartitionKey"], "RowKey": "gone"}
        tables.change_together(ours, [("create", deleted), ("upsert", row | {"RowKey": "s"})])
        tables.change_together(ours, [("delete", deleted), ("delete", row | {"RowKey": "s"})])
        assert dict(ours.get_entity(row["PartitionKey"], "r")) == row | {"a": 2, "b": 3}
        assert len(tables.rows(ours, f"PartitionKey eq '{row['PartitionKey']}'")) == 1


@pytest.mark.parametrize(
    "connection_string",
    [
        "AccountName=a;AccountKey=no base64;TableEndpoint=http://127.0.0.1:9/a;QueueEndpoint=http://127.0.0.1:9/a",
        "AccountName=a;SharedAccessSignature=sv=1;TableEndpoint=https://127.0.0.1:9/;QueueEndpoint=https://127.0.0.1:9/",
        "UseDevelopmentStorage=true",
    ],
)
def test_a_connection_that_only_the_sdk_knows_is_the_sdks(connection_string):
    storage = Storage(connection_string=connection_string)
    if "UseDev" in connection_string:
        assert isinstance(kept_table(storage, "mails"), TableClient)
        return
    assert not isinstance(kept_table(storage, "mails"), KeptTable)
    assert not isinstance(kept_queue(storage, "mails"), KeptQueue)


# The queue


@pytest.fixture
def queues(storage):
    """Ours and the SDK's client of one queue."""
    name = f"q{uuid4().hex}"
    with QueueClient.from_connection_string(storage.connection_string, name) as sdk:
        sdk.create_queue()
        yield kept_queue(storage_of(storage), name), sdk


@pytest.mark.parametrize("text", ["{}", '{"a":"<&>\'\\" é € \U0001f600 ]]> &lt; \\u0001"}', "\t{\n}\n", "x" * 64_000])
def test_a_message_arrives_as_it_was_put(queues, text):
    for queue in queues:
        queue.send_message(text, visibility_timeout=0, time_to_live=-1)

    messages = list(queues[1].receive_messages())
    assert [message.content for message in messages] == [text, text]
    assert {message.expires_on.year for message in messages} == {9999}


def test_a_message_comes_after_its_delay(queues):
    queues[0].send_message("{}", visibility_timeout=3600, time_to_live=-1)

    assert list(queues[1].receive_messages()) == []
    assert queues[0].get_queue_properties().approximate_message_count == 1


def test_a_message_that_is_not_answered_is_the_sdks(queues):
    _, sdk = queues
    signed = SignedRequests(nowhere(), by_key_of_queue("devstoreaccount1", b"x"), version="2020-12-06", timeout=(4, 8))

    KeptQueue(sdk.queue_name, signed, lambda: sdk).send_message("{}", visibility_timeout=0, time_to_live=-1)

    assert [message.content for message in sdk.peek_messages()] == ["{}"]


# The app's own identity


class Identity:
    """Gives a new token each time, good for an hour, as Entra would for Storage."""

    def __init__(self, clock=time.time):
        self.clock = clock
        self.asked = []

    def get_token(self, *scopes, **_):
        self.asked.append(scopes)
        now = int(self.clock())
        claims = {
            "aud": "https://storage.azure.com",
            "iss": "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
            "nbf": now - 60,
            "iat": now,
            "exp": now + 3600,
        }
        return AccessToken(jwt.encode(claims, "nobody checks it here, but it has to be long enough"), now + 3600)


@pytest.fixture(scope="module")
def with_tls(tmp_path_factory):
    """An Azurite that takes tokens, which it does over TLS alone: its URLs, and whom to trust."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    blob, queue, table = programs.free_ports(3)
    azurite = programs.azurite(folder, blob=blob, queue=queue, table=table)
    azurite.command += ["--oauth", "basic", "--cert", str(folder / "cert.pem"), "--key", str(folder / "key.pem")]
    azurite.start()
    yield {name: f"https://localhost:{port}/devstoreaccount1" for name, port in (("table", table), ("queue", queue))}
    azurite.stop()


def test_rows_and_messages_are_written_with_a_token_of_the_apps_identity(with_tls, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(next(tmp_path_factory.getbasetemp().glob("tls*/ca.pem"))))
    identity = Identity()
    bearer = functools.partial(SignedRequests, authorize=by_identity(identity), timeout=(4, 8))
    with ExitStack() as stack:
        sdk = stack.enter_context(TableClient(with_tls["table"], "mails", credential=identity))
        queue = stack.enter_context(QueueClient(with_tls["queue"], "mails", credential=identity))
        sdk.create_table()
        queue.create_queue()
        used = len(identity.asked)

        ours = KeptTable("mails", bearer(with_tls["table"], version="2019-02-02"), pytest.fail)
        version = ours.create_entity({"PartitionKey": "p", "RowKey": "r", "a": 1})["etag"]
        ours.update_entity({"PartitionKey": "p", "RowKey": "r", "a": 2}, mode="merge", **tables.unchanged(version))
        tables.change_together(ours, [("create", {"PartitionKey": "p", "RowKey": f"{number}"}) for number in range(3)])
        KeptQueue("mails", bearer(with_tls["queue"], version="2020-12-06"), pytest.fail).send_message(
            "{}", visibility_timeout=0, time_to_live=-1
        )

        assert ours.get_entity("p", "r")["a"] == 2
        assert [row["RowKey"] for row in ours.query_entities("PartitionKey eq 'p'")] == ["0", "1", "2", "r"]
        assert [message.content for message in queue.peek_messages()] == ["{}"]
        assert identity.asked[used:] == [("https://storage.azure.com/.default",)]


def test_a_token_is_kept_until_shortly_before_it_expires():
    now = 1_000_000.0
    identity = Identity(lambda: now)
    authorize = by_identity(identity, clock=lambda: now)
    first = authorize("GET", "/", {}, {}, 0)

    now += 3600 - RENEW_BEFORE
    assert authorize("GET", "/", {}, {}, 0) == first
    now += 1
    assert authorize("GET", "/", {}, {}, 0) != first
    assert len(identity.asked) == 2


def test_storage_that_does_not_answer_is_worth_another_try(monkeypatch):
    monkeypatch.setitem(STORAGE_NETWORK, "retry_total", 0)
    table = kept_table(
        Storage(connection_string=f"AccountName=devstoreaccount1;AccountKey={ACCOUNT_KEY};TableEndpoint={nowhere()};"),
        "t",
    )
    monkeypatch.setattr("mailer.storage.kept_table._AGAIN", {"retry_total": 0})

    with pytest.raises(TryLater) as refusal:
        tables.rows(table, "PartitionKey eq 'p'")
    assert refusal.value.code == "storage_unavailable"
