"""What went wrong, by cause: `python -m mailer failures`."""

from collections.abc import Mapping
from typing import Any

from mailer.cli import options, reach
from mailer.cli.output import as_lines, facts, note, say, table
from mailer.cli.times import Since, shown

EXAMPLES = """\b
Examples:
python -m mailer failures
python -m mailer failures --since 7d --json
"""
JOB_HEADS = ("replayed, retried", "error", "by", "asked for (UTC)", "mails", "left out", "ended (UTC)")


def failures(
    *,
    since: Since = "24h",
    url: reach.Url = None,
    key: reach.Key = None,
    as_json: options.Json = False,
) -> None:
    """Show failed, uncertain and hindered mails by their cause, each with what to do.

    And how far replays and retries by cause have come, until a day after their end; --json has a line for each of
    them, too, with an `action`.
    """
    answer = reach.client(url, key).get("failures", since=since)
    groups, jobs = answer["value"], answer.get("jobs", ())
    if as_json:
        as_lines(*groups, *jobs)
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
    if jobs:
        say("")
        table(JOB_HEADS, [_progress(job) for job in jobs])
    if answer.get("partial"):
        note("There may be more than was counted: not all mails could be looked through in one call. Narrow --since.")


def _progress(job: Mapping[str, Any]) -> tuple[str, ...]:
    """How far a replay or retry has come, as a line of a table."""
    about = f"{'at least ' if job['partial'] else ''}{job['count']}"
    ended = {"running": "goes on", "given_up": f"given up {shown(job['ended_at'])}"}
    return (
        job["action"],
        job["code"],
        job["by"] or "",
        shown(job["asked_at"]),
        f"{job['done']} of {about}",
        str(job["left_out"] or ""),
        ended.get(job["status"], shown(job["ended_at"])),
    )


def _then(status: str, code: str) -> str:
    command = "retry" if status in {"queued", "scheduled"} else "replay"
    return f"python -m mailer {command} --code {code}"
