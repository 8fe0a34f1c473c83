"""Keys, which the host asks for with --enable-auth."""

import json

import requests

from tests import host_sample


def test_with_auth_each_level_wants_its_key(tmp_path, storage):
    root = host_sample.write(tmp_path)
    env = host_sample.environment(storage.connection_string) | {"AzureWebJobs.cookies.Disabled": "true"}
    host = host_sample.start(root, env, "--enable-auth", "--functions", *KEYED)
    try:
        keys = json.loads((root / ".local/host-keys.json").read_text())
        master, everywhere, own = keys["master"], keys["host"], keys["functions"]["function_key"]
        url = host_sample.url(host)

        def status(path, header=None, code=None):
            headers = {"x-functions-key": header} if header is not None else {}
            reply = requests.get(url + path, headers=headers, params={"code": code} if code else None, timeout=5)
            assert reply.status_code == 200 or reply.content == b""
            return reply.status_code

        assert status("/api/context") == 200
        assert status("/api/function-key") == 401
        assert [status("/api/function-key", key) for key in (own, everywhere, master, "x")] == [200, 200, 200, 401]
        assert [status("/api/other-key", key) for key in (own, everywhere)] == [401, 200]
        assert [status("/api/master-key", key) for key in (own, everywhere, master)] == [401, 401, 200]
        assert status("/api/function-key", code=own) == 200
        assert status("/api/function-key", header="x", code=own) == 401
        assert [status("/api/cookies"), status("/api/cookies", master)] == [404, 200]
        assert [status("/admin/host/status", key) for key in (None, everywhere, master)] == [401, 401, 200]
        assert status("/admin/host/ping") == 200
        assert (root / ".local/host-keys.json").stat().st_mode & 0o077 == 0
        assert f"master: {master}" in host.log.read_text()
        assert "Function cookies is disabled." in host.log.read_text()
    finally:
        host.stop()


KEYED = ("function_key", "other_key", "master_key", "about", "cookies")
