"""Settings, templates, clock."""

import tempfile
from datetime import timedelta
from pathlib import Path

import requests
from azure.core.exceptions import AzureError, HttpResponseError

from mailer.errors import ConfigError
from mailer.health.clock import CURE, HARMFUL, NOTABLE, WHY, skew, told
from mailer.settings import PACKAGED_TEMPLATES, read_settings
from mailer.setup.api import NETWORK
from mailer.setup.doctor.chain import Examined
from mailer.setup.doctor.findings import Result
from mailer.storage.clients import container_at
from mailer.templating.lint.check import Fault, check
from mailer.templating.templates import PACKAGED

ROOT = Path(__file__).parents[3]
SHOWN = 3  # faults of templates


def check_settings(examined: Examined) -> Result:
    """Each setting by itself and all together, as the app reads them."""
    try:
        examined.settings = read_settings(examined.environ)
    except ConfigError as error:
        count = len(error.problems)
        cure = (
            "`python -m mailer setup` tells those of the app registration, `--write local.settings.json` writes them; "
            "in Azure they are the Function App's environment variables."
        )
        return Result(
            "failed", f"{count} of the settings are missing or wrong.", why=" ".join(error.problems), cure=cure
        )
    settings = examined.settings
    return Result("ok", f"All are there: tenant {settings.tenant_id}, from {', '.join(examined.senders)}.")


def check_templates(examined: Examined) -> Result:
    """All that is wrong with the templates, wherever they are."""
    place = examined.settings.templates
    if "://" in place:
        with tempfile.TemporaryDirectory() as temporary:
            return _faults(_downloaded(examined, Path(temporary)), place)
    folder = PACKAGED if place == PACKAGED_TEMPLATES else ROOT / place
    if not folder.is_dir():
        what = f"There is no folder {place}."
        return Result("failed", what, why="MAILER_TEMPLATES names it.", cure="Mend MAILER_TEMPLATES.")
    return _faults(folder, str(place))


def _faults(folder: Path, place: str) -> Result:
    faults: list[Fault] = check(folder)
    if not faults:
        return Result("ok", f"Every template of {place} renders in every language.")
    shown = " ".join(str(fault) for fault in faults[:SHOWN])
    what = f"{len(faults)} fault{'s' if len(faults) > 1 else ''} in the templates of {place}."
    return Result("failed", what, why=shown, cure="Mend them; `python -m mailer templates check` names each.")


def _downloaded(examined: Examined, folder: Path) -> Path:
    """The files of the container, in a folder; raises Result."""
    url = examined.settings.templates
    try:
        container = container_at(examined.settings.storage, url)
        for blob in container.list_blobs():
            directory, _, file = blob.name.partition("/")
            if file and "/" not in file and directory not in {".", ".."}:
                (folder / directory).mkdir(exist_ok=True)
                (folder / directory / file).write_bytes(container.download_blob(blob.name).readall())
    except (AzureError, OSError) as error:
        status = error.status_code if isinstance(error, HttpResponseError) else None
        why = f"The container gives {status or type(error).__name__}."
        cure = "Mend MAILER_TEMPLATES, or give the app's identity 'Storage Blob Data Reader' on the container."
        raise Result("failed", f"The templates cannot be read from {url}.", why=why, cure=cure) from error
    return folder


def check_clock(examined: Examined) -> Result:
    """The clock of this machine's against those of Entra and Graph."""
    place = examined.place
    tenant = place.tenant or "common"
    urls = {
        "Entra": f"{place.authority}/{tenant}/v2.0/.well-known/openid-configuration",
        "Graph": f"{place.graph}/v1.0/",
    }
    skews = {name: ahead for name, url in urls.items() if (ahead := _skew(url, examined)) is not None}
    if not skews:
        cure = "Is the network up? See `token`."
        return Result("warning", "No clock to compare with.", why="Neither Entra nor Graph gave a date.", cure=cure)
    name, ahead = max(skews.items(), key=lambda pair: abs(pair[1]))
    if abs(ahead) < NOTABLE:
        return Result("ok", f"Within {round(abs(ahead).total_seconds())} s of {' and '.join(skews)}.")
    return Result("failed" if abs(ahead) >= HARMFUL else "warning", told(ahead, name), why=WHY, cure=CURE)


def _skew(url: str, examined: Examined) -> timedelta | None:
    """How far the other clock is ahead; None without an answer that says."""
    before = examined.clock()
    try:
        date = requests.get(url, timeout=NETWORK, allow_redirects=False).headers.get("Date", "")
    except (requests.RequestException, OSError):
        return None
    return skew(date, before=before, after=examined.clock())
