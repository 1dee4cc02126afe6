"""A PgBouncer in transaction mode in front of the PostgreSQL of the tests."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from cli.embedded import ports
from cli.embedded.child_process import Child, stop_all
from cli.embedded.unprivileged_user import NOBODY

MISSING = "no PgBouncer here: run requirements/pgbouncer as root on Debian or Ubuntu"
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
WITHIN_S = 10.0
# One session of the server, so that a setting that outlives its transaction reaches other clients.
CONFIG = """
[databases]
* = host={host} port={server_port} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 1
{more}
"""


@contextmanager
def running_pgbouncer(url: str, folder: Path, more: str = "") -> Iterator[str]:
    """The URL of the same database through a new PgBouncer with these settings."""
    program = shutil.which("pgbouncer", path=PATH)
    if program is None:
        pytest.skip(MISSING)
    server, port = urlsplit(url), ports.free()
    config = folder / f"pgbouncer-{port}.ini"
    values = {"host": server.hostname, "user": server.username, "password": server.password}
    config.write_text(CONFIG.format(**values, server_port=server.port, port=port, more=more))
    user = ["-u", NOBODY] if os.geteuid() == 0 else []
    child = Child("pgbouncer", [program, *user, config], folder / f"pgbouncer-{port}.log")
    child.start()
    pooled = url.replace(f":{server.port}/", f":{port}/")
    try:
        child.wait_until_ready(lambda: _answers(pooled), within_s=WITHIN_S)
        yield pooled
    finally:
        stop_all([child], within_s=WITHIN_S)


def _answers(url: str) -> bool:
    try:
        psycopg2.connect(url).close()
    except psycopg2.OperationalError:
        return False
    return True
