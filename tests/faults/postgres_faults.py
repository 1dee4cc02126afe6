"""Faults of PostgreSQL: terminated backends, a restart, locks, deadlocks, a full disk."""

import contextlib
import errno
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from random import Random

import psycopg2

from tests.faults.fault_stack import FaultStack
from tests.faults.fault_types import Fault, repeatedly
from tests.polling import WITHIN_S, wait_until

_BLOCKED_BY_THIS_SESSION = (
    "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
)


@contextmanager
def backends_terminated(fault_stack: FaultStack, _: Random) -> Iterator[None]:
    fault_stack.in_target(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name LIKE 'minuano-%'"
    )
    yield


@contextmanager
def restarted(fault_stack: FaultStack, _: Random) -> Iterator[None]:
    """Stop PostgreSQL as `pg_ctl stop -m immediate` does: it must recover from its WAL."""
    fault_stack.restart_server(fault_stack.postgres, signal.SIGQUIT)
    yield


@contextmanager
def locked(table: str, fault_stack: FaultStack, _: Random) -> Iterator[None]:
    """Another session locks a table of the target."""
    with closing(psycopg2.connect(fault_stack.target_url)) as connection:
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def table_locked(fault_stack: FaultStack, rng: Random) -> AbstractContextManager[None]:
    """Another session locks one of the tables."""
    return locked(rng.choice(("data", "signal", "quality", "etl.slice")), fault_stack, rng)


@contextmanager
def deadlocks(fault_stack: FaultStack, _: Random) -> Iterator[None]:
    """Another session takes locks in reverse order; PostgreSQL cancels the loaders. Its first lock
    is held when the block begins, because a job can be loaded in a single transaction.
    """
    locked, ended = threading.Event(), threading.Event()

    def act() -> None:
        with contextlib.suppress(psycopg2.Error):  # other faults may break the connection
            _lock_in_reverse_order(fault_stack.target_url, locked, ended)
        locked.set()

    with repeatedly(act, pause_s=lambda: 0.05):
        locked.wait(WITHIN_S)
        try:
            yield
        finally:
            ended.set()


def _lock_in_reverse_order(url: str, locked: threading.Event, ended: threading.Event) -> None:
    """Wait until a loader waits for `quality`, then cause a deadlock. With a deadlock_timeout of
    1 h only the loader detects it.
    """
    with closing(psycopg2.connect(url, connect_timeout=5)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SET deadlock_timeout = '1h'; SET lock_timeout = '3s'")
            cursor.execute("LOCK TABLE quality IN SHARE ROW EXCLUSIVE MODE")
            locked.set()

            def blocks_another_session() -> bool:
                cursor.execute(_BLOCKED_BY_THIS_SESSION)
                return bool((cursor.fetchone() or (0,))[0])

            with contextlib.suppress(AssertionError):
                wait_until(lambda: ended.is_set() or blocks_another_session())
                if not ended.is_set():
                    cursor.execute("LOCK TABLE data IN SHARE MODE")
        connection.rollback()


@contextmanager
def disk_full(fault_stack: FaultStack, _: Random) -> Iterator[None]:
    """Leave no space for another page of `data`."""
    assert fault_stack.small_disk
    filler = fault_stack.small_disk / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            _fill(file)
        yield
    finally:
        filler.unlink(missing_ok=True)


def _fill(file: object) -> None:
    for size in (2**20, 2**12, 1):
        try:
            while True:
                file.write(b"\0" * size)  # type: ignore[attr-defined]
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


FAULTS: dict[str, Fault] = {
    "postgres: backends terminated": backends_terminated,
    "postgres restarted": restarted,
    "postgres: table locked": table_locked,
    "postgres: deadlocks": deadlocks,
    "postgres: disk full": disk_full,
}
