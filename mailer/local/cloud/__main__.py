"""Starts the local cloud: `python -m mailer.local.cloud --port 8443 --smtp-port 1025 --folder .local`."""

import argparse
import asyncio
import contextlib
import logging
import socket
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from mailer.local.cloud.app import Dated, build, build_panel
from mailer.local.cloud.certificates import certificates
from mailer.local.cloud.state import Cloud

KEEP_ALIVE = 120  # seconds; a client that pools connections must not find them closed all the time


class Protocol(H11Protocol):
    """HTTP as uvicorn speaks it; lets a fault reach the connection itself."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class Server(uvicorn.Server):
    """Says one line when it answers, and none when it ends."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(f"The local cloud answers on https://localhost:{self.config.port}.", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # What is cut off now is cut off on purpose; uvicorn would report it as errors.
        logging.disable()
        await super().shutdown(sockets)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(
        prog="python -m mailer.local.cloud", description="Entra, Key Vault and Graph mail on this machine"
    )
    parser.add_argument("--port", type=int, default=8443, help="HTTPS port of 127.0.0.1 (default: %(default)s)")
    parser.add_argument("--smtp-port", type=int, default=1025, help="where MailDev takes mails (default: %(default)s)")
    parser.add_argument(
        "--folder", type=Path, default=Path(".local"), help="for ca.pem and the server's key (default: %(default)s)"
    )
    parser.add_argument("--panel-port", type=int, help="HTTP port of a page for the faults; without it there is none")
    parser.add_argument("--console", help="the console's address, to which each mail then leads")
    parser.add_argument("--empty", action="store_true", help="a tenant in which nobody has registered an app yet")
    options = parser.parse_args()
    server_file = certificates(options.folder)
    cloud = Cloud(smtp_port=options.smtp_port, empty=options.empty, console=options.console)
    config = uvicorn.Config(
        Dated(build(cloud), cloud),
        host="127.0.0.1",
        port=options.port,
        http=Protocol,
        ws="none",
        lifespan="off",
        ssl_certfile=server_file,
        log_level="warning",
        server_header=False,
        date_header=False,  # app.Dated writes it, by the cloud's own clock
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=0,  # a request that hangs on purpose must not hold us up
    )
    panel = uvicorn.Config(
        build_panel(cloud), host="127.0.0.1", port=options.panel_port, ws="none", lifespan="off", log_level="warning"
    )
    if options.panel_port:
        asyncio.run(_both(Server(config), uvicorn.Server(panel)))
    else:
        Server(config).run()


async def _both(cloud: Server, panel: uvicorn.Server) -> None:
    """The cloud ends when it is told to, and the panel with it."""
    panel.capture_signals = contextlib.nullcontext  # type: ignore[assignment, method-assign]  # the cloud hears them
    beside = asyncio.create_task(panel.serve())
    await cloud.serve()
    panel.should_exit = panel.force_exit = True
    await beside


main()
