"""The API without a host: a person's process calls the same doors as the function host does."""

import json
import os
import re
import subprocess
import sys

import pytest

from mailer import wiring
from mailer.doors.direct import Direct
from mailer.local.programs import ROOT
from tests.builders import SOME_ID
from tests.doors import triggers

HTTP = {name: trigger.get_dict_repr() for name, trigger in triggers().items() if trigger.type == "httpTrigger"}


@pytest.fixture
def direct():
    """Other tests of this process work as the app does."""
    yield Direct()
    wiring.by_hand.clear()


@pytest.mark.parametrize("name", HTTP)
def test_every_http_door_is_there(name, direct):
    path = re.sub(r"{(\w+)\??}", r"some-\1", HTTP[name]["route"])

    function, values = direct.find(HTTP[name]["methods"][0].value, f"/api/{path}")

    assert function.__name__ == name
    assert all(value == f"some-{parameter}" for parameter, value in values.items())


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/nothing"), ("GET", "/emails"), ("DELETE", "/api/health")])
def test_another_path_or_method_is_none_of_them(method, path, direct):
    assert direct.find(method, path) is None
    assert direct(method, path, {}, b"").status == 404


def ask(path, **environ):
    """One call in a process of its own, with these app settings and no others."""
    code = f"from mailer.doors.direct import Direct; r = Direct()('GET', {path!r}, {{}}, b''); print(r.body.decode())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)


def test_a_call_needs_only_the_settings_that_it_uses(storage):
    """The record of a mail lies in storage; tenant, app and senders are not asked for."""
    answer = ask(f"/api/emails/{SOME_ID}", AzureWebJobsStorage=storage.connection_string)

    assert answer["error"]["code"] == "not_found"


def test_a_setting_that_is_used_and_missing_is_named():
    answer = ask(f"/api/emails/{SOME_ID}")

    assert [problem["message"].split()[0] for problem in answer["error"]["details"]] == ["MailerStorage"]


def test_a_typing_error_in_a_settings_name_is_told_all_the_same(storage):
    answer = ask(f"/api/emails/{SOME_ID}", AzureWebJobsStorage=storage.connection_string, MAILER_TABEL="other")

    assert "did you mean MAILER_TABLE?" in answer["error"]["message"]


def test_a_person_with_rights_on_the_storage_account_is_no_caller(storage):
    """Who may do what is asked of keys and apps; the account itself decides what a person may do."""
    nobody = json.dumps({"shop": {"key": "sha256:" + "0" * 64}})

    answer = ask(f"/api/emails/{SOME_ID}", AzureWebJobsStorage=storage.connection_string, MAILER_CALLERS=nobody)

    assert answer["error"]["code"] == "not_found"


def test_the_app_never_works_as_a_person():
    code = "import sys, function_app; from mailer import wiring; "
    code += "print(wiring.by_hand.is_set(), 'mailer.doors.direct' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )

    assert said.stdout.split() == ["False", "False"]
