"""What replay, retry, cancel and release share: many mails, how many may arrive twice, and one question before."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer

from mailer.cli.client import Client, NoAnswer, Refused
from mailer.cli.output import as_lines, followed, note, say, table
from mailer.cli.screen import interactive

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="the mails")]
Code = Annotated[str | None, typer.Option(metavar="CODE", help="all mails with this error code")]
Plan = Mapping[str, Any]  # {code, count, may_double, dry_run}

DONE = {"replay": "queued again", "retry": "let go", "cancel": "canceled", "release": "released"}


def one_by_one(names: Iterable[str], act: Callable[[str], None]) -> int:
    """Do this to each of them, telling beside its name what was refused; how many were.

    Without an answer the others are left: raises typer.Exit.
    """
    refused = 0
    for name in names:
        try:
            act(name)
        except Refused as words:
            refused += 1
            note(f"{name}: {words}")
        except NoAnswer as silent:
            note(f"{name}: {silent}")
            raise typer.Exit(1) from silent
    return refused


def change_each(client: Client, ids: Sequence[str], action: str, *, as_json: bool) -> int:
    """Do this to each of the mails; the exit code."""

    def change(mail: str) -> None:
        record = client.post("emails", mail, action)
        if as_json:
            as_lines(record)

    refused = one_by_one(followed(ids, action), change)
    if not as_json:
        say(f"{_mails(len(ids) - refused)} {DONE[action]}" + (f", {refused} not" if refused else ""))
    return 1 if refused else 0


def change_causes(
    client: Client, codes: Sequence[str], action: str, *, span: Mapping[str, str], yes: bool, as_json: bool
) -> int:
    """Count the mails of each cause, ask once, and let the app go through them in the background; the exit code."""
    plans = [client.post("failures", code, action, body={**span, "dry_run": True}) for code in codes]
    plans = [plan for plan in plans if plan["count"]]
    if not as_json and plans:
        table(("error", "mails", "may arrive twice"), [(p["code"], str(p["count"]), str(doubles(p))) for p in plans])
    if not agreed(action, sum(plan["count"] for plan in plans), sum(map(doubles, plans)), yes=yes):
        if as_json:
            as_lines(*plans)
        return 0
    for plan in plans:
        done = client.post("failures", plan["code"], action, body={**span, "dry_run": False})
        if as_json:
            as_lines(done)
        else:
            say(f"{done['code']}: {_mails(done['count'])}; the app goes through them in the background")
    if not as_json:
        note("`python -m mailer failures` shows how far it has come.")
    return 0


def agreed(action: str, count: int, twice: int, *, yes: bool) -> bool:
    """Whether it is to be done: somebody says so, or has said so by --yes. Tells first what may arrive twice."""
    beware = f", of which {twice} may arrive twice" if twice else ", none of which can arrive twice"
    note(f"{_mails(count)} to {action}{beware if count and action == 'replay' else ''}.")
    if yes or not count:
        return bool(count)
    if not interactive():
        note("Nothing was changed. --yes does it.")
        return False
    return typer.confirm(f"{action.capitalize()} {'it' if count == 1 else 'them'}?")


def doubles(plan: Plan) -> int:
    """How many of the mails may arrive twice; where the app only knows that some may, all of them."""
    may = plan["may_double"]
    return (plan["count"] if may else 0) if isinstance(may, bool) else int(may)


def span_of(since: str | None, until: str | None) -> dict[str, str]:
    """The times that a call takes, without those that are open."""
    return {name: value for name, value in (("since", since), ("until", until)) if value}


def only_one(ids: Sequence[str] | None, **others: object) -> None:
    """Mails by their ids or by something else: both is wrong use."""
    given = [name for name, value in others.items() if value]
    if ids and given:
        message = f"give ids or --{given[0]}, not both"
        raise typer.BadParameter(message)


def _mails(count: int) -> str:
    return f"{count} mail{'' if count == 1 else 's'}"
