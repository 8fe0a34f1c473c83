"""How the Azure SDKs may use the network, and what it means when they get no answer."""

import re
from typing import Any

from azure.core.pipeline.transport import RequestsTransport

from mailer.errors import Misconfigured, TryLater
from mailer.http_session import sharing_session

# The SDKs' own are 300 seconds and several attempts, for which one hung endpoint would hold a thread.
NETWORK: dict[str, Any] = {"connection_timeout": 4, "read_timeout": 8, "retry_total": 1}


def network() -> dict[str, Any]:
    """The same for a client of a worker, whose connections share what was read of the trusted authorities."""
    return NETWORK | {"transport": RequestsTransport(session=sharing_session(), **NETWORK)}


# The SDKs wrap and join errors, so that only their texts tell.
_UNTRUSTED = re.compile(r"CERTIFICATE_VERIFY_FAILED|TLS CA certificate bundle")
_NO_NAME = re.compile(r"Failed to resolve|Name or service not known|getaddrinfo failed|name resolution")
_NO_DNS = re.compile(r"Errno -3\]|Temporary failure")  # says nothing of the name
_PASSING = re.compile(r"\) (429|5\d\d),|Expecting value|[Cc]onnection")


def no_answer(service: str, error: BaseException, *, code: str, setting: str) -> TryLater:
    """What to raise when a service did not answer: it may soon, unless its name or its certificate is wrong.

    `setting` is the one that holds the service's URL.
    """
    reason = type(error).__name__
    if _UNTRUSTED.search(str(error)):
        message = f"There is no trusted connection to {service} ({reason}). Check REQUESTS_CA_BUNDLE and the proxy."
        return Misconfigured(message, code=code)
    if _NO_NAME.search(str(error)):
        message = f"The name of {service} does not resolve. Check {setting}, the network's DNS and its proxy."
        return (TryLater if _NO_DNS.search(str(error)) else Misconfigured)(message, code=code)
    return TryLater(f"There is no answer from {service} now ({reason}); mailer tries again by itself.", code=code)


def no_identity(error: BaseException, *, code: str) -> TryLater:
    """What to raise when the app got no token of its own identity.

    https://learn.microsoft.com/azure/app-service/overview-managed-identity
    """
    if _UNTRUSTED.search(str(error)) or _PASSING.search(str(error)):
        return no_answer("the endpoint of the app's managed identity", error, code=code, setting="IDENTITY_ENDPOINT")
    message = (
        "The app got no token of its own identity. Switch its managed identity on; a user-assigned one is named by "
        "AZURE_CLIENT_ID. On your own machine, sign in with `az login`."
    )
    return Misconfigured(message, code=code)
