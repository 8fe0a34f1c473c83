"""Starts the desk: `python -m mailer.local.desk [--port 7072] [--no-browser] FOLDER`."""

import argparse
import socket
import sys
import webbrowser
from pathlib import Path

import uvicorn

from mailer.local.desk.app import build
from mailer.local.programs import answers


class Server(uvicorn.Server):
    """Says where it is once it answers, and opens a browser there if it is to."""

    def __init__(self, config: uvicorn.Config, *, folder: Path, browser: bool) -> None:
        super().__init__(config)
        self._folder = folder
        self._browser = browser

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        address = f"http://127.0.0.1:{self.config.port}/"
        print(f"Templates  {address}\nFolder     {self._folder}\n\nCtrl-C stops it.", flush=True)
        if self._browser:
            webbrowser.open(address)


def main() -> int:
    """Serve until told to stop; 0, or 1 with the reason."""
    parser = argparse.ArgumentParser(prog="python -m mailer templates", description="All templates on one page")
    parser.add_argument("--port", type=int, default=7072)
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("folder", type=Path)
    wishes = parser.parse_args()
    if answers(wishes.port):
        print(f"Something listens on port {wishes.port} already: stop it, or choose another --port.", file=sys.stderr)
        return 1
    config = uvicorn.Config(
        build(wishes.folder),
        host="127.0.0.1",
        port=wishes.port,
        ws="none",
        lifespan="off",
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=1,  # seconds; a page that waits for changes would wait for ever
    )
    Server(config, folder=wishes.folder, browser=not wishes.no_browser).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
