"""Graph's replies, and a connection to a Graph that gives them."""

import json

from mailer.graph.connection import GraphConnection
from tests.fakes import scripted_session

URL = "https://graph.example.com"
ACCEPTED = (202, {"request-id": "6f9d"}, b"")
UNAUTHORIZED = (401, {}, json.dumps({"error": {"code": "InvalidAuthenticationToken"}}).encode())
BUSY = (503, {"Retry-After": "2.5"}, json.dumps({"error": {"code": "ErrorServerBusy"}}).encode())


def no_renewal(_token):
    raise AssertionError("nobody asked for another token")


def scripted(*script):
    session, adapter = scripted_session(*script)
    return GraphConnection(URL, session=session), adapter
