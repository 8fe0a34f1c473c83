"""A second directory and vault, of a few lines and apart from the local cloud: what set-up needs of both.

Written from https://learn.microsoft.com/graph/api/application-upsert and its neighbours, and from Key Vault's REST
reference alone. It knows no token by sight, drops a secret's tags, and shows nothing new for the first two looks.
"""

import json
import re
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.serving import serving

GRAPH = "00000003-0000-0000-c000-000000000000"
ROLE = "b633e1c5-b582-4048-a93e-9f11b44c7e96"
LOOKS = 2  # for which a new object is not there yet
NAMED = re.compile(r"/v1\.0/applications\(uniqueName='mailer'\)")


class OtherDirectory(BaseHTTPRequestHandler):
    """Remembers on its server what came, and what broke a rule."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._route()

    def do_POST(self):
        self._route()

    def do_PATCH(self):
        self._route()

    def do_PUT(self):
        self._route()

    def do_DELETE(self):
        self._route()

    def _route(self):
        self.body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        url = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path.startswith("/secrets/"):
            self._vault()
        elif self.headers.get("Authorization") != "Bearer opaque":
            self._refuse(401, "InvalidAuthenticationToken", "No token.")
        else:
            self._graph(url.path)

    def _graph(self, path):  # noqa: C901, PLR0912 - one table of calls, read from top to bottom
        cloud = self.server
        if self.body is not None and self.headers["Content-Type"] != "application/json":
            cloud.broken.append(f"content type of {path}")
        key = (self.command, NAMED.sub("/v1.0/applications/NAMED", path).removeprefix("/v1.0/"))
        app, principal = cloud.app, cloud.principal
        match key:
            case ("PATCH", "applications/NAMED"):
                if self.headers.get("Prefer") != "create-if-missing" or app:
                    cloud.broken.append("an upsert of what is there, or without its header")
                cloud.app = {"id": cloud.new(), "appId": str(uuid.uuid4()), "uniqueName": "mailer"} | self.body
                cloud.app |= {"passwordCredentials": [], "requiredResourceAccess": []}
                self._answer(201, cloud.app)
            case ("GET", "applications/NAMED"):
                self._answer(200, app) if app else self._refuse(404, "Request_ResourceNotFound", "not here")
            case ("GET", "servicePrincipals"):
                known = {GRAPH: {"id": "graph", "appId": GRAPH, "appRoles": [{"id": ROLE, "value": "Mail.Send"}]}}
                known |= {principal["appId"]: principal} if principal else {}
                wanted = re.fullmatch(r"appId eq '(.+)'", self.query["$filter"])[1]
                self._answer(200, {"value": [known[wanted]] if wanted in known else []})
            case ("POST", "servicePrincipals") if cloud.is_new(app["id"]):
                text = f"The appId '{app['appId']}' does not reference a valid application object."
                self._refuse(400, "Request_BadRequest", text)
            case ("POST", "servicePrincipals"):
                cloud.principal = {"id": cloud.new(), "appId": self.body["appId"]}
                self._answer(201, cloud.principal)
            case (_, path) if principal and path.startswith(f"servicePrincipals/{principal['id']}/"):
                self._assignments()
            case ("POST", "servicePrincipals/graph/appRoleAssignedTo"):
                if self.body != {"principalId": principal["id"], "resourceId": "graph", "appRoleId": ROLE}:
                    cloud.broken.append(f"assigned {self.body}")
                cloud.grants.append({"id": cloud.new(), **self.body})
                self._answer(201, cloud.grants[-1])
            case ("PATCH", path) if path == f"applications/{app['id']}":
                app |= self.body
                self._answer(204)
            case ("POST", path) if path == f"applications/{app['id']}/addPassword":
                wanted = self.body["passwordCredential"]
                secret = {"keyId": str(uuid.uuid4()), "hint": "s3c", "endDateTime": wanted["endDateTime"]}
                app["passwordCredentials"].append(secret)
                self._answer(200, {**secret, "secretText": "s3cr3t-of-the-other"})
            case ("DELETE", path) if path == f"applications/{app['id']}":
                cloud.app = cloud.principal = None
                self._answer(204)
            case ("DELETE", path) if path == f"servicePrincipals/graph/appRoleAssignedTo/{cloud.grants[-1]['id']}":
                cloud.grants.pop()
                self._answer(204)
            case _:
                self._refuse(400, "BadRequest", f"Resource not found for the segment '{path.rpartition('/')[2]}'.")

    def _assignments(self):
        """In pages of one."""
        cloud = self.server
        if cloud.is_new(cloud.principal["id"]):
            self._refuse(404, "Request_ResourceNotFound", "Resource does not exist.")
            return
        skip = int(self.query.get("$skiptoken", 0))
        page = {"value": cloud.grants[skip : skip + 1]}
        if skip + 1 < len(cloud.grants):
            page["@odata.nextLink"] = f"{cloud.url}{urlsplit(self.path).path}?$skiptoken={skip + 1}"
        self._answer(200, page)

    def _vault(self):
        cloud = self.server
        if not self.headers.get("Authorization"):
            challenge = 'Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net"'
            self._answer(401, {"error": {"code": "Unauthorized"}}, {"WWW-Authenticate": challenge})
        elif self.command == "PUT":
            attributes = {**self.body["attributes"], "enabled": True, "created": 1, "updated": 1}
            cloud.secret = {"value": self.body["value"], "attributes": attributes}
            cloud.secret["id"] = f"{cloud.url}/secrets/mailer-client-secret/{uuid.uuid4().hex}"
            self._answer(200, cloud.secret)
        elif self.command == "GET" and cloud.secret and self.path.count("/") <= 3:
            self._answer(200, cloud.secret)
        elif self.command == "DELETE" and cloud.secret:
            deleted, cloud.secret = cloud.secret, None
            recovery = f"{cloud.url}/deletedsecrets/mailer-client-secret"
            self._answer(200, {**deleted, "recoveryId": recovery, "deletedDate": 1, "scheduledPurgeDate": 2})
        else:
            self._answer(404, {"error": {"code": "SecretNotFound", "message": "none"}})

    def log_message(self, *_):
        """Says nothing."""

    def _refuse(self, status, code, message):
        self._answer(status, {"error": {"code": code, "message": message}})

    def _answer(self, status, content=None, headers=None):
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """What the directory and the vault hold."""

    app = principal = secret = None
    block_on_close = False  # a client that keeps its connection open is not waited for
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), OtherDirectory)
        self.grants, self.broken, self.looks = [], [], {}

    def new(self):
        identifier = str(uuid.uuid4())
        self.looks[identifier] = LOOKS
        return identifier

    def is_new(self, identifier):
        self.looks[identifier] -= 1
        return self.looks[identifier] >= 0


def other_directory(folder):
    """One running, with its `url` and the `ca` to trust it by, and an az that is signed in to it."""
    az = folder / "az"
    az.write_text('#!/bin/sh\necho \'{"accessToken": "opaque", "expires_on": 4102444800, "tokenType": "Bearer"}\'\n')
    az.chmod(0o755)
    return serving(Server(), folder)
