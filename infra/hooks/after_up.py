"""After `azd up`: offers to set up the app registration, remembers what came of it, and checks the whole chain."""

import json
import sys
import tempfile
from pathlib import Path

from commands import MAILER, agreed, run, setup_command, shown, this_environment

# What `setup` finds out and the template must know at the next `azd provision`.
REMEMBERED = ("MAILER_TENANT_ID", "MAILER_CLIENT_ID", "MAILER_AUTH", "MAILER_CLIENT_SECRET_NAME")


def main() -> int:
    """0, or 1 if a command failed."""
    environ = this_environment()
    if not (environ.get("MAILER_ALERT_EMAIL") or environ.get("MAILER_ALERT_WEBHOOK")):
        print("Nobody gets the alerts. To change that: azd env set MAILER_ALERT_EMAIL ADDRESS, then azd provision")
    if not environ.get("MAILER_CLIENT_ID"):
        if not agreed("mailer has no app registration yet. Set it up now?"):
            print("mailer sends nothing before it is set up. From this folder:")
            print(f"  {shown(setup_command(environ, Path('local.settings.json')))}")
            print("  azd env set MAILER_CLIENT_ID THE_CLIENT_ID\n  azd provision")
            return 0
        if not set_up(environ):
            return 1
    if not agreed("Check the whole chain now (doctor; sends nothing)?"):
        print(f"To check it later: {shown([*MAILER, 'doctor'])}")
        return 0
    return 0 if run([*MAILER, "doctor"], environ) else 1


def set_up(environ: dict[str, str]) -> bool:
    """Make the app registration; tell azd and the function app of it, and `environ`. False if a command failed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "settings.json"
        well = run(setup_command(environ, file), environ)
        # A set-up that failed at a later step has made an app all the same, and goes on from there next time.
        made = json.loads(file.read_text())["Values"] if file.exists() else {}
    remembered = {name: made[name] for name in REMEMBERED if made.get(name)}
    if not remembered:
        print("Nothing was set up.")
        return False
    environ |= remembered
    for name, value in remembered.items():
        well = run(["azd", "env", "set", name, value], environ) and well
    print("The function app gets its new settings from the template; this takes a minute or two.")
    return run(["azd", "provision", "--no-prompt"], environ) and well


if __name__ == "__main__":
    sys.exit(main())
