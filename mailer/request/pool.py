"""A pool: mailboxes that share what they send. `from` may name one, with a name to show: `Contoso News <news>`."""

import re
from collections.abc import Mapping, Sequence

from pydantic import Field

from mailer.request.address import Address


class PoolAddress(Address):
    """The pool's first mailbox in place of the one that its turn will choose. `replies` is where answers go."""

    pool: str
    replies: Address
    #: What the caller wrote, which is what is kept and compared.
    asked: object = Field(repr=False)


Pools = Mapping[str, Sequence[Address]]


def pool_address(given: object, pools: Pools) -> PoolAddress | None:
    """The sender that a request's `from` stands for, if it names a pool."""
    name, shown = _parts(given)
    mailboxes = pools.get(name)
    if not mailboxes:
        return None
    first = mailboxes[0]
    replies = Address.model_construct(address=first.address, name=shown or first.name)
    return PoolAddress.model_construct(
        address=first.address, name=shown or first.name, pool=name, replies=replies, asked=given
    )


def pool_name(text: str) -> str:
    """The name in this text, before which a name to show may stand."""
    return _parts(text)[0]


def _parts(given: object) -> tuple[str, str]:
    """The pool's name and the name to show, in each form that an address has."""
    if isinstance(given, dict):
        name, shown = given.get("address"), given.get("name") or ""
        return (
            (name, shown)
            if isinstance(name, str) and isinstance(shown, str) and given.keys() <= {"address", "name"}
            else ("", "")
        )
    if not isinstance(given, str):
        return "", ""
    named = re.fullmatch(r'\s*"?([^"<>\r\n]*?)"?\s*<([^<>@]*)>\s*', given)
    return (named[2].strip(), named[1].strip()) if named else (given.strip(), "")
