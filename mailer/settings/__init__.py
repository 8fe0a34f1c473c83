"""What an administrator sets. On the path of every cold start, therefore of the standard library alone.

known    the settings that there are, each with what it should hold
reading  an environment's texts to these, every problem named at once
"""

from mailer.settings.known import PACKAGED_TEMPLATES, Settings, Storage
from mailer.settings.reading import read_settings, read_settings_as_used, storage_connection

__all__ = [
    "PACKAGED_TEMPLATES",
    "Settings",
    "Storage",
    "read_settings",
    "read_settings_as_used",
    "storage_connection",
]
