"""A template and its variables to what the mail says."""

import pytest

from tests.written import Written


@pytest.fixture
def folder(tmp_path):
    return Written(tmp_path)
