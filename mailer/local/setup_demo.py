"""From the guide to the first mail on one machine: an empty tenant, set-up, doctor, a mail, rotation, a mail, teardown.

Azurite, MailDev and the local cloud stand for what `azd up` makes in Azure; the commands are those of any tenant.
"""

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import requests
from azure.storage.queue import QueueClient

from mailer.local import az, demo, programs
from mailer.local.cloud import seed
from mailer.local.cloud.control import Control
from mailer.local.programs import ROOT
from mailer.local.stack import Ports, Stack

SENDER, FORBIDDEN, RECIPIENT = "shop@contoso.com", "alerts@contoso.com", "ada@example.com"


def run(folder: Path, *, ports: Ports | None = None) -> None:
    """All of it, each step with what it prints; raises DemoFailed, programs.CannotStart."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print("Starting Azurite, MailDev and the local cloud, in which nobody has registered an app …", flush=True)
    with Stack(folder, ports=ports, host=False, empty=True) as stack:
        _run(stack)


def _run(stack: Stack) -> None:
    environ = _environ(stack)
    scope = ["--scope", "mailboxes", SENDER, "--also", "large", "--sign-in", "device-code"]
    _mailer(environ, "setup", *scope, "--dry-run")
    _mailer(environ, "setup", *scope, "--yes", "--write", "local.settings.json")
    _mailer(environ, "setup", *scope, "--yes", "--write", "local.settings.json")
    _deploy(stack)
    host = _host(stack)
    host.start()
    with closing(Control(f"https://localhost:{stack.ports.cloud}", stack.folder / "ca.pem")) as control:
        _use(stack, environ, host, control)
        if left := control.directory()["applications"]:
            message = f"The teardown has left something: {left}"
            raise demo.DemoFailed(message)
    print("\nNothing is left of it.", flush=True)


def _use(stack: Stack, environ: dict[str, str], host: programs.Program, control: Control) -> None:
    try:
        control.set(token_lifetime=300)  # too short to be kept, so that each mail proves the secret
        _mailer(environ, "doctor", "--to", RECIPIENT, "--not", FORBIDDEN)
        _mail(stack)
        _mailer(environ, "rotate", "--remove-old")
        _mail(stack)
        control.set(token_lifetime=3600)
        _mailer(environ, "teardown", "--yes", "--sign-in", "device-code")
    finally:
        host.stop()


def _environ(stack: Stack) -> dict[str, str]:
    """A terminal in the folder of local.settings.json, that knows where this cloud is; az is signed in."""
    url = f"https://localhost:{stack.ports.cloud}"
    tools = az.write(stack.folder / "bin").parent
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("MAILER_", "AZURE_", "IDENTITY_"))}
    return {
        **kept,
        "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(ROOT),
        "PWD": str(stack.folder),
        az.CLOUD: url,
        "REQUESTS_CA_BUNDLE": str(stack.folder / "ca.pem"),
        "MAILER_TENANT_ID": seed.TENANT,
        "MAILER_AUTHORITY_HOST": url,
        "MAILER_GRAPH_URL": url,
        "MAILER_KEY_VAULT_URL": url,
    }


def _mailer(environ: dict[str, str], *arguments: str) -> None:
    """One command, with its output; raises DemoFailed unless it ends well."""
    print(f"\n$ python -m mailer {' '.join(arguments)}", flush=True)
    command = [sys.executable, "-m", "mailer", *arguments]
    done = subprocess.run(command, env=environ, cwd=environ["PWD"], stdin=subprocess.DEVNULL, check=False)  # noqa: S603 - a command of our own
    if done.returncode:
        message = f"python -m mailer {arguments[0]} ended with {done.returncode}."
        raise demo.DemoFailed(message)


def _deploy(stack: Stack) -> None:
    """What `azd up` would do: the storage account with its queue, the managed identity, the settings about both."""
    print(
        "\nStarting the function host, with a storage account and a managed identity as `azd up` makes them …",
        flush=True,
    )
    file = stack.folder / "local.settings.json"
    content = json.loads(file.read_text())
    content["Values"] |= {
        "AzureWebJobsStorage": stack.storage,
        "IDENTITY_ENDPOINT": f"https://localhost:{stack.ports.cloud}/msi/token",
        "IDENTITY_HEADER": seed.IDENTITY_HEADER,
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        "REQUESTS_CA_BUNDLE": str(stack.folder / "ca.pem"),
    }
    file.write_text(json.dumps(content, indent=2))
    with QueueClient.from_connection_string(stack.storage, "emails") as queue:
        queue.create_queue()


def _host(stack: Stack) -> programs.Program:
    values: dict[str, str] = json.loads((stack.folder / "local.settings.json").read_text())["Values"]
    foreign = ("MAILER_", "AZURE_", "IDENTITY_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(foreign)}
    return programs.host(stack.folder, port=stack.ports.host, env={**kept, **values})


def _mail(stack: Stack) -> None:
    """One mail by HTTP, followed until it is in the inbox."""
    request = {"to": RECIPIENT, "subject": "The first mail", "text": "It works."}
    print(
        f"\n$ curl -X POST {stack.url}/emails -H 'content-type: application/json' -d '{json.dumps(request)}'",
        flush=True,
    )
    reply = requests.post(f"{stack.url}/emails", json=request, timeout=30)
    print(reply.text, flush=True)
    if reply.status_code != requests.codes.accepted:
        message = f"POST /api/emails answered {reply.status_code}."
        raise demo.DemoFailed(message)
    print(demo.follow(stack, demo.Sent(door="HTTP", id=reply.json()["id"], request=request)), flush=True)
