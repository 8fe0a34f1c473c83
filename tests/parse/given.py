"""What these tests are given."""

import pytest

from mailer.errors import InvalidRequest
from mailer.request.model import MailRequest
from mailer.request.parse import parse
from tests.builders import RULES, TEMPLATE, as_bytes

ALL_MEMBERS = [field.alias or name for name, field in MailRequest.model_fields.items()]


A_FILE = {"filename": "a.pdf", "content": "YQ=="}


TEMPLATED = {"to": "ada@example.com", "template": {"id": TEMPLATE, "variables": {"order": {"number": 7}}}}


def problems(content, *, key=None):
    """What is said about a request, as (code, target)."""
    with pytest.raises(InvalidRequest) as refusal:
        parse(content if isinstance(content, bytes) else as_bytes(content), rules=RULES, key=key)
    assert all(problem.message for problem in refusal.value.problems)
    return {(problem.code, problem.target) for problem in refusal.value.problems}


def message(content):
    with pytest.raises(InvalidRequest) as refusal:
        parse(as_bytes(content), rules=RULES)
    return str(refusal.value)
