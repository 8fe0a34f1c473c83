"""The clock of this machine against that of a server."""

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

NOTABLE, HARMFUL = timedelta(seconds=30), timedelta(minutes=5)  # Entra and storage allow 5 to 15 minutes
WHY = "Tokens and signatures carry times: those that seem to be of the future or too old are refused."
CURE = "Set the clock by NTP (timedatectl set-ntp true); in a virtual machine see to its host's time."


def skew(date: str, *, before: datetime, after: datetime) -> timedelta | None:
    """How far a server's clock is ahead, by its answer's `Date` and the middle of the request; None without a date."""
    try:
        return parsedate_to_datetime(date) - (before + (after - before) / 2)
    except (TypeError, ValueError):
        return None


def told(ahead: timedelta, name: str) -> str:
    """How far this machine's clock is off that of the named server."""
    seconds = round(abs(ahead).total_seconds())
    return f"This machine's clock is {seconds} s {'behind' if ahead > timedelta() else 'ahead of'} that of {name}."
