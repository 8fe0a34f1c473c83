"""A test mail is followed through the running app."""

import pytest

from mailer.local.cloud.model import Fault
from tests.doctor.given import examined


@pytest.fixture(autouse=True)
def _settings(stack, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name, text in stack.settings().items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")


def test_a_test_mail_is_followed_until_it_is_sent():
    said = examined("--to", "ada@example.com")

    assert said.line("test_mail")["status"] == "ok"
    assert "was sent after" in said.line("test_mail")["what"]


def test_a_test_mail_that_graph_refuses_tells_why(stack):
    fault = Fault(call="sendMail", when="after", outcome="answer", status=400, code="ErrorInvalidRecipients", times=1)
    stack.control.fault(fault)

    said = examined("--to", "ada@example.com")

    stack.control.reset()
    assert said.line("test_mail")["status"] == "failed"
    assert "ErrorInvalidRecipients" in said.line("test_mail")["why"]
