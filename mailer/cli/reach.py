"""Where the commands find mailer: a deployed app by --url and a key, or what the settings name, by one's own rights."""

import logging
import sys
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

import typer

from mailer.cli import options
from mailer.cli.client import PREFIX, Client, by_rights, by_url
from mailer.doors.direct import Direct

Url = Annotated[
    str | None,
    typer.Option(
        envvar=options.URL,
        metavar="URL",
        help="a deployed app, such as https://NAME.azurewebsites.net; "
        "without it the storage account of the settings, with your own rights",
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        envvar=options.KEY,
        metavar="KEY",
        show_default=False,
        help="its function key: best in the environment, for others can read a command line; else it is asked for",
    ),
]


def client(url: str | None, key: str | None) -> Client:
    """The API where it is to be called; a wrong address is wrong use."""
    options.forget_own()
    if url is None:
        return Client(by_rights(own_rights()))
    return Client(by_url(base(url), key if key is not None else _asked(url)))


def own_rights() -> Direct:
    """The doors in this process, on the storage account and the Graph of the settings."""
    options.forget_own()
    direct = Direct()
    logging.getLogger("azure").setLevel(logging.CRITICAL)  # the SDKs tell at length what one sentence says here
    return direct


def base(url: str) -> str:
    """Scheme and host of the app; what follows is the API's own business."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    try:
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"} or parts.path.rstrip("/") not in {"", PREFIX} or parts.query:
        message = f"'{url}' is no address of an app: give it as https://NAME.azurewebsites.net"
        raise typer.BadParameter(message, param_hint="--url")
    if parts.scheme == "http" and not _is_loopback(host):
        message = "http:// would show the key to everybody on the way: give the address with https://"
        raise typer.BadParameter(message, param_hint="--url")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _asked(url: str) -> str:
    """The key as somebody types it, unseen; none for an app on this machine, which asks for none."""
    if sys.stdin.isatty():
        key: str = typer.prompt(f"Function key of {url}", hide_input=True, default="", show_default=False, err=True)
        return key
    return ""
