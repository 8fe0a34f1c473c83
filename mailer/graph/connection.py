"""A RenderedMail to Microsoft Graph, over one requests.Session. Knows connections; what replies mean is wire.py's."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import urllib3.exceptions

from mailer.errors import Misconfigured, TryLater, Uncertain
from mailer.graph import wire
from mailer.graph.whole_answer import WholeAnswerAdapter
from mailer.http_session import KeptSession, requests
from mailer.request.address import Address
from mailer.request.json_object import write_object
from mailer.request.rendered import RenderedMail

if TYPE_CHECKING:
    from mailer.graph import upload

log = logging.getLogger("mailer.send")

CONNECT_WITHIN = 5.0  # seconds
ANSWER_WITHIN = 60.0  # seconds, for the whole of it; Graph takes long over large mails
IDLE_FOR = 60.0  # seconds after which a firewall may have dropped a kept connection without a word


class GraphConnection:
    """One session for a worker, used by all its threads."""

    def __init__(self, url: str, *, session: requests.Session | None = None) -> None:
        self._url = url
        self._session = KeptSession(session, adapter=WholeAnswerAdapter)
        self._last_used = time.monotonic()

    def send(self, mail: RenderedMail, token: str, *, renew: Callable[[str], str]) -> str:
        """Send the mail by one call and return Graph's request-id; raises the Refusal that says how it ended.

        A 401 is answered once with the token that `renew` gives for the refused one.
        """
        reply = self._calls(mail.id, token, renew)("POST", wire.send_mail_path(mail.sender), wire.send_mail_body(mail))
        return wire.check_reply(reply.status_code, reply.headers, reply.content)

    def send_large(
        self, mail: RenderedMail, token: str, *, renew: Callable[[str], str], leaving: Callable[[], None]
    ) -> str:
        """The same for a mail that one call cannot carry; `leaving` is called when it is about to leave."""
        from mailer.graph import upload  # noqa: PLC0415 - few mails are that large

        return upload.send_large(mail, ask=self._calls(mail.id, token, renew), transfer=self._transfer, leaving=leaving)

    def clear_drafts(self, mail: RenderedMail, token: str, *, renew: Callable[[str], str]) -> None:
        """Delete what attempts at this mail have left in Drafts; raises the Refusal that says why it cannot be done."""
        from mailer.graph import upload  # noqa: PLC0415 - as above

        upload.clear_drafts(mail, ask=self._calls(mail.id, token, renew), transfer=self._transfer)

    def is_sent(self, mail: str, sender: Address, token: str, *, renew: Callable[[str], str]) -> bool:
        """Whether the mail lies in Sent Items; raises CannotLook without the permission, TryLater."""
        try:
            reply = self._calls(mail, token, renew)("GET", wire.sent_items_path(mail, sender))
        except Uncertain as doubt:  # looking changes nothing
            raise TryLater(str(doubt), code=doubt.code) from doubt
        wanted = wire.message_id(mail, sender)
        return wire.read_sent_items(reply.status_code, reply.headers, reply.content, wanted)

    def send_nothing(self, sender: Address, token: str, *, renew: Callable[[str], str]) -> tuple[int, str, str]:
        """Ask to send a mail to nobody: Graph's status (0 without an answer), its error code and its `Date`."""
        try:
            reply = self._calls("health", token, renew)("POST", wire.send_mail_path(sender), wire.TO_NOBODY)
        except (TryLater, Uncertain) as failure:
            return 0, failure.code, ""
        return reply.status_code, wire.error_code(reply.content), reply.headers.get("Date", "")

    def _calls(self, mail: str, token: str, renew: Callable[[str], str]) -> "upload.Ask":
        """Authorised calls for one mail, each repeated once with a new token when Graph refuses the one in use."""

        def ask(method: str, path: str, content: Mapping[str, Any] | None = None) -> requests.Response:
            nonlocal token
            body = None if content is None else write_object(content)
            reply = self._request(method, self._url + path, wire.request_headers(mail, token), body)
            if reply.status_code == requests.codes.unauthorized:
                token = renew(token)
                reply = self._request(method, self._url + path, wire.request_headers(mail, token), body)
            return reply

        return ask

    def _transfer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> requests.Response:
        if not url.startswith("https://"):
            message = "Graph gave an upload URL without https, which is not used."
            raise TryLater(message, code="unreadable_answer")
        return self._request(method, url, headers, body)

    def _request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> requests.Response:
        """Raises TryLater where nothing can have left, Uncertain where the mail may have."""
        idle, self._last_used = time.monotonic() - self._last_used, time.monotonic()
        if idle > IDLE_FOR:
            self._session.close()
        try:
            reply = self._session.request(
                method, url, headers=headers, body=body, timeout=(CONNECT_WITHIN, ANSWER_WITHIN)
            )
            if reply.status_code == requests.codes.misdirected_request:
                self._session.close()  # the next try takes another connection
            return reply  # noqa: TRY300 - the whole call may fail
        except requests.RequestException as error:
            if _untrusted(error):
                message = (
                    "There is no trusted connection to Microsoft Graph. Check MAILER_GRAPH_URL, REQUESTS_CA_BUNDLE and "
                    f"the proxy settings ({type(error).__name__})."
                )
                raise Misconfigured(message, code="graph_untrusted") from error
            if _never_left(error):
                message = f"Microsoft Graph cannot be reached ({type(error).__name__})."
                raise TryLater(message, code="graph_unreachable") from error
            message = f"The connection to Microsoft Graph ended without an answer ({type(error).__name__})."
            raise Uncertain(message, code="no_answer") from error
        except OSError as error:  # what requests says of a missing certificate bundle, before it connects
            message = f"The setting REQUESTS_CA_BUNDLE names no readable certificate bundle ({type(error).__name__})."
            raise Misconfigured(message, code="graph_untrusted") from error


def _untrusted(error: requests.RequestException) -> bool:
    """Whether the certificate was refused. Any other TLS fault may also strike while the answer is read."""
    return isinstance(error, requests.exceptions.ProxyError) or "CERTIFICATE_VERIFY_FAILED" in str(_reason(error))


def _never_left(error: requests.RequestException) -> bool:
    """Whether the connection was never made, so that no byte of the mail has left."""
    return isinstance(error, requests.exceptions.ConnectTimeout) or isinstance(
        _reason(error), urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError
    )


def _reason(error: requests.RequestException) -> BaseException | None:
    """What urllib3 gave up for."""
    return getattr(error.args[0], "reason", None) if error.args else None
