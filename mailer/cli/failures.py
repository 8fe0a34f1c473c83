"""What went wrong, by cause: `python -m mailer failures`."""

from mailer.cli import options, reach
from mailer.cli.output import as_lines, facts, note, say
from mailer.cli.times import Since, shown

EXAMPLES = """\b
Examples:
python -m mailer failures
python -m mailer failures --since 7d --json
"""


def failures(
    *,
    since: Since = "24h",
    url: reach.Url = None,
    key: reach.Key = None,
    as_json: options.Json = False,
) -> None:
    """Show failed, uncertain and hindered mails by their cause, each with what to do."""
    answer = reach.client(url, key).get("failures", since=since)
    groups = answer["value"]
    if as_json:
        as_lines(*groups)
        return
    if not groups:
        note("Nothing has failed, is in doubt or waits for somebody to mend it.")
    for number, group in enumerate(groups):
        if number:
            say("")
        say(f"{group['code']}  {group['count']} {group['status']}", "bold")
        facts(
            {
                "oldest": shown(group["oldest"]),
                "newest": shown(group["newest"]),
                "such as": " ".join(group["ids"]),
                "what": group["message"],
                "do": group["cure"],
                "then": _then(group["status"], group["code"]),
                "beware": "sent again, these may arrive twice" if group["may_double"] else None,
            }
        )
    if answer.get("partial"):
        note("There may be more than was counted: not all mails could be looked through in one call. Narrow --since.")


def _then(status: str, code: str) -> str:
    command = "retry" if status in {"queued", "scheduled"} else "replay"
    return f"python -m mailer {command} --code {code}"
