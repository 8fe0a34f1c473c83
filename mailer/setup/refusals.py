"""What a refusal of Entra or Graph means while setting up, and who can help.

https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent
https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from mailer.setup.steps import Stopped

REGISTER = "Application Developer, Cloud Application Administrator or Application Administrator"
CONSENT = "Privileged Role Administrator or Global Administrator"
EXCHANGE = "Exchange Administrator (Organization Management)"


class Refused(Exception):
    """Graph has refused a call."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        self.message = message
        super().__init__(f"{status} {code}: {message}")


@contextmanager
def helped(doing: str, *, role: str, scope: str) -> Iterator[None]:
    """Raises Stopped for a refusal, naming the Entra role and the delegated scope that this needs."""
    try:
        yield
    except Refused as refused:
        raise explain(refused, doing, role=role, scope=scope) from refused


def explain(refused: Refused, doing: str, *, role: str, scope: str) -> Stopped:
    """The refusal in words."""
    said = f"Graph answered {refused.status} {refused.code}".rstrip()
    if cure := _BY_CODE.get(refused.code):
        return Stopped(f"The tenant's policy does not allow to {doing} ({said}).", cure)
    if refused.status in {401, 403}:
        cure = (
            f"It takes the Entra role {role}, and the scope {scope} for whoever signs in without az. Ask somebody with "
            "that role to run this command, or to give it to you for a while (Privileged Identity Management)."
        )
        return Stopped(f"You may not {doing} ({said}).", cure)
    cure = "Look at the message; run the command again once it is mended, for it goes on where it stopped."
    return Stopped(f"Graph did not {doing}: {said}: {refused.message}", cure)


_BY_CODE = {
    "CredentialInvalidLifetimeAsPerAppPolicy": (
        "Ask for a shorter one, such as --lifetime 30d, or do without a secret: --auth federated. The policy is at "
        "Entra > Enterprise applications > Application policies; a Cloud Application Administrator can change it."
    ),
    "CredentialTypeNotAllowedAsPerAppPolicy": (
        "Do without a client secret: --auth federated --identity PRINCIPAL_ID, or --auth certificate. The policy is at "
        "Entra > Enterprise applications > Application policies; a Cloud Application Administrator can change it."
    ),
}

_DEVICE = "Sign in with `az login` instead, or on a machine with a browser: --sign-in browser."
_CONSENT = (
    f"A {CONSENT} has to consent to Microsoft Graph Command Line Tools in this tenant, or to run this command. "
    "With `az login` no such consent is needed."
)
_SIGN_IN = {
    "AADSTS53003": f"A Conditional Access policy blocks it, often 'Block device code flow'. {_DEVICE}",
    "AADSTS50199": f"The sign-in was not confirmed. {_DEVICE}",
    "AADSTS53000": "Conditional Access asks for a compliant device: sign in on one.",
    "AADSTS65001": _CONSENT,
    "AADSTS90094": _CONSENT,
    "AADSTS65004": _CONSENT,
    "AADSTS65002": "This client may not have that scope: sign in another way (--sign-in).",
    "AADSTS70019": "The code was not entered in time. Run the command again.",
    "AADSTS70020": "The code was not entered in time. Run the command again.",
    "AADSTS50020": "This account is no member of the tenant: sign in with another one, or mend --tenant.",
    "AADSTS50076": "The tenant asks for a second factor: sign in again, `az login --tenant TENANT`.",
    "AADSTS50105": "The tenant lets only chosen people use this client; ask a Cloud Application Administrator.",
    "AADSTS700016": "The tenant does not know this client: sign in another way (--sign-in), or mend --tenant.",
    "AADSTS90002": "There is no such tenant: mend --tenant (MAILER_TENANT_ID) and --authority (MAILER_AUTHORITY_HOST).",
    "AADSTS900023": "There is no such tenant: mend --tenant (MAILER_TENANT_ID).",
}
_PASSING = "Is the network up, and a proxy set (HTTPS_PROXY)? Behind a proxy of your own, REQUESTS_CA_BUNDLE."


def no_sign_in(error: Exception, way: str) -> Stopped:
    """What a sign-in that failed means."""
    text = " ".join(str(error).split())
    found = re.search(r"AADSTS\d+", text)
    code = found[0] if found else "AADSTS90002" if "authority configuration" in text else ""
    if "declined" in text.lower() and not code:
        return Stopped(f"The sign-in by {way} was declined.", "Run the command again and accept it.")
    if not code and "imed out" in text:
        return Stopped(f"Nobody signed in by {way}.", "Run the command again, or choose another way with --sign-in.")
    cure = _SIGN_IN.get(code, "Look the code up at https://login.microsoftonline.com/error." if code else _PASSING)
    return Stopped(f"The sign-in by {way} failed{f' ({code})' if code else ''}: {text[:200]}", cure)
