"""Where the commands find mailer: a deployed app by --url and a key, or what the settings name, by one's own rights."""

import logging
import sys
from collections.abc import Mapping
from http import HTTPStatus
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

import typer

from mailer.cli import options
from mailer.cli.client import PREFIX, Call, Client, by_rights, by_url
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
    call = by_url(base(url), (key or "").strip())
    return Client(call if key is not None or not sys.stdin.isatty() else _asking(call, url))


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


def _asking(call: Call, url: str) -> Call:
    """The same call, which asks for a key where the app wants one: somebody types it, unseen."""

    def asking(method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        nonlocal call
        status, answer = call(method, path, headers, body)
        if status != HTTPStatus.UNAUTHORIZED:
            return status, answer
        call = by_url(base(url), str(typer.prompt(f"Function key of {url}", hide_input=True, err=True)).strip())
        return call(method, path, headers, body)

    return asking
