"""Who gets no mail any more: `python -m mailer suppress ADDRESS`."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from mailer.cli import options, reach
from mailer.cli.changes import one_by_one
from mailer.cli.client import Client
from mailer.cli.output import as_lines, note, say, table
from mailer.cli.times import shown

EXAMPLES = """\b
Examples:
python -m mailer suppress bob@example.com --reason "asked for it by phone"
python -m mailer suppress bob@example.com --check
python -m mailer suppress bob@example.com --lift
python -m mailer suppress
"""
PAGE = "100"  # entries, the most that a call gives
IN_FORCE = "within a minute"

Said = Mapping[str, Any]  # what the API says of an address, with the address beside it


def suppress(
    addresses: Annotated[
        list[str] | None, typer.Argument(metavar="[ADDRESS]...", help="who; without any, all entries are listed")
    ] = None,
    *,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="why, in a few words that hold no address")] = None,
    lift: Annotated[bool, typer.Option("--lift", help="let them get mail again")] = False,
    check: Annotated[bool, typer.Option("--check", help="tell whether they are suppressed; change nothing")] = False,
    url: reach.Url = None,
    key: reach.Key = None,
    as_json: options.Json = False,
) -> None:
    """Send addresses nothing any more, or lift that, or tell whether it is so.

    mailer keeps a keyed hash of each address, and never the address itself.
    """
    _check_use(addresses, reason=reason, lift=lift, check=check)
    client = reach.client(url, key)
    if not addresses:
        _list(client, as_json=as_json)
        return
    act = _lift if lift else _look if check else _suppress(reason)
    raise typer.Exit(_each(addresses, lambda address: act(client, address), as_json=as_json))


def _check_use(addresses: Sequence[str] | None, *, reason: str | None, lift: bool, check: bool) -> None:
    if lift and check:
        message = "give --lift or --check, not both"
        raise typer.BadParameter(message)
    if reason is not None and (lift or check or not addresses):
        message = "--reason says why addresses are suppressed: give it with their addresses, and with nothing else"
        raise typer.BadParameter(message)
    if (lift or check) and not addresses:
        message = "say whose: the addresses"
        raise typer.BadParameter(message)


def _each(addresses: Sequence[str], act: Callable[[str], tuple[Said, str]], *, as_json: bool) -> int:
    """Do this for each of the addresses, and tell what came of it; the exit code."""

    def tell(address: str) -> None:
        said, words = act(address)
        if as_json:
            as_lines(said)
        else:
            say(f"{address} {words}")

    return 1 if one_by_one(addresses, tell) else 0


def _suppress(reason: str | None) -> Callable[[Client, str], tuple[Said, str]]:
    def act(client: Client, address: str) -> tuple[Said, str]:
        before = _found(client, address)
        if before:
            return _said(address, before), f"was suppressed already, {_about(before)}"
        body = {"address": address} | ({"reason": reason} if reason else {})
        return _said(address, client.post("suppressions", body=body)), f"gets no mail any more, {IN_FORCE}."

    return act


def _lift(client: Client, address: str) -> tuple[Said, str]:
    before = _found(client, address)
    client.delete("suppressions", address=address)
    return _said(address, None), f"gets mail again, {IN_FORCE}." if before else "was not suppressed."


def _look(client: Client, address: str) -> tuple[Said, str]:
    found = _found(client, address)
    return _said(address, found), f"is suppressed {_about(found)}" if found else "is not suppressed."


def _found(client: Client, address: str) -> Said | None:
    return next(iter(client.get("suppressions", address=address)["value"]), None)


def _said(address: str, entry: Said | None) -> Said:
    return {"address": address, "suppressed": entry is not None, **(entry or {})}


def _about(entry: Said) -> str:
    by = f" by {entry['by']}" if entry["by"] else ""
    return f"since {shown(entry['since'])} UTC{by}{': ' + entry['reason'] if entry['reason'] else ''}."


def _list(client: Client, *, as_json: bool) -> None:
    entries: Iterator[Said] = itertools.chain.from_iterable(client.pages("suppressions", limit=PAGE))
    if as_json:
        for entry in entries:
            as_lines(entry)
        return
    rows = [(shown(one["since"]), one["by"] or "", one["reason"] or "", one["hash"]) for one in entries]
    if rows:
        table(("since (UTC)", "by", "reason", "hash of the address"), rows)
    note(f"{len(rows) or 'No'} suppressed address{'' if len(rows) == 1 else 'es'}.")
