"""The app as a worker has it, over Azurite and the local cloud."""

import asyncio
import importlib.util
import inspect
import json
import os
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import azure.functions as func
from azure.functions.queue import QueueMessage

from mailer.delivery.mail import QueuedMessage
from mailer.local.cloud import seed
from tests.anew import start_anew
from tests.builders import as_bytes, members

URL = "https://mailer.example.com/api/emails"
TEMPLATES = "https://mailer.example.com/api/templates"
HEALTH = ["settings", "table", "queue", "blobs", "graph_token", "permission", "clock", "templates", "sending", "pace"]
HEALTH += ["callers"]  # the parts that it tells of
FOREIGN = ("MAILER_", "MailerStorage", "AzureWebJobsStorage", "AZURE_", "IDENTITY_")


def without_settings(monkeypatch):
    """Nothing of mailer's in the environment."""
    for known in [*os.environ]:
        if known.startswith(FOREIGN):
            monkeypatch.delenv(known)


def app_settings(storage, cloud, monkeypatch):
    """App settings that work, in the environment and nothing else of mailer's."""
    name = f"t{uuid4().hex}"
    content = {
        "MAILER_TENANT_ID": seed.TENANT,
        "MAILER_CLIENT_ID": seed.CLIENT_ID,
        "MAILER_KEY_VAULT_URL": cloud.url,
        "MAILER_AUTHORITY_HOST": cloud.url,
        "MAILER_GRAPH_URL": cloud.url,
        "MAILER_SENDERS": "Contoso Shop <shop@contoso.com>",
        "MAILER_QUEUE": name,
        "MAILER_TABLE": name,
        "MAILER_CONTAINER": name,
        "AzureWebJobsStorage": storage.connection_string,
        "IDENTITY_ENDPOINT": f"{cloud.url}/msi/token",
        "IDENTITY_HEADER": seed.IDENTITY_HEADER,
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        "REQUESTS_CA_BUNDLE": cloud.ca,
    }
    without_settings(monkeypatch)
    for setting, text in content.items():
        monkeypatch.setenv(setting, text)
    return content


class Worker:
    """A worker that has just started: function_app.py loaded anew, no part made yet."""

    def __init__(self):
        start_anew()
        path = Path(__file__).parents[1] / "function_app.py"
        spec = importlib.util.spec_from_file_location("function_app_under_test", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self._functions = {one.get_function_name(): one for one in module.app.get_functions()}

    def call(self, name, argument):
        returned = self._functions[name].get_user_function()(argument)
        return asyncio.run(returned) if inspect.iscoroutine(returned) else returned

    def post(self, content=None, *, url=URL, **headers):
        body = content if isinstance(content, bytes) else as_bytes(members() if content is None else content)
        headers = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.call("post_email", func.HttpRequest("POST", url, headers=headers, body=body))

    def get(self, mail_id):
        request = func.HttpRequest("GET", f"{URL}/{mail_id}", route_params={"id": mail_id}, body=b"")
        return self.call("get_email", request)

    def templates(self):
        return self.call("get_templates", func.HttpRequest("GET", TEMPLATES, body=b""))

    def template(self, name):
        request = func.HttpRequest("GET", f"{TEMPLATES}/{name}", route_params={"id": name}, body=b"")
        return self.call("get_template", request)

    def preview(self, name="order-confirmation", content=None, *, accept="*/*"):
        body = content if isinstance(content, bytes) else b"" if content is None else as_bytes(content)
        url, route = f"{TEMPLATES}/{name}/preview", {"id": name}
        request = func.HttpRequest("POST", url, route_params=route, headers={"Accept": accept}, body=body)
        return self.call("preview_template", request)

    def health(self):
        return self.call("get_health", func.HttpRequest("GET", "https://mailer.example.com/api/health", body=b""))

    def deliver(self, text, door="deliver_email"):
        """Hand a message over; returns the id of the mail if it is a producer's."""
        at = datetime.fromisoformat("2026-11-23T12:00:00+00:00")
        self.call(door, QueueMessage(id="m1", body=text.encode(), insertion_time=at, dequeue_count=1))
        return QueuedMessage(body=text.encode(), id="m1", inserted_at=at).mail_id

    @property
    def triggers(self):
        return {name: one.get_trigger() for name, one in self._functions.items()}


def content(response):
    assert response.mimetype == "application/json"
    return json.loads(response.get_body())


def error(response, status):
    assert response.status_code == status
    envelope = content(response)
    assert set(envelope) == {"error"}
    assert {"code", "message", "details"} <= set(envelope["error"])
    return envelope["error"]
