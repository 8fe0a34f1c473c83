"""Microsoft Graph as the delivery uses it: the connection, and where its tokens come from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mailer.graph.connection import GraphConnection
from mailer.request.address import Address
from mailer.request.rendered import RenderedMail


class Tokens(Protocol):
    """Gives a token for Graph, another one than the refused; raises TryLater."""

    def token(self, refused: str | None = None) -> str: ...


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Every call raises the Refusal that says how it ended. A token that Graph refuses is renewed once."""

    connection: GraphConnection
    tokens: Callable[[], Tokens]

    def authorize(self) -> str:
        """A token for Graph."""
        return self.tokens().token()

    def send(self, mail: RenderedMail, token: str) -> str:
        """Send the mail by one call; returns Graph's request-id."""
        return self.connection.send(mail, token, renew=self._renew)

    def send_large(self, mail: RenderedMail, token: str, *, leaving: Callable[[], None]) -> str:
        """The same for a mail that one call cannot carry; `leaving` is called when it is about to leave."""
        return self.connection.send_large(mail, token, renew=self._renew, leaving=leaving)

    def clear_drafts(self, mail: RenderedMail, token: str) -> None:
        """Delete what attempts at this mail have left in Drafts."""
        self.connection.clear_drafts(mail, token, renew=self._renew)

    def is_sent(self, mail: str, sender: Address, token: str) -> bool:
        """Whether the mail lies in Sent Items."""
        return self.connection.is_sent(mail, sender, token, renew=self._renew)

    def send_nothing(self, sender: Address, token: str) -> tuple[int, str, str]:
        """Ask to send a mail to nobody: Graph's status (0 without an answer), its error code and its `Date`."""
        return self.connection.send_nothing(sender, token, renew=self._renew)

    def _renew(self, refused: str) -> str:
        return self.tokens().token(refused)
