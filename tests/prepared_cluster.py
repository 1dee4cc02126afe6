"""A PostgreSQL cluster with the project's roles, two databases and the newest schema.

It is created once for each test run. A test that needs a server copies it in 0.1 s, which is faster
than initdb and the migrations.
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
"""Environment variable with the folder of this test run; all its processes use it."""
# The servers of tests need no durability.
NO_FSYNC = ("fsync=off", "full_page_writes=off")
STOP_WITHIN_S = 60.0


def copy_prepared_cluster(folder: Path) -> None:
    """Copy the cluster to the folder where `Postgres(folder, …)` expects it. Outside of a test run
    there is nothing to copy, and the server creates a new cluster.
    """
    if shared := os.environ.get(SHARED_FOLDER):
        shutil.copytree(_prepare_once(Path(shared)), folder, dirs_exist_ok=True)


def _prepare_once(shared: Path) -> Path:
    """The prepared cluster. The first process that needs it creates it."""
    finished = shared / "prepared-cluster"
    with _file_lock(shared / "prepared-cluster.lock"):
        if not finished.exists():
            unfinished = shared / "unfinished-cluster"
            _create(unfinished)
            unfinished.rename(finished)
    return finished


def _create(folder: Path) -> None:
    server = Postgres(folder, folder.parent, settings=NO_FSYNC)
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
def _file_lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
