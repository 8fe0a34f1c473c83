"""A small HTTPS server of a test's own, on this machine."""

import ssl
import threading
from contextlib import contextmanager

import trustme


@contextmanager
def serving(server, folder):
    """It, running over TLS, with its `url` and the `ca` to trust it by."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.url, server.ca = f"https://localhost:{server.server_port}", folder / "other-ca.pem"
    authority.cert_pem.write_to_path(str(server.ca))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
