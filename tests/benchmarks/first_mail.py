"""What the first mail of a fresh process costs, beside a script of the same steps: a cold start, up to Graph's 202.

Both load azure.functions, as every Python app in Azure Functions does, read the client secret from Key Vault with the
app's own identity, get a token, render and post the mail. mailer also checks settings and request, and keeps a record.
"""

import os
import subprocess
import sys

from mailer.local.programs import ROOT
from tests.benchmarks.figures import ratio
from tests.benchmarks.stage import SCRIPTS_BODY, SUBJECT, request, services, variables

SCRIPT = f"""
import os, time
import azure.functions
import jinja2
import requests
from azure.identity import ClientSecretCredential, DefaultAzureCredential
from azure.keyvault.secrets import SecretClient

of = os.environ
vault = SecretClient(of["MAILER_KEY_VAULT_URL"], DefaultAzureCredential(), verify_challenge_resource=False)
secret = vault.get_secret(of["MAILER_CLIENT_SECRET_NAME"]).value
entra = {{"authority": of["MAILER_AUTHORITY_HOST"], "disable_instance_discovery": True}}
app = ClientSecretCredential(of["MAILER_TENANT_ID"], of["MAILER_CLIENT_ID"], secret, **entra)
token = app.get_token("https://graph.microsoft.com/.default").token
body = jinja2.Environment(autoescape=True).from_string({SCRIPTS_BODY!r})
subject = jinja2.Environment(autoescape=False).from_string({SUBJECT!r})
values = {variables()!r}
reply = requests.post(
    of["MAILER_GRAPH_URL"] + "/v1.0/users/shop@contoso.com/sendMail",
    json={{
        "message": {{
            "subject": subject.render(values),
            "body": {{"contentType": "html", "content": body.render(values)}},
            "toRecipients": [{{"emailAddress": {{"address": "ada@example.com", "name": "Ada"}}}}],
        }}
    }},
    headers={{"Authorization": "Bearer " + token}},
    timeout=30,
)
assert reply.status_code == 202, reply.text
print(time.process_time())
"""
MAILER = """
import sys, time
from datetime import UTC, datetime
import function_app
from mailer import wiring
from mailer.delivery.mail import QueuedMessage

message = QueuedMessage(body=sys.stdin.buffer.read(), id=str(time.time()), inserted_at=datetime.now(UTC))
assert wiring.delivery().deliver(message) == "sent"
print(time.process_time())
"""


def run(*, quick: bool) -> None:
    """Print the ratio."""
    with services():
        compile_bytecode()
        cost(MAILER), cost(SCRIPT)  # which also makes the table
        pairs = [(cost(MAILER), cost(SCRIPT)) for _ in range(2 if quick else 9)]
        ratio("first mail of a fresh process", *zip(*pairs, strict=True), "≤ 1.6")


def compile_bytecode() -> None:
    """That of mailer, as pip has compiled the packages; with PYTHONDONTWRITEBYTECODE each process would do it again."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", "function_app.py", "mailer"], cwd=ROOT, check=True)


def cost(code: str) -> float:
    """The processor time of a fresh process, in seconds."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, input=request(), capture_output=True, cwd=ROOT, env=os.environ, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    return float(done.stdout.split()[-1])
