"""Numbers, money and dates as people of a language write them, through Babel. No I/O."""

import contextlib
import copy
import functools
import math
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, tzinfo
from datetime import date as Date  # noqa: N812 - filters bear these names
from datetime import datetime as DateTime  # noqa: N812 - as above
from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time, get_timezone
from babel.numbers import NumberPattern, format_currency, format_decimal, format_percent

_INSTANT = "must be an ISO 8601 date and time such as 2026-12-01T08:00:00+01:00"
_PATTERN = "must be short, medium, long, full or a pattern of Unicode's such as yyyy-MM-dd (and not %Y-%m-%d)"
_QUOTED = re.compile("'[^']*'")
_NOT_MEANT = (
    "must have dd for the day of the month and yyyy for the year: D counts days from January, and Y is a week's"
)
MOST_DECIMALS = 20
LONGEST_PATTERN = 200  # characters of a date's pattern
_FIRST = re.compile(r"(?<!\d)1 (?=[^\W\d])")
_TOUCHING = re.compile(r"(?<=[^\W\d_])(?=\d)")  # KWD1.500: CLDR has a space between letters and digits, Babel none
_DECIMAL = re.compile(r"-?\d{1,30}(\.\d{1,30})?", re.ASCII)  # no exponent: 1E999999999 would be that many digits


@dataclass(frozen=True, kw_only=True, slots=True)
class Formats:
    """The filters of templates for one language, each under its name.

    `mistyped` is told of each value that cannot be formatted, and what it must be; something else then takes its place.
    """

    locale: str
    mistyped: Callable[[object, str], object]

    def number(self, value: object, decimals: int | None = None) -> str:
        """A number with the language's separators, and as many decimals as asked; else those it has, at most three."""
        locale = _locale(self.locale)
        pattern = _with_decimals(locale.decimal_formats[None], self._decimals(decimals))
        return format_decimal(self._number(value), pattern, locale)

    def percent(self, value: object, decimals: int = 0) -> str:
        """A share of one in percent: 0.25 is 25%."""
        locale = _locale(self.locale)
        pattern = _with_decimals(locale.percent_formats[None], self._decimals(decimals))
        return format_percent(self._number(value), pattern, locale)

    def money(self, value: object, currency: object = None) -> str:
        """An amount with its currency's own decimals: a number or, since no float is money, a text such as "12.50".

        The currency is an ISO 4217 code, also in small letters as Stripe writes it.
        """
        is_decimal = isinstance(value, str) and _DECIMAL.fullmatch(value)
        amount = Decimal(str(value)) if is_decimal else self._number(value)
        if not isinstance(currency, str) or currency.upper() not in _locale("en").currencies:
            code = "must be an ISO 4217 currency code such as EUR"
            self.mistyped(currency, f'{code}: `money` needs one, as in money("EUR")' if currency is None else code)
            return ""
        formatted = format_currency(amount, currency.upper(), locale=_locale(self.locale))
        return _TOUCHING.sub("\N{NO-BREAK SPACE}", formatted)

    def date(self, value: object, format: str = "medium", tz: object = None) -> str:  # noqa: A002 - Babel's name
        """The day of an ISO 8601 date or instant: short, medium, long, full or a pattern of Unicode's."""
        day = _day(value) or self._instant(value, tz, "must be an ISO 8601 date such as 2026-12-01")
        return self._ordinal(self._formatted(format_date, day, format))

    def time(self, value: object, format: str = "short", tz: object = None) -> str:  # noqa: A002 - Babel's name
        """The time of day of an ISO 8601 instant."""
        instant = self._instant(value, tz, _INSTANT)
        return self._formatted(format_time, instant, format, instant.tzinfo)

    def datetime(self, value: object, format: str = "medium", tz: object = None) -> str:  # noqa: A002 - Babel's name
        """The day and the time of an ISO 8601 instant."""
        instant = self._instant(value, tz, _INSTANT)
        return self._ordinal(self._formatted(format_datetime, instant, format, instant.tzinfo))

    def _formatted(self, write: Callable[..., str], value: Date, pattern: object, *zone: tzinfo | None) -> str:
        try:
            if isinstance(pattern, str) and "%" not in pattern and len(pattern) <= LONGEST_PATTERN:
                letters = set(_QUOTED.sub("", pattern))
                # As patterns of other libraries have them: DD.MM.YYYY.
                if ("Y" in letters and "w" not in letters) or ("D" in letters and letters & {"M", "L"}):
                    self.mistyped(pattern, _NOT_MEANT)
                    return ""
                return write(value, pattern, *zone, locale=_locale(self.locale))
        except (AttributeError, KeyError, ValueError):  # what Babel says of a letter that it does not know
            pass
        self.mistyped(pattern, _PATTERN)
        return ""

    def _ordinal(self, text: str) -> str:
        """French counts the first day of a month where it writes the month out; CLDR does not."""
        return _FIRST.sub("1er ", text) if _locale(self.locale).language == "fr" else text

    def _number(self, value: object) -> int | float:
        with suppress(OverflowError):  # of a number that no float can hold
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                return value
        self.mistyped(value, "must be a number")
        return 0

    def _decimals(self, decimals: object) -> int | None:
        if decimals is None or (isinstance(decimals, int) and 0 <= decimals <= MOST_DECIMALS):
            return decimals
        self.mistyped(decimals, f"must be a number of decimals from 0 to {MOST_DECIMALS}")
        return None

    def _instant(self, value: object, tz: object, must: str) -> DateTime:
        """An instant in a zone, in its own offset without one; a time without an offset is one of that zone already."""
        zone = self._zone(tz)
        try:
            if isinstance(value, str) and _day(value) is None:
                instant = DateTime.fromisoformat(value)
                return (
                    instant.astimezone(zone)
                    if zone and instant.tzinfo
                    else instant.replace(tzinfo=instant.tzinfo or zone)
                )
        except (ValueError, OverflowError):
            pass
        self.mistyped(value, must)
        return DateTime.now(UTC)

    def _zone(self, tz: object) -> tzinfo | None:
        if isinstance(tz, str):
            with contextlib.suppress(LookupError, ValueError):
                return get_timezone(tz)
        if tz is not None:
            self.mistyped(tz, "must be an IANA time zone such as Europe/Paris")
        return None


@functools.lru_cache
def _locale(tag: str) -> Locale:
    """What Babel knows of a language, or of the nearest that it knows."""
    while tag:
        try:
            return Locale.parse(tag, sep="-")
        except (UnknownLocaleError, ValueError):
            tag = tag.rpartition("-")[0]
    return Locale("en")


@functools.cache  # of a language's few patterns, with twenty decimals at most
def _with_decimals(pattern: NumberPattern, decimals: int | None) -> NumberPattern:
    if decimals is not None:
        pattern = copy.copy(pattern)
        pattern.frac_prec = (decimals, decimals)
    return pattern


def _day(value: object) -> Date | None:
    try:
        return Date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
