"""Callers through the doors: function keys, tokens of the local cloud's Entra, Easy Auth, the queue."""

import json

import pytest

from tests.callers_http.given import CALLERS, Doors


@pytest.fixture
def doors(environ, monkeypatch):
    monkeypatch.setenv("MAILER_CALLERS", json.dumps(CALLERS))
    return Doors()


@pytest.fixture
def open_doors(environ):
    return Doors()
