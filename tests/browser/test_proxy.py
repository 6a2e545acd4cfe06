"""The page behind nginx, as docs/dashboard.md shows it: under a path of its own, and live."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.browser import live_page
from tests.support.dashboard import Watched, dashboard
from tests.support.scripted_server import ScriptedServer
from tests.support.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
EXAMPLE = re.compile(r"```nginx\n(.*?)```", re.DOTALL)
AROUND = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    # If nginx gathered, it would gather so much that no test waits for it.
    proxy_buffer_size 1m;
    proxy_buffers 8 1m;
    proxy_busy_buffers_size 2m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {example}
}}
"""


def free_port() -> int:
    """Return a port that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def nginx(page_port: int, folder: Path, *without: str) -> Iterator[int]:
    """Run nginx with the documented example, without the lines that begin so; yield its port."""
    found = shutil.which("nginx") or str(ROOT / ".browser_cache/nginx/usr/sbin/nginx")
    assert Path(found).exists(), "no nginx here: scripts/browser brings one"
    match = EXAMPLE.search((ROOT / "docs" / "dashboard.md").read_text())
    assert match
    lines = [line for line in match[1].splitlines() if not line.strip().startswith(without or ("\0",))]
    port = free_port()
    example = "\n".join(lines).replace("listen 80;", f"listen 127.0.0.1:{port};")
    assert str(port) in example
    (folder / "nginx.conf").write_text(
        AROUND.format(folder=folder, example=example.replace("127.0.0.1:8080", f"127.0.0.1:{page_port}"))
    )
    command = [found, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with subprocess.Popen(command) as process:
        try:
            while True:
                assert process.poll() is None, (folder / "error.log").read_text()
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=20).close()
                    break
                except ConnectionRefusedError:
                    continue
            yield port
        finally:
            process.terminate()


def test_behind_nginx_under_a_path(browser: Browser, tmp_path: Path) -> None:
    """All of the page works behind the documented proxy: its files, the stream, the scores, and games."""
    server = Watched("10.0.0.1 5001")
    with (
        ServerProcess() as player_port,
        ScriptedServer(server) as listening,
        dashboard(
            listening.port,
            GAME_DASHBOARD_NAMES="game.example",
            GAME_PLAY_PORT=str(player_port.player[1]),
        ) as (_, port),
        nginx(port, tmp_path) as proxy,
        live_page(browser, f"http://127.0.0.1:{proxy}/guessing") as page,
    ):
        page.shows("#playing", "1")
        server.send("Joined 10.0.0.2 5002", "Won 10.0.0.2 5002 3")
        page.shows("#won", "1")
        page.shows_part("#scores-ever tr", "no name")
        page.begin_game()


def test_behind_nginx_as_it_comes(browser: Browser, tmp_path: Path) -> None:
    """With nothing but `proxy_pass` the page is live too: it asks nginx itself not to gather."""
    server = Watched("10.0.0.1 5001")
    with (
        ScriptedServer(server) as listening,
        dashboard(listening.port) as (_, port),
        nginx(port, tmp_path, "proxy_http_version", "proxy_set_header", "proxy_read_timeout") as proxy,
        live_page(browser, f"http://127.0.0.1:{proxy}/guessing") as page,
    ):
        page.shows("#playing", "1")
        server.send("Joined 10.0.0.2 5002")
        page.shows("#playing", "2")
