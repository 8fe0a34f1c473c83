"""Settings in a local.settings.json, as Azure Functions Core Tools read it.

https://learn.microsoft.com/azure/azure-functions/functions-develop-local#local-settings-file
"""

import json
from collections.abc import Mapping
from pathlib import Path

from mailer.setup.steps import Stopped

_NEW = {"IsEncrypted": False, "Values": {"FUNCTIONS_WORKER_RUNTIME": "python"}}


def write_settings(file: Path, values: Mapping[str, str], *, really: bool) -> list[str]:
    """Put the values into the file beside all that is there; gives the names of those that were not there so."""
    try:
        content = json.loads(file.read_text()) if file.exists() else json.loads(json.dumps(_NEW))
        known = content.setdefault("Values", {})
        if content.get("IsEncrypted"):
            raise ValueError("it is encrypted: `func settings decrypt` first")  # noqa: TRY301 - one place for all
        changed = [name for name, value in values.items() if known.get(name) != value]
        if changed and really:
            known.update(values)
            file.write_text(f"{json.dumps(content, indent=2)}\n")
    except (OSError, ValueError, AttributeError) as error:
        raise Stopped(
            f"The settings cannot be written to {file} ({error}).", "Mend the file or name another."
        ) from error
    return changed
