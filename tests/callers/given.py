"""What the tests of callers share: a caller with all rights, and what its policy says of a request."""

import hashlib
import json
from dataclasses import replace

from mailer.callers.setting import read_callers
from mailer.delivery.rules import forbidden
from mailer.errors import InvalidRequest
from mailer.request.parse import read_request
from tests.builders import RULES, members

HEX = hashlib.sha256(b"the key of the shop").hexdigest()
KEY = f"sha256:{HEX}"
APP = "77777777-7777-4777-8777-777777777777"
ALL = {"may": ["*"], "from": ["*"], "templates": ["*"], "to": ["*"], "priority": ["*"], "recipients_per_day": "*"}


def callers(**policies):
    return read_callers(json.dumps(policies))


def shop(**changes):
    """A caller who may do everything but what a test takes away."""
    policy = {"key": KEY, **ALL, **changes}
    return callers(shop={name: value for name, value in policy.items() if value is not None}).all[0]


def rules_of(caller):
    return replace(
        RULES,
        content_problems=lambda _: (),
        forbidden=lambda request: forbidden(request, caller, lambda one: one.priority or "normal"),
    )


def refused(content, caller):
    """What is wrong with this request of the caller."""
    try:
        read_request(content, rules=rules_of(caller))
    except InvalidRequest as refusal:
        return refusal.problems
    return ()


def refusals(caller, **changes):
    """The rules that this mail meets, by their target."""
    problems = refused(members(**changes), caller)
    assert {problem.code for problem in problems} <= {"caller_not_allowed"}
    return {problem.target: problem.message for problem in problems}
