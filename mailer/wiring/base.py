"""What every part is made with: the clock, the settings, and that it is made once."""

import functools
import gc
import logging
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from mailer.settings import Settings, read_settings, read_settings_as_used

# At INFO every request of the SDKs is a dozen lines; at DEBUG urllib3 tells URLs that let anybody write to a draft.
for _talkative in ("azure", "msal", "urllib3"):
    logging.getLogger(_talkative).setLevel(logging.WARNING)

# A cold start makes objects that stay: to look through them for garbage after each 700 took a tenth of the first mail.
gc.set_threshold(10_000)

T = TypeVar("T")

by_hand = threading.Event()
"""Set in the process of a person, who works with rights of their own and needs only the settings that are used."""

_making = threading.RLock()


def once(make: Callable[[], T]) -> Callable[[], T]:
    """Make a part once for the worker, also when several threads need it first at the same time."""
    made = functools.cache(make)

    @functools.wraps(make)
    def get() -> T:
        with _making:
            return made()

    return get


def clock() -> datetime:
    """Now."""
    return datetime.now(UTC)


@once
def settings() -> Settings:
    """The app's settings; raises ConfigError, and reads them again the next time."""
    return (read_settings_as_used if by_hand.is_set() else read_settings)(os.environ)
