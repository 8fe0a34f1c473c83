"""Takes the recipients out of a mail that get no mail any more, whatever list they stand in."""

from collections.abc import Callable, Collection

from mailer.errors import Suppressed
from mailer.request.address import Address
from mailer.request.model import MailRequest

CODE = "recipient_suppressed"
LISTS = ("to", "cc", "bcc")

Among = Callable[[Collection[str]], Collection[str]]
"""Those of these addresses, in small letters, that get no mail; may raise TryLater."""


def split(request: MailRequest, among: Among) -> tuple[MailRequest, tuple[str, ...]]:
    """The request without its suppressed recipients, and their places in it, such as to[0]. Raises TryLater."""
    places = {
        f"{name}[{number}]": each.address.lower()
        for name in LISTS
        for number, each in enumerate(getattr(request, name))
    }
    suppressed = among(set(places.values()))
    if not suppressed:
        return request, ()

    def kept(recipients: tuple[Address, ...]) -> tuple[Address, ...]:
        return tuple(each for each in recipients if each.address.lower() not in suppressed)

    left = request.model_copy(update={name: kept(getattr(request, name)) for name in LISTS})
    return left, tuple(place for place, address in places.items() if address in suppressed)


def check_somebody_is_left(request: MailRequest) -> None:
    """Raises Suppressed."""
    if not request.recipients:
        message = (
            "Each recipient is on the list of suppressed addresses, so that nobody is left. If one is to get mail "
            "again: python -m mailer suppress ADDRESS --lift, and a minute later replay this mail."
        )
        raise Suppressed(message, code=CODE)
