"""Instants as people give and read them."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from mailer.setting_texts import read_duration

FORMS = "30m, 24h or 7d back from now, or an ISO 8601 instant such as 2026-11-26T08:00Z"


def instant(text: str | None) -> str | None:
    """The instant in the form of the API, which is UTC where no offset is given; anything else is wrong use."""
    if text is None:
        return None
    try:
        return _iso(datetime.now(UTC) - read_duration(text))
    except ValueError:
        pass
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        message = f"'{text}' is no time: give {FORMS}"
        raise typer.BadParameter(message) from None
    return _iso(read if read.tzinfo else read.replace(tzinfo=UTC))


def shown(text: str | None) -> str:
    """An instant of the API as people read it, in UTC."""
    if not text:
        return ""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Since = Annotated[str | None, typer.Option(callback=instant, metavar="TIME", help=f"accepted since: {FORMS}")]
Until = Annotated[str | None, typer.Option(callback=instant, metavar="TIME", help="accepted before, in the same forms")]
