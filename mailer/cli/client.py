"""Calls of mailer's API: of a deployed app with a key, or of the same doors in this process with a person's own rights.

Every command is written once, against what the API answers.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import requests

from mailer.doors.direct import Reply
from mailer.errors import MailerError

TIMEOUT = (10, 240)  # seconds to connect, and for an answer: a call to the app may take four minutes
PREFIX = "/api"

Call = Callable[[str, str, Mapping[str, str], bytes], tuple[int, bytes]]
"""From method, path with query, headers and body to status and body of the answer; raises NoAnswer."""


class Refused(MailerError):
    """The call was answered with an error; the text says what to do."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        super().__init__(message)


class NoAnswer(MailerError):
    """Nobody answered the call."""

    code = "no_answer"


@dataclass(frozen=True, slots=True)
class Client:
    """The API as the commands call it; each call raises Refused, NoAnswer."""

    call: Call

    def get(self, *path: str, **query: str | None) -> dict[str, Any]:
        """What is there."""
        return self._asked("GET", path, query)

    def post(self, *path: str, body: object = None, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What came of it."""
        return self._asked("POST", path, body=body, headers=headers)

    def delete(self, *path: str, **query: str | None) -> None:
        """It is no more."""
        self._asked("DELETE", path, query)

    def pages(self, *path: str, **query: str | None) -> Iterator[list[dict[str, Any]]]:
        """A list, page by page; a page may be empty while there are more."""
        while True:
            answer = self.get(*path, **query)
            yield answer["value"]
            if "nextLink" not in answer:
                return
            # Only its query is followed: wherever the link leads, the key goes to no other host.
            query = {name: values[-1] for name, values in parse_qs(urlsplit(answer["nextLink"]).query).items()}

    def health(self) -> dict[str, Any]:
        """What works and what does not, whatever the status of the answer."""
        status, body = self.call("GET", f"{PREFIX}/health", {}, b"")
        content = _read(body)
        return content if "parts" in content else _checked(status, content)

    def _asked(
        self,
        method: str,
        path: tuple[str, ...],
        query: Mapping[str, str | None] | None = None,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        url = "/".join([PREFIX, *(quote(part, safe="") for part in path)]) + (f"?{urlencode(given)}" if given else "")
        sent = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        status, answer = self.call(method, url, headers or {}, sent)
        return _checked(status, _read(answer))


def by_rights(direct: Callable[[str, str, Mapping[str, str], bytes], Reply]) -> Call:
    """The doors in this process."""

    def call(method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        reply = direct(method, url, headers, body)
        return reply.status, reply.body

    return call


def by_url(base: str, key: str) -> Call:
    """A deployed app; the key goes in a header, which no log of a server shows."""
    session = requests.Session()

    def call(method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        sent = {"x-functions-key": key, "Content-Type": "application/json", **headers}
        try:
            # A redirection leads to a page for signing in, or to somebody else, who must not get the key.
            answer = session.request(
                method, base + url, headers=sent, data=body, timeout=TIMEOUT, allow_redirects=False
            )
        except requests.Timeout as error:
            raise NoAnswer(
                f"The app at {base} did not answer in time. What was asked may be done all the same."
            ) from error
        except requests.RequestException as error:
            raise NoAnswer(f"The app at {base} cannot be reached ({_reason(error)}). Is the address right?") from error
        return answer.status_code, answer.content

    return call


def _reason(error: BaseException) -> str:
    """The innermost reason in few words; the texts around it name objects in memory."""
    inner: BaseException | None = error
    while inner:
        error, inner = inner, getattr(inner, "reason", None) or inner.__cause__ or inner.__context__
        if not isinstance(inner, BaseException):
            break
    return str(getattr(error, "strerror", None) or type(error).__name__)


def _read(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {"value": content}


def _checked(status: int, content: dict[str, Any]) -> dict[str, Any]:
    """The answer's content; raises Refused."""
    if status == HTTPStatus.NO_CONTENT or (status < HTTPStatus.MULTIPLE_CHOICES and content):
        return content
    error = content.get("error")
    if isinstance(error, dict):
        details = [str(one["message"]) for one in error.get("details", [])]
        said = "\n".join(details) if len(details) > 1 else str(error["message"])
        said += next(
            (f" {cure}" for mark, cure in _STORAGE if mark in said and error["code"] == "storage_unavailable"), ""
        )
        raise Refused(status, error["code"], said)
    raise Refused(status, f"http_{status}", _WITHOUT_MAILER.get(status, _ANY.format(status=status)))


# What a person does whom storage does not let in; a deployed app says the same of its own identity.
_STORAGE = (
    ("ClientAuthenticationError", "Nobody is signed in here who may use it: `az login`, or see to the app's identity."),
    (
        "status 403",
        "It takes the roles Storage Table, Queue and Blob Data Contributor on the account, or its firewall is shut.",
    ),
    (
        "ServiceRequestError",
        "Are the storage account's name and network right? `python -m mailer doctor` looks closer.",
    ),
)
# Answers of the host, or of what stands before it: they carry no error of mailer's.
_ANY = (
    "The answer has the status {status} and is none of mailer's. Is this the address of its app, and is that running?"
)
_WITHOUT_MAILER = {
    302: "The app wants somebody to sign in (302). Let its authentication pass calls that bring a key.",
    401: "The app does not take this key. Take a function or host key from the portal, and give it as MAILER_KEY.",
    403: "The app does not let this machine in (403). Look at its access restrictions in the portal.",
    404: "There is no such call at this address. Is it that of mailer's app, and has that the same version?",
    503: "The app is not running at this moment (503). Look at it in the portal, or wait while it starts.",
}
