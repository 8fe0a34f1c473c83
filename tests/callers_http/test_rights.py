"""Every door asks for its own right."""

import json

import azure.functions as func
import pytest

from mailer.doors.door import ROUTES
from mailer.doors.http import HTTP
from tests.app import error
from tests.callers_http.given import ALL, API, Doors, key

assert HTTP  # by which all routes are registered


@pytest.fixture
def one_right(environ, monkeypatch):
    """A caller for each right, who has all but that one, and one for each who has it alone."""
    rights = {each.may for each in ROUTES if each.may}
    without = {f"no-{right}": {"key": key(f"no-{right}"), **ALL, "may": [*rights - {right}]} for right in rights}
    only = {right: {"key": key(right), **ALL, "may": [right]} for right in rights}
    monkeypatch.setenv("MAILER_CALLERS", json.dumps(without | only))
    return Doors()


@pytest.mark.parametrize("route", [each for each in ROUTES if each.may], ids=lambda route: route.function)
def test_no_door_opens_without_its_right_and_each_does_with_it_alone(one_right, route):
    def ask(by):
        request = func.HttpRequest(
            route.methods[0],
            f"{API}/{route.route}",
            headers={"x-functions-key": by},
            route_params={"id": "none", "code": "none"},
            body=b"",
        )
        return one_right.call(route.function, request)

    for by in (f"no-{route.may}", "nobody"):
        assert error(ask(by), 403)["code"] == "caller_not_allowed"
    assert ask(route.may).status_code not in {401, 403}
