"""What a function says that runs without a caller, while a setting is wrong."""

import logging

from mailer.errors import ConfigError

log = logging.getLogger("mailer")


def tell(wrong: ConfigError) -> None:
    """A line in the log for each setting; the health page has them too."""
    for problem in wrong.problems:
        log.error("setting_wrong %s", problem)
