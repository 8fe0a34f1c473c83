"""az, as far as signing in goes: `az account get-access-token` of a person who has signed in to the local cloud.

So that azure-identity's AzureCliCredential can be used on one machine; `write` puts a program named az into a folder.
The standard library alone, for it is started anew for every token.
"""

import argparse
import os
import ssl
import sys
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

from mailer.local.programs import ROOT

CLOUD = "LOCAL_CLOUD_URL"
WITHIN = 10.0  # seconds


def write(folder: Path) -> Path:
    """A program named az in this folder, for the path; it asks the cloud at LOCAL_CLOUD_URL."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "az"
    # The SDK starts az elsewhere, so that it finds no program by chance.
    program.write_text(f'#!/bin/sh\ncd "{ROOT}" && exec "{sys.executable}" -m mailer.local.az "$@"\n')
    program.chmod(0o755)
    return program


def main() -> int:
    """Print a token as az does."""
    parser = argparse.ArgumentParser(prog="az")
    parser.add_argument("command", nargs=2, help="account get-access-token")
    parser.add_argument("--output", choices=["json"], default="json")
    parser.add_argument("--resource", required=True)
    parser.add_argument("--tenant")
    wishes = parser.parse_args()
    if wishes.command != ["account", "get-access-token"]:
        parser.error("This az knows account get-access-token only.")
    url = f"{os.environ[CLOUD]}/control/az-token?{urlencode({'resource': wishes.resource})}"
    trust = ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"])
    with urlopen(url, timeout=WITHIN, context=trust) as reply:  # noqa: S310 - a URL of our own
        print(reply.read().decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
