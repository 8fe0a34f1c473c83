"""Stand-ins for what lies outside a step: a ledger in memory, a scripted transport for requests, a clock to set."""

import hashlib
import itertools
import secrets
import threading
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from mailer.delivery.record import Conflict, KeyOwner, MailRecord
from mailer.feedback.hashes import SIZE, Hashes
from mailer.feedback.suppressions import Changes, Mark, Suppression
from mailer.pace.lane import Holder, Row
from mailer.request.members import Priority

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now=START):
        self.now = now

    def __call__(self):
        return self.now

    def advance(self, **duration):
        self.now += timedelta(**duration)


class MemoryLedger:
    """The Ledger in a dictionary; passes the same tests as the one in Table Storage.

    Its versions look and work like Table Storage's: `*` stands for any, and an empty one is none.
    """

    def __init__(self, *, key_window=timedelta(hours=24)):
        self.records = {}
        self._owners = {}
        self._key_window = key_window
        self._versions = 0
        self._lock = threading.Lock()

    def write(self, record):
        with self._lock:
            kept = self.records.get(record.id)
            if record.version == "":
                raise ValueError("IfNotModified must be specified with etag.")
            if (kept.version if kept else None) != record.version and not (kept and record.version == "*"):
                raise Conflict(record.id)
            self._versions += 1
            written = replace(record, version=f"W/\"datetime'2026-11-23T12%3A00%3A00.{self._versions:07}Z'\"")
            self.records[record.id] = _merged(kept, written) if kept else written
            return written

    def postpone(self, record, *, within):
        assert within > timedelta()
        return self.write(record)

    def read(self, mail_id):
        return self.records.get(mail_id)

    def withdraw(self, record):
        with self._lock:
            kept = self.records.get(record.id)
            if kept and record.version and kept.version != record.version:
                raise Conflict(record.id)
            self.records.pop(record.id, None)

    def own_key(self, key, owner, *, now):
        with self._lock:
            kept, expires_at = self._owners.get(key, (None, now))
            if kept and expires_at > now:
                return kept
            self._owners[key] = KeyOwner(id=owner.id, digest=owner.digest), now + self._key_window
            return owner


def _merged(kept, written):
    """A write leaves what it does not know as it was."""
    unknown = {name: getattr(kept, name) for name in MailRecord.__slots__ if getattr(written, name) is None}
    times = {**kept.times, **written.times}
    return replace(written, **unknown, times=dict(sorted(times.items(), key=lambda step: step[1])))


class MemoryRequests:
    """The requests that lie in blobs, in a dictionary."""

    def __init__(self):
        self.kept = {}

    def put(self, mail, body):
        self.kept[mail] = body

    def get(self, mail):
        return self.kept.get(mail)

    def delete(self, mail):
        self.kept.pop(mail, None)


class MemoryRows:
    """The messages that wait for their hour, in a dictionary; passes the same tests as the rows in Table Storage."""

    def __init__(self):
        self.kept = {}
        self._versions = 0

    def put(self, waiting):
        self._versions += 1
        self.kept[_minute(waiting.due), waiting.mail] = replace(waiting, version=str(self._versions))

    def take_back(self, mail, due):
        if (row := self.kept.get((_minute(due), mail))) and row.due == due:
            del self.kept[_minute(due), mail]

    def get(self, mail, due):
        return self.kept.get((_minute(due), mail))

    def has(self, mail, due):
        return (_minute(due), mail) in self.kept

    def pages(self, until):
        yield [row for (minute, _), row in sorted(self.kept.items()) if minute <= _minute(until)]

    def delete(self, rows):
        for row in rows:
            if self.kept.get((_minute(row.due), row.mail)) == row:
                del self.kept[_minute(row.due), row.mail]

    @property
    def first_due(self):
        return min(row.due for row in self.kept.values())


def _minute(due):
    return due.replace(second=0, microsecond=0)


class MemorySlots:
    """The slots of mailboxes, in a dictionary; passes the same tests as the rows in Table Storage. Counts its calls."""

    def __init__(self):
        self._kept = defaultdict(dict)  # of (mailbox, minute), by row
        self._preferred = defaultdict(dict)  # tickets by minute, and there by (mailbox, place)
        self._fronts = {}
        self.calls = Counter()
        self._versions = itertools.count()
        self._lock = threading.Lock()

    def take(self, mailbox, minute, rows, *, level, ticket):
        with self._lock:
            self.calls["take"] += 1
            kept = self._kept[mailbox, minute]
            if any(kept.get(row) != holder for row, holder in rows.items()):
                self.calls["refused"] += 1
                return None
            if level < Priority.BULK.level:
                self._preferred[minute] |= {(mailbox, row.place): ticket for row in rows}
            kept |= {row: Holder(level, ticket, str(next(self._versions))) for row in rows}
            return {row: kept[row].version for row in rows}

    def minute(self, mailbox, minute):
        self.calls["minute"] += 1
        return dict(self._kept[mailbox, minute])

    def ticket(self, mailbox, minute, place):
        self.calls["ticket"] += 1
        kept = self._kept[mailbox, minute]
        holder = kept.get(Row(place, True)) or kept.get(Row(place, False))
        return holder and holder.ticket

    def preferred(self, minute):
        self.calls["preferred"] += 1
        return dict(self._preferred[minute])

    def key(self, mailbox):
        return mailbox

    def fronts(self):
        self.calls["front"] += 1
        return dict(self._fronts)

    def move_front(self, mailbox, level, minute):
        self.calls["moved"] += 1
        self._fronts[mailbox, level] = minute

    def free(self, mailbox, minute, place, ticket):
        self.calls["free"] += 1
        kept = self._kept[mailbox, minute]
        for row in (Row(place, False), Row(place, True)):
            if row in kept and kept[row].ticket == ticket:
                del kept[row]
                if row.preferred:
                    self._preferred[minute].pop((mailbox, place), None)


