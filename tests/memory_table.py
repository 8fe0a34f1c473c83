"""A table of Table Storage in memory, by the names of the SDK's client: takes a million rows within a minute.

It answers as https://learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination has it: at most a
thousand rows a request, and fewer with a token where the time is over, for which a number of rows stands here.
"""

import itertools
import json
import re
import sqlite3
from base64 import b64decode, b64encode
from collections import Counter
from datetime import datetime

from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError

MOST_ROWS = 1000
_WORDS = {"eq": "=", "ne": "<>", "ge": ">=", "gt": ">", "le": "<=", "lt": "<", "and": "AND", "or": "OR"}
_WORDS |= {"true": "1", "false": "0", "PartitionKey": "partition", "RowKey": "key"}
_TOKEN = re.compile(r"'(?:[^']|'')*'|@\w+|\w+|[()]")


class Entity(dict):
    """A row as the SDK gives it."""

    metadata: dict


class MemoryTable:
    """The calls that records and lists make. `looks_at`: after so many rows the time of a request is over."""

    def __init__(self, *, looks_at=10**9):
        self.looks_at = looks_at
        self.calls = Counter()
        self._versions = itertools.count()
        self._rows = sqlite3.connect(":memory:", check_same_thread=False)
        self._rows.execute(
            "CREATE TABLE rows (partition TEXT, key TEXT, version TEXT, content TEXT, PRIMARY KEY (partition, key))"
            " WITHOUT ROWID"
        )

    def fill(self, entities):
        """Insert many rows at once, which no call does."""
        self._rows.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", map(self._row, entities))

    def create_entity(self, entity):
        self.calls["POST"] += 1
        row = self._row(entity)
        try:
            self._rows.execute("INSERT INTO rows VALUES (?, ?, ?, ?)", row)
        except sqlite3.IntegrityError:
            raise ResourceExistsError("EntityAlreadyExists") from None
        return {"etag": row[2]}

    def update_entity(self, entity, mode, *, etag=None, match_condition=None):
        self.calls["PATCH"] += 1
        kept = self._kept(entity["PartitionKey"], entity["RowKey"])
        if match_condition and kept.metadata["etag"] != etag:
            raise ResourceModifiedError("UpdateConditionNotSatisfied")
        partition, key, version, content = self._row({**kept, **entity} if mode == "merge" else entity)
        change = "UPDATE rows SET version = ?, content = ? WHERE partition = ? AND key = ?"
        self._rows.execute(change, (version, content, partition, key))
        return {"etag": version}

    def get_entity(self, partition, key):
        self.calls["GET"] += 1
        return self._kept(partition, key)

    def query_entities(self, text, *, parameters=None, select=None, results_per_page=None):
        assert select is None
        return Found(self, text, parameters or {}, min(results_per_page or MOST_ROWS, MOST_ROWS))

    def list_entities(self):
        return self.query_entities("PartitionKey ge ''")

    def request(self, text, parameters, most, token):
        """What one request finds, and from where the query goes on."""
        self.calls["GET"] += 1
        begin = (token["PartitionKey"], token["RowKey"]) if token else ("", "")
        values = {**parameters, "p_begin": begin[0], "k_begin": begin[1]}
        from_there = "SELECT partition, key, version, content FROM rows WHERE (partition, key) >= (:p_begin, :k_begin)"
        keys = " and ".join(term for term in text.split(" and ") if term.startswith(("PartitionKey", "RowKey")))
        over = f"{from_there} AND {_sql(keys)} ORDER BY partition, key LIMIT 1 OFFSET {self.looks_at}"
        end = self._rows.execute(over, values).fetchone()
        within = " AND (partition, key) < (:p_end, :k_end)" if end else ""
        values |= {"p_end": end[0], "k_end": end[1]} if end else {}
        query = f"{from_there}{within} AND {_sql(text)} ORDER BY partition, key LIMIT {most + 1}"
        rows = self._rows.execute(query, values).fetchall()
        goes_on = rows[most] if len(rows) > most else end
        return [*map(_entity, rows[:most])], goes_on and {"PartitionKey": goes_on[0], "RowKey": goes_on[1]}

    def _kept(self, partition, key):
        row = self._rows.execute("SELECT * FROM rows WHERE partition = ? AND key = ?", (partition, key)).fetchone()
        if row is None:
            raise ResourceNotFoundError("ResourceNotFound")
        return _entity(row)

    def _row(self, entity):
        content = json.dumps(entity, default=_written)
        return entity["PartitionKey"], entity["RowKey"], f"W/\"datetime'{next(self._versions)}'\"", content

    def close(self):
        self._rows.close()


class Found:
    """What a query finds, page by page."""

    def __init__(self, table, text, parameters, most):
        self._asked = table, text, parameters, most

    def by_page(self, continuation_token=None):
        return Pages(*self._asked, continuation_token)

    def __iter__(self):
        return itertools.chain.from_iterable(self.by_page())


class Pages:
    """Each page is a request."""

    def __init__(self, table, text, parameters, most, token):
        self._table, self._asked = table, (text, parameters, most)
        self.continuation_token, self._ended = token, False

    def __iter__(self):
        return self

    def __next__(self):
        if self._ended:
            raise StopIteration
        rows, self.continuation_token = self._table.request(*self._asked, self.continuation_token)
        self._ended = self.continuation_token is None
        return iter(rows)


def _sql(text):
    """A filter of OData as SQLite has it."""
    return " ".join(map(_word, _TOKEN.findall(text)))


def _word(token):
    if token[0] in "'()":
        return token
    if token.startswith("@"):
        return f":{token[1:]}"
    return _WORDS.get(token) or (token if token.isdigit() else f"json_extract(content, '$.{token}')")


def _written(value):
    return {"$date": value.isoformat()} if isinstance(value, datetime) else {"$bytes": b64encode(value).decode()}


def _read(value):
    if "$date" in value:
        return datetime.fromisoformat(value["$date"])
    return b64decode(value["$bytes"]) if "$bytes" in value else value


def _entity(row):
    entity = Entity(json.loads(row[3], object_hook=_read))
    entity.metadata = {"etag": row[2]}
    return entity
