"""What Entra's codes mean."""

import pytest
from azure.core.exceptions import ClientAuthenticationError

from mailer.errors import Misconfigured, TryLater
from mailer.identity.entra import _refusal


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AADSTS7000215", Misconfigured),
        ("AADSTS7000222", Misconfigured),
        ("AADSTS7000218", Misconfigured),
        ("AADSTS700027", Misconfigured),
        ("AADSTS700016", Misconfigured),
        ("AADSTS7000112", Misconfigured),
        ("AADSTS90002", Misconfigured),
        ("AADSTS900023", Misconfigured),
        ("AADSTS500011", Misconfigured),
        ("AADSTS70011", Misconfigured),
        ("AADSTS1002012", Misconfigured),
        ("AADSTS50194", Misconfigured),
        ("AADSTS9001023", Misconfigured),
        ("AADSTS900382", Misconfigured),
        ("AADSTS900432", Misconfigured),
        ("AADSTS90038", Misconfigured),
        ("AADSTS53003", Misconfigured),
        ("AADSTS65001", Misconfigured),
        ("AADSTS50034", Misconfigured),
        ("AADSTS700213", Misconfigured),
        ("AADSTS50196", TryLater),
        ("AADSTS90055", TryLater),
        ("AADSTS90006", TryLater),
        ("AADSTS90012", TryLater),
        ("AADSTS90024", TryLater),
        ("AADSTS90033", TryLater),
        ("AADSTS90090", TryLater),
    ],
)
def test_a_code_of_entras_means(code, kind):
    refusal = _refusal(ClientAuthenticationError(f"{code}: Something about the tenant. Trace ID: 1"))

    assert (type(refusal), refusal.code) == (kind, code)
    assert "Trace" not in str(refusal)


def test_a_failure_without_a_code_may_pass():
    refusal = _refusal(ClientAuthenticationError("HTTP Error: 503"))

    assert (type(refusal), refusal.code) == (TryLater, "token_unavailable")
