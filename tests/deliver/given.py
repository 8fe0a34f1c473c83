"""What these tests are given."""

import base64

from tests.builders import TEMPLATE, as_bytes, members
from tests.post import DOWN, raising

BAD = {
    "no JSON": b"hello",
    "no object": b"[1]",
    "unknown member": as_bytes(members(subjekt="Hello")),
    "unknown member with a dot": as_bytes(members() | {"a.b": 1}),
    "forbidden sender": as_bytes(members(from_="eve@example.com")),
    "template that is not there": as_bytes(members(subject=None, text=None, template={"id": "nope"})),
    "variable that is not there": as_bytes(members(subject=None, text=None, template={"id": TEMPLATE})),
    "too many problems": as_bytes(members() | {f"unknown{number}": 1 for number in range(2000)}),
    "forged envelope": as_bytes(members() | {"mailer": {"id": "7"}}),
    "envelope that is no object": as_bytes(members() | {"mailer": 7}),
    "base64 of nothing known": base64.b64encode(b"\xff\xfe\x00 hello"),
}


class Broken:
    """A part whose every call ends so."""

    def __init__(self, error):
        self._error = error

    def __getattr__(self, _name):
        return raising(self._error)


class Away:
    """A part whose calls fail this often, and reach the real one then."""

    def __init__(self, real, *, times=1_000_000, error=DOWN, only=lambda *_: True):
        self._real, self._left, self._error, self._only = real, times, error, only

    def __getattr__(self, name):
        def call(*given, **named):
            if self._left and self._only(name, *given):
                self._left -= 1
                raise self._error
            return getattr(self._real, name)(*given, **named)

        return call


class Unanswered:
    """A part that does the first of these calls and does not say so, and fails so often after it."""

    def __init__(self, real, only, *, away=0):
        self._real, self._only, self._away, self._struck = real, only, away, False

    def __getattr__(self, name):
        def call(*given, **named):
            if self._struck and self._away:
                self._away -= 1
                raise DOWN
            done = getattr(self._real, name)(*given, **named)
            if not self._struck and self._only(name, *given):
                self._struck = True
                raise DOWN
            return done

        return call