class MemoryPauses:
    """Which mailboxes are to wait, in a dictionary."""

    def __init__(self):
        self.kept = {}
        self.calls = 0

    def put(self, mailbox, until):
        self.calls += 1
        self.kept[mailbox] = until

    def standing(self, now):
        self.calls += 1
        return {mailbox: until for mailbox, until in self.kept.items() if until > now}

    def key(self, mailbox):
        return mailbox


class MemoryCounts:
    """The recipients of mailboxes by the hour, in a dictionary."""

    def __init__(self):
        self.kept = defaultdict(dict)  # of (hour, instance), by mailbox
        self.calls = Counter()

    def of_another_instance(self):
        other = MemoryCounts()
        other.kept, other.calls = self.kept, self.calls
        return other

    def put(self, mailbox, own):
        self.calls["put"] += 1
        self.kept[mailbox].update({(hour, id(self)): count for hour, count in own.items()})

    def all(self, mailbox, since):
        self.calls["all"] += 1
        counts = Counter()
        for (hour, _), count in self.kept[mailbox].items():
            if hour >= since:
                counts[hour] += count
        return counts


class MemorySuppressions:
    """Who gets no mail any more, in a dictionary; passes the same tests as the rows in Table Storage."""

    def __init__(self):
        self.kept = {}
        self.calls = Counter()
        self._changed = {}  # the number of the last change, by bucket
        self._mark = Mark()

    def hash(self, address):
        return hashlib.sha256(address.lower().encode()).digest()[:SIZE]

    def put(self, address, *, reason, by, now):
        self.calls["put"] += 1
        one = self.hash(address).hex()
        if one in self.kept:
            return self.kept[one], False
        self.kept[one] = Suppression(hash=one, since=now, by=by, reason=reason)
        self._change(one)
        return self.kept[one], True

    def lift(self, address):
        self.calls["lift"] += 1
        one = self.hash(address).hex()
        found = self.kept.pop(one, None)
        if found:
            self._change(one)
        return found is not None

    def find(self, address):
        return self.kept.get(self.hash(address).hex())

    def page(self, most, *, after):
        found = [self.kept[one] for one in sorted(self.kept) if one > after]
        return found[:most], found[most - 1].hash if len(found) > most else None

    def changes(self, since):
        self.calls["changes"] += 1
        buckets = {}
        all_anew = since.made != self._mark.made
        for bucket, number in self._changed.items():
            if all_anew or number > since.number:
                buckets[bucket] = Hashes(b"".join(sorted(map(bytes.fromhex, self._of(bucket)))))
        return Changes(mark=self._mark, buckets=buckets, all=all_anew)

    def empty(self):
        """As somebody does who deletes all rows."""
        self.kept, self._changed, self._mark = {}, {}, Mark()

    def _of(self, bucket):
        return [one for one in self.kept if int(one[:2], 16) == bucket]

    def _change(self, one):
        self._mark = Mark(self._mark.made or secrets.token_hex(8), self._mark.number + 1)
        self._changed[int(one[:2], 16)] = self._mark.number


class Alarms:
    """Remembers what was told of which mailbox."""

    def __init__(self):
        self.standing = {}

    def sound(self, mailbox, code, text):
        self.standing.setdefault(mailbox, []).append((code, text))

    def over(self, mailbox):
        self.standing.pop(mailbox, None)


class ScriptedAdapter(BaseAdapter):
    """A transport for a real Session: gives the scripted replies in turn, raises the scripted exceptions."""

    def __init__(self, *script):
        super().__init__()
        self.requests = []
        self._script = list(script)

    def send(self, request, **options):
        self.requests.append(request)
        self.timeout = options["timeout"]
        step = self._script.pop(0)
        if isinstance(step, Exception):
            raise step
        status, headers, body = step
        response = requests.Response()
        response.status_code, response.headers, response._content = status, CaseInsensitiveDict(headers), body
        response.request, response.url = request, request.url
        return response

    def close(self):
        pass


def scripted_session(*script):
    """A session whose every request is answered by the script, and the adapter that has recorded them."""
    session, adapter = requests.Session(), ScriptedAdapter(*script)
    session.mount("https://", adapter)
    return session, adapter
