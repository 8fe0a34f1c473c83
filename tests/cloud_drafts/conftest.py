"""The local cloud's drafts and upload sessions, the way of large mails: what they take, what they refuse and how."""

import pytest

from tests.cloud_drafts.given import Cloud


@pytest.fixture
def cloud(cloud):
    given = Cloud(**vars(cloud))
    given.allow("Mail.Send", "Mail.ReadWrite")
    return given
