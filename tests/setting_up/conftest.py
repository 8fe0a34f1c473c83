"""python -m mailer setup, rotate, teardown: through the real SDKs, in a tenant in which no app is registered."""

import pytest

from tests.terminal import open_terminal


@pytest.fixture
def cloud(local_cloud, monkeypatch, tmp_path):
    local_cloud.control.reset(empty=True)
    open_terminal(monkeypatch, local_cloud, tmp_path)
    yield local_cloud.control
    local_cloud.control.reset()
