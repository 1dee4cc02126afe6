"""An embedded PostgreSQL: its databases, and one role for each kind of access."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psycopg2
from psycopg2 import sql

from cli.embedded import ports, server_binaries
from cli.embedded.child_process import Child, stop_on_error
from cli.embedded.secret_file import password_in
from cli.embedded.unprivileged_user import Identity, unprivileged
from shared.errors import ConfigurationError, MinuanoError

READY_WITHIN_S = 60.0
CONNECT_WITHIN_S = 30
INITDB_WITHIN_S = 60
STOP_WITHIN_S = 3.0
SUPERUSER = "postgres"
OWNER, READER, WRITER = ROLES = ("minuano_owner", "minuano_reader", "minuano_writer")
PUBLIC = "PUBLIC"
_CLOSE = "REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC"
# By default every role may store large objects, in tables of the system.
_NO_LARGE_OBJECTS = "REVOKE EXECUTE ON FUNCTION lo_create, lo_creat, lo_from_bytea FROM PUBLIC"
_ON_NEW_OBJECTS = "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT "
# On a database and on what its owner creates there later; migrations revoke what a role must not
# do with a table.
GRANTS = {
    PUBLIC: (_CLOSE, _NO_LARGE_OBJECTS),
    READER: (
        "GRANT CONNECT ON DATABASE {database} TO {role}",
        _ON_NEW_OBJECTS + "SELECT ON TABLES TO {role}",
    ),
    WRITER: (
        "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {role}",
        _ON_NEW_OBJECTS + "SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
        _ON_NEW_OBJECTS + "USAGE ON SCHEMAS TO {role}",
        _ON_NEW_OBJECTS + "USAGE ON SEQUENCES TO {role}",
    ),
}
# The C locale sorts the same on every machine.
INITDB = ("--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-instructions")


class Postgres:
    """A cluster in a folder; the file `password` in it is readable by its owner only."""

    def __init__(
        self,
        folder: Path,
        logs: Path,
        *,
        host: str = ports.HOST,
        port: int | None = None,
        settings: tuple[str, ...] = (),
    ) -> None:
        self.server = server_binaries.postgres()
        self.host, self.port = host, port or ports.free()
        self._folder, self._log = folder, logs / "postgres.log"
        self._secret = folder / "password"
        self._settings = settings
        folder.mkdir(parents=True, exist_ok=True)
        self._identity = unprivileged(self.server.program, folder)

    def start(self) -> Child:
        """Create the cluster if it does not exist, start it and wait until it answers. Raises
        `ConfigurationError` for a cluster of another version, which the server cannot read.
        """
        version = self._folder / "data" / "PG_VERSION"
        if not version.exists():
            self._initdb()
        self._require_version(version.read_text().strip())
        self._password = self._secret.read_text()
        child = self._child()
        child.start()
        with stop_on_error(child, within_s=STOP_WITHIN_S):
            child.wait_until_ready(self._answers, within_s=READY_WITHIN_S)
        return child

    def url(self, database: str = "postgres", role: str = SUPERUSER) -> str:
        """The URL of a database, as one of the roles."""
        return f"postgresql://{role}:{self._password}@{self.host}:{self.port}/{database}"

    def create_roles(self) -> None:
        """The owner changes tables, the reader reads the source, the writer writes the target."""
        with self._connect() as connection, connection.cursor() as cursor:
            for role in ROLES:
                with contextlib.suppress(psycopg2.errors.DuplicateObject):
                    cursor.execute(
                        sql.SQL("CREATE ROLE {} LOGIN PASSWORD %s").format(sql.Identifier(role)),
                        [self._password],
                    )
            for database in (SUPERUSER, "template1"):
                cursor.execute(sql.SQL(_CLOSE).format(database=sql.Identifier(database)))

    def create_database(self, name: str, *, roles: Sequence[str] = (READER, WRITER)) -> None:
        """A database of the owner; only these roles may use the tables that the owner creates."""
        database, owner = sql.Identifier(name), sql.Identifier(OWNER)
        create = sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner)
        with (
            self._connect() as connection,
            connection.cursor() as cursor,
            contextlib.suppress(psycopg2.errors.DuplicateDatabase),
        ):
            cursor.execute(create)
        with self._connect(name) as connection, connection.cursor() as cursor:
            for role in (PUBLIC, *roles):
                grantee = sql.Identifier(role)
                for grant in map(sql.SQL, GRANTS[role]):
                    cursor.execute(grant.format(database=database, owner=owner, role=grantee))

    def create_private_database(self, name: str) -> str:
        """A database, and a role of the same name without access to others; return its URL."""
        # Not the shared password: with it, this role could connect as the superuser.
        password = password_in(self._folder / f"password.{name}")
        quoted = sql.Identifier(name)
        with self._connect() as connection, connection.cursor() as cursor:
            with contextlib.suppress(psycopg2.errors.DuplicateObject):
                cursor.execute(sql.SQL("CREATE ROLE {}").format(quoted))
            cursor.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD %s").format(quoted), [password])
            with contextlib.suppress(psycopg2.errors.DuplicateDatabase):
                cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(quoted, quoted))
            cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(quoted))
        return f"postgresql://{name}:{password}@{self.host}:{self.port}/{name}"

    def drop_database(self, name: str) -> None:
        """Remove a database and end all connections to it."""
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextlib.contextmanager
    def _connect(self, database: str = "postgres"):  # type: ignore[no-untyped-def]
        connection = psycopg2.connect(self.url(database), connect_timeout=CONNECT_WITHIN_S)
        connection.autocommit = True
        try:
            yield connection
        finally:
            connection.close()

    def _require_version(self, version: str) -> None:
        if version != self.server.version.split(".")[0]:
            raise ConfigurationError(
                f"{self._folder} was created by PostgreSQL {version}, and {self.server} cannot "
                f"read it: install PostgreSQL {version}, or delete the folder with all its data"
            )

    def _initdb(self) -> None:
        # The folder gets its name when it is complete: an interrupted initdb leaves no cluster.
        unfinished, complete = self._folder / "data.unfinished", self._folder / "data"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._secret.unlink(missing_ok=True)
        password_in(self._secret)
        owner = self._folder.stat()
        os.chown(self._secret, owner.st_uid, owner.st_gid)
        initdb = self.server.sibling("initdb")
        command = [
            *self._identity.prefix, str(initdb), f"--pgdata={unfinished}",
            f"--username={SUPERUSER}", f"--pwfile={self._secret}", *INITDB,
        ]  # fmt: skip
        process = subprocess.run(
            command, capture_output=True, cwd="/", timeout=INITDB_WITHIN_S,
            **self._identity.options,
        )  # fmt: skip
        if process.returncode:
            error = process.stderr.decode(errors="replace").strip()
            raise MinuanoError(f"initdb failed in {self._folder}: {error}")
        unfinished.rename(complete)

    def _child(self) -> Child:
        identity: Identity = self._identity
        command: list[str | Path] = [
            *identity.prefix, self.server.program, "-D", self._folder / "data",
            "-h", self.host, "-p", str(self.port), "-k", "",
        ]  # fmt: skip
        for setting in self._settings:
            command += ["-c", setting]
        return Child(
            "PostgreSQL", command, self._log,
            stop_signal=signal.SIGINT,  # "fast" shutdown: it ends all sessions
            options={"cwd": "/", **identity.options},
        )  # fmt: skip

    def _answers(self) -> bool:
        try:
            psycopg2.connect(self.url(), connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True
