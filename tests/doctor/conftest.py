"""python -m mailer doctor: each planted fault is named, with its reason and its cure."""

from uuid import uuid4

import pytest

from mailer.local.cloud import seed
from tests.doctor.given import queue
from tests.terminal import open_terminal
from tests.written import Written


@pytest.fixture
def name():
    return f"t{uuid4().hex}"


@pytest.fixture
def templates(tmp_path):
    """One template, for those of the app take a third of a second to look through."""
    folder = tmp_path / "templates"
    folder.mkdir()
    Written(folder).write("hello", subject_txt="Hello", body_txt="Hello", sample_json="{}")
    return folder


@pytest.fixture
def cloud(local_cloud, storage, monkeypatch, tmp_path, name, templates):
    local_cloud.control.reset()
    settings = {
        "MAILER_CLIENT_ID": seed.CLIENT_ID,
        "MAILER_SENDERS": "Contoso Shop <shop@contoso.com>, alerts@contoso.com",
        "MAILER_QUEUE": name,
        "MAILER_TABLE": name,
        "MAILER_CONTAINER": name,
        "MAILER_TEMPLATES": str(templates),
        "AzureWebJobsStorage": storage.connection_string,
        "IDENTITY_ENDPOINT": f"{local_cloud.url}/msi/token",
        "IDENTITY_HEADER": seed.IDENTITY_HEADER,
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
    }
    open_terminal(monkeypatch, local_cloud, tmp_path, **settings)
    with queue(storage, name) as made:
        made.create_queue()
    yield local_cloud.control
    local_cloud.control.reset()
