"""From a queued message to a status: sent once, or accounted for by name."""

import pytest

from tests.post import Post


@pytest.fixture
def post():
    return Post()


@pytest.fixture(params=["by_http", "by_queue"])
def message(request, post):
    """A mail's first message, from either door."""
    return getattr(post, request.param)(tags={"flow": "checkout"})
