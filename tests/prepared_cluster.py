"""A PostgreSQL cluster with the project's roles, its two databases and the newest schema, made once
a test run and copied wherever a test needs a server: 0.1 s instead of initdb and the migrations.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.embedded.child_process import stop_all
from cli.embedded.postgres import OWNER, READER, WRITER, Postgres
from cli.embedded.stack import SOURCE, TARGET
from shared.postgres import engines, schema_version

SHARED_FOLDER = "MINUANO_TEST_FOLDER"
"""The folder of this test run, in the environment; all its processes use it."""
# A test's server need not outlive a power cut.
FAST = ("fsync=off", "full_page_writes=off")
STOP_WITHIN_S = 60.0


def copy_prepared_cluster(folder: Path) -> None:
    """Copy it to where `Postgres(folder, …)` looks for its cluster. Outside of a test run nothing
    is prepared: the server makes a cluster of its own.
    """
    if shared := os.environ.get(SHARED_FOLDER):
        shutil.copytree(_prepared(Path(shared)), folder, dirs_exist_ok=True)


def _prepared(shared: Path) -> Path:
    """The cluster; the first process that needs it makes it."""
    finished = shared / "prepared-cluster"
    with _locked(shared / "prepared-cluster.lock"):
        if not finished.exists():
            unfinished = shared / "unfinished-cluster"
            _make(unfinished)
            unfinished.rename(finished)
    return finished


def _make(folder: Path) -> None:
    server = Postgres(folder, folder.parent, settings=FAST)
    child = server.start()
    try:
        server.create_roles()
        server.create_database(SOURCE, roles=[READER])
        server.create_database(TARGET, roles=[WRITER])
        engine = engines.connect(server.url(TARGET, OWNER), application="migrate")
        schema_version.upgrade(engine)
        engine.dispose()
    finally:
        stop_all([child], within_s=STOP_WITHIN_S)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
