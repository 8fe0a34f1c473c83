"""A mail that one call cannot carry: it leaves with all of its files, or not at all, and no draft stays behind."""

import pytest

from mailer.graph.connection import GraphConnection
from tests.local_cloud import trusting
from tests.upload.given import Cloud


@pytest.fixture
def cloud(cloud):
    cloud.control.set(roles=["Mail.Send", "Mail.ReadWrite"])
    with trusting(cloud.ca) as session:
        yield Cloud(
            url=cloud.url,
            control=cloud.control,
            session=session,
            connection=GraphConnection(cloud.url, session=session),
        )
