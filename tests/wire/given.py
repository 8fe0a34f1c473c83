"""Replies as Graph gives them."""

import json

import pytest

from mailer.errors import Refusal
from mailer.graph.wire import (
    check_reply,
)


def envelope(code, message="Text that may change and may hold ada@example.com."):
    return json.dumps({"error": {"code": code, "message": message, "innerError": {"request-id": "r"}}}).encode()


def outcome(status, body=b"", headers=None):
    """The refusal that a reply means."""
    with pytest.raises(Refusal) as refusal:
        check_reply(status, headers or {}, body)
    return refusal.value
