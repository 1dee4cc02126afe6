"""What the target refuses for now is tried again, however often, and counts as no delivery."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import pytest
from sqlalchemy import Engine, text

from shared.errors import Unavailable
from shared.postgres import engines
from shared.settings import RedisSettings
from shared.streams.entries import Entry, Output
from tests.integration.loader import batch, entry, loader, means, new_job, steady
from tests.integration.streaming import Rig
from tests.polling import wait_until

MAX_DELIVERIES = 2
LONG_LEASE_S = 3600.0
LOCK_TIMEOUT_S = 0.1
NO_ROOM = """
    CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE disk_full USING MESSAGE = 'could not extend file: No space left on device';
    END $$;
    CREATE TRIGGER no_room BEFORE INSERT ON data EXECUTE FUNCTION no_room()
"""


@contextmanager
def disk_full(target: Engine) -> Iterator[None]:
    """PostgreSQL has no room for one more row, and says so as it does then."""
    with target.begin() as connection:
        connection.execute(text(NO_ROOM))
    yield
    with target.begin() as connection:
        connection.execute(text("DROP FUNCTION no_room CASCADE"))


@contextmanager
def locked(table: str, target: Engine, mode: str = "ACCESS EXCLUSIVE") -> Iterator[None]:
    """Somebody holds a table."""
    with target.begin() as connection:
        connection.execute(text(f"LOCK TABLE {table} IN {mode} MODE"))
        yield


def data_locked(target: Engine) -> AbstractContextManager[None]:
    return locked("data", target)


def index_created(target: Engine) -> AbstractContextManager[None]:
    """The lock of CREATE INDEX: `data` can be read, and COPY waits."""
    return locked("data", target, "SHARE")


def slices_locked(target: Engine) -> AbstractContextManager[None]:
    return locked("etl.slice", target)


@pytest.fixture
def rig(redis_settings: RedisSettings) -> Iterator[Rig]:
    """A stream whose entries may be delivered twice; no lease on them runs out."""
    bounds = {"max_deliveries": MAX_DELIVERIES, "lease_s": LONG_LEASE_S}
    made = Rig(redis_settings.model_copy(update=bounds))
    yield made
    made.stop()


@pytest.mark.parametrize("outage", [disk_full, data_locked, index_created, slices_locked])
def test_an_outage_that_outlasts_all_deliveries_leaves_no_dead_letter(
    target: Engine, rig: Rig, outage: Callable[[Engine], AbstractContextManager[None]]
) -> None:
    url = target.url.render_as_string(hide_password=False)
    impatient = engines.connect(url, application="test", lock_timeout_s=LOCK_TIMEOUT_S)
    load, tried = loader(impatient), threading.Semaphore(0)

    def handle(entries: Sequence[Entry]) -> Sequence[Output]:
        tried.release()
        return load(entries)

    rig.client.xadd(rig.stream, batch(new_job(target), steady(7.0)).encode())
    with outage(target):
        rig.run(handle)
        for _ in range(MAX_DELIVERIES + 2):  # the last attempt begins when those before have failed
            wait_until(lambda: rig.dead() or tried.acquire(blocking=False))
        assert rig.dead() == []
    wait_until(rig.is_empty)
    assert (rig.dead(), set(means(target).values())) == ([], {7.0})
    rig.stop()
    impatient.dispose()


def read_only(engine: Engine) -> None:
    """The next session stays read-only, as after a failover or a change of the default."""
    with engine.connect() as connection:
        connection.execute(text("SET default_transaction_read_only = on"))
        connection.commit()


def test_a_session_that_stays_read_only_is_left(target: Engine) -> None:
    url = target.url.render_as_string(hide_password=False)
    engine = engines.connect(url, application="test")
    load = loader(engine)
    for value in (7.0, 8.0):  # first a new signal is refused, then the lock on a known one
        stats = entry(batch(new_job(target), steady(value)))
        read_only(engine)
        with pytest.raises(Unavailable, match="25006"):
            load([stats])
        load([stats])
        assert set(means(target).values()) == {value}
    engine.dispose()
