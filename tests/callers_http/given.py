"""Callers, and the doors as they come to them."""

import hashlib
import json

import azure.functions as func

from mailer.local.cloud import seed
from tests.app import Worker
from tests.builders import as_bytes, members

API = "https://mailer.example.com/api"
ALL = {"may": ["*"], "from": ["*"], "templates": ["*"], "to": ["*"], "priority": ["*"], "recipients_per_day": "*"}
APP = "77777777-7777-4777-8777-777777777777"


def key(name):
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


CALLERS = {
    "shop": {
        "key": key("shop"),
        "may": ["send", "read", "preview"],
        "from": ["shop@contoso.com"],
        "templates": ["order-*"],
        "to": ["example.com"],
        "priority": ["normal"],
        "recipients_per_day": 5000,
    },
    "crm": {"key": key("crm"), **ALL, "may": ["send", "read"]},
    "ops": {"app": seed.CLIENT_ID, "key": key("ops"), **ALL},
    "queue": {**ALL, "may": ["send"], "to": ["example.com"]},
}
ORDER = {"id": "order-confirmation", "variables": {}}


class Doors(Worker):
    """The worker's doors by function, with a caller's key."""

    def ask(self, function, method="GET", path="", *, body=b"", by=None, mail=None, **headers):
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        sent |= {"x-functions-key": by} if by else {}
        route = {"id": mail} if mail else {}
        request = func.HttpRequest(method, API + path, headers=sent, route_params=route, body=body)
        return self.call(function, request)

    def send(self, by=None, *, body=None, **headers):
        return self.ask("post_email", "POST", "/emails", body=body or as_bytes(members()), by=by, **headers)

    def batch(self, mails, by=None, **headers):
        return self.ask("post_batch", "POST", "/emails/batch", body=json.dumps(mails).encode(), by=by, **headers)

    def show(self, mail, by=None, **headers):
        return self.ask("get_email", mail=mail, by=by, **headers)
