"""What the text of a setting may be. Each function gives the value, or raises ValueError with a hint.

On the path of every cold start, therefore of the standard library alone.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

LONGEST = timedelta(days=3660)
LARGEST_MAIL = 150  # MB; the most that an Exchange Online mailbox can be set to
LOCAL = r"(?:[^@\s<>,;:\"()\[\]\\.*]+\.)*[^@\s<>,;:\"()\[\]\\.*]+"
DOMAIN = r"(?:(?!_)[\w-])+(?:\.(?:(?!_)[\w-])+)+"
_PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"  # the tenant of personal accounts
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class OnUncertain(StrEnum):
    """What to do with a mail that may or may not have left."""

    HOLD = "hold"
    RESEND = "resend"
    VERIFY = "verify"


def matching(pattern: str) -> Callable[[str], str]:
    """What matches this pattern as a whole."""

    def read(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError
        return text

    return read


def read_duration(text: str) -> timedelta:
    """A number and a unit, such as 90s, 30m, 48h or 7d. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if not match:
        message = "give a number and a unit: 90s, 30m, 48h or 7d"
        raise ValueError(message)
    length = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if length > LONGEST:
        message = f"give {LONGEST.days} days at most"
        raise ValueError(message)
    return length


def on_or_off(text: str) -> bool:
    """`on` or `off`."""
    return matching("on|off")(text) == "on"


def one_to_four(text: str) -> int:
    """A number from 1 to 4."""
    if text not in {"1", "2", "3", "4"}:
        raise ValueError
    return int(text)


def rate(text: str) -> int | None:
    """A number of mails a minute, such as 30/min; None for `off`."""
    if text == "off":
        return None
    match = re.fullmatch(r"([1-9]\d{0,3})/min", text)
    if not match:
        raise ValueError
    return int(match[1])


def daily(text: str) -> int | None:
    """A number of recipients; None for `off`."""
    if text == "off":
        return None
    if not re.fullmatch(r"[1-9]\d{0,6}", text):
        raise ValueError
    return int(text)


def pools(text: str) -> dict[str, tuple[str, ...]]:
    """Names with their mailboxes: `news=a@b.com,c@b.com; alerts=d@b.com`."""
    pools: dict[str, tuple[str, ...]] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        name, given, mailboxes = part.partition("=")
        if not given or not re.fullmatch(r"[a-z][a-z0-9-]{0,31}", name.strip()) or name.strip() in pools:
            message = f"'{name.strip()}' is no name of a pool, or is one twice: small letters, digits and hyphens"
            raise ValueError(message)
        pools[name.strip()] = senders(mailboxes)
    return pools


def url(text: str) -> str:
    """A URL that starts with https://, without a slash at its end."""
    url = urlsplit(text)
    if url.scheme != "https" or not url.hostname:
        message = "give a URL that starts with https://"
        raise ValueError(message)
    return text.rstrip("/")


def host_url(text: str) -> str:
    """A URL of a host and nothing more: a longer one was copied from somewhere else."""
    parts = urlsplit(url(text))
    if parts.path.casefold().startswith(("/secrets", "/keys", "/certificates")):
        message = "give the vault's URL alone, without /secrets/ and what follows"
        raise ValueError(message)
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        message = "give https:// and the host's name alone, with nothing after it"
        raise ValueError(message)
    return url(text)


def graph_url(text: str) -> str:
    """The host of Graph; its version may stand behind it."""
    return host_url(url(text).removesuffix("/v1.0"))


def tenant(text: str) -> str:
    """A tenant's id or domain."""
    if text.casefold() in {"common", "organizations", "consumers", _PERSONAL}:
        message = f"`{text.casefold()}` stands for people of any tenant, and an app signs in to one"
        raise ValueError(message)
    return matching(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)+")(text)


def senders(text: str) -> tuple[str, ...]:
    """One address each, separated by commas, each with a name or without."""
    # A comma inside quotes belongs to a name: "Shop, Contoso" <shop@contoso.com>
    senders = tuple(part.strip() for part in re.findall(r'(?:"[^"]*"|[^,"])+', text) if part.strip())
    if not senders:
        raise ValueError
    for sender in senders:
        if not re.fullmatch(rf'(?:"[^"@]*"|[^@<>";])*<{LOCAL}@{DOMAIN}>|{LOCAL}@{DOMAIN}', sender):
            message = f"'{sender}' is not one address"
            raise ValueError(message)
    return senders


def place(text: str) -> str:
    """The packaged templates, a folder, or the URL of a container."""
    url = urlsplit(text)
    if "://" in text and url.scheme != "https" and not is_loopback(text):
        message = "give a URL that starts with https://"
        raise ValueError(message)
    return text.rstrip("/")


def address(text: str) -> str | None:
    """One address, or nothing."""
    if text and not re.fullmatch(rf"{LOCAL}@{DOMAIN}", text):
        message = "give one address, without a name"
        raise ValueError(message)
    return text or None


def names(pattern: str) -> Callable[[str], tuple[str, ...]]:
    """Names that match this pattern, separated by commas."""

    def read(text: str) -> tuple[str, ...]:
        names = tuple(part.strip() for part in text.split(",") if part.strip())
        for name in names:
            if not re.fullmatch(pattern, name):
                message = f"not '{name}'; separate them by commas"
                raise ValueError(message)
        return names

    return read


def size(text: str) -> int:
    """A number of MB, in bytes."""
    match = re.fullmatch(r"(\d{1,3})MB", text)
    if not match or not 1 <= int(match[1]) <= LARGEST_MAIL:
        raise ValueError
    return int(match[1]) * 1024 * 1024


def on_uncertain(text: str) -> OnUncertain:
    """`hold`, `resend` or `verify`."""
    if text not in [*OnUncertain]:
        raise ValueError
    return OnUncertain(text)


def is_loopback(url: str) -> bool:
    """Whether the host of this URL is this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
