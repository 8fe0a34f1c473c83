"""What a caller may do, and whose mails it sees."""

import pytest

from mailer.callers.policy import ANYBODY, NOBODY
from mailer.errors import InvalidRequest
from tests.callers.given import shop


def test_a_caller_sees_its_own_mails_and_an_operator_everybodys():
    reader, operator = shop(may=["read"]), shop(may=["read", "operate"])

    assert reader.sees("shop")
    assert not reader.sees("other")
    assert not reader.sees(None)
    assert operator.sees("other")
    assert ANYBODY.sees("other")
    assert not NOBODY.sees("other")
    assert not NOBODY.sees(None)


@pytest.mark.parametrize("right", ["send", "read", "preview", "operate"])
def test_a_right_is_what_the_list_says(right):
    shop(may=[right]).check(right)
    for other in {"send", "read", "preview", "operate"} - {right}:
        with pytest.raises(InvalidRequest, match=f"it allows {right}"):
            shop(may=[right]).check(other)
