"""The local cloud's Graph: what it accepts, what it refuses and how, and its faults."""

import pytest

from tests.cloud_graph.given import Cloud


@pytest.fixture
def cloud(cloud):
    return Cloud(**vars(cloud))
