"""One pace for all instances: a single mailbox's mails over memory."""

import pytest

from tests.pace.given import RATE
from tests.post import Post


@pytest.fixture
def post():
    return Post(rate=RATE)
