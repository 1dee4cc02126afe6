"""What the target refuses until a person changes it there fails the job, with its own sentence."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from shared.errors import InvalidInput, TimedOut, Unavailable
from shared.postgres import engines
from tests.integration.loader import batch, entry, loader, means, new_job, steady

WRITER, OWNER = "minuano_writer", "minuano_owner"
CANCELS_ITSELF = """
    CREATE FUNCTION cancel() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_cancel_backend(pg_backend_pid()); PERFORM pg_sleep(10); RETURN NULL;
    END $$;
    CREATE TRIGGER cancel BEFORE INSERT ON data EXECUTE FUNCTION cancel()
"""


SLOW = """
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_sleep(10); RETURN NULL;
    END $$;
    CREATE TRIGGER wait BEFORE INSERT ON data EXECUTE FUNCTION wait()
"""


LEAVES_OUT = """
    CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER leave_out BEFORE {} ON data FOR EACH ROW EXECUTE FUNCTION leave_out()
"""


@pytest.fixture
def writer(target: Engine) -> Iterator[Engine]:
    url = target.url.render_as_string(hide_password=False).replace(OWNER, WRITER)
    engine = engines.connect(url, application="test")
    yield engine
    engine.dispose()


def change(target: Engine, statements: str) -> None:
    with target.begin() as connection:
        connection.exec_driver_sql(statements)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (f"REVOKE INSERT ON data FROM {WRITER}", "permission denied for table data (42501)"),
        (f"REVOKE SELECT ON data FROM {WRITER}", "permission denied for table data (42501)"),
        ("DROP TABLE quality CASCADE", 'relation "quality" does not exist (42P01)'),
    ],
)
def test_a_refusal_names_the_target_and_can_be_retried(
    target: Engine, writer: Engine, statement: str, sentence: str
) -> None:
    stats = entry(batch(new_job(target), steady(7.0)))
    change(target, statement)
    with pytest.raises(InvalidInput) as error:
        loader(writer)([stats])
    assert (error.value.reason, str(error.value)) == ("target", f"PostgreSQL: {sentence}")
    assert means(target) == {}


def test_a_refused_statement_leaves_the_connection_usable(target: Engine, writer: Engine) -> None:
    stats = entry(batch(new_job(target), steady(7.0)))
    change(target, f"REVOKE INSERT ON data FROM {WRITER}")
    load = loader(writer)
    with pytest.raises(InvalidInput):
        load([stats])
    change(target, f"GRANT INSERT ON data TO {WRITER}")
    load([stats])
    assert set(means(target).values()) == {7.0}


@pytest.mark.parametrize(
    ("action", "value", "message"),
    [
        ("INSERT", 8.0, "0 of 24 rows of `data` were inserted"),
        ("UPDATE", 8.0, "0 of 18 rows of `data` were updated"),
        ("DELETE", None, "0 of 24 rows of `data` were deleted"),
    ],
)
def test_a_trigger_that_leaves_rows_out_fails_the_job(
    target: Engine, action: str, value: float | None, message: str
) -> None:
    if action != "INSERT":
        loader(target)([entry(batch(new_job(target), steady(7.0)))])
    before = means(target)
    change(target, LEAVES_OUT.format(action))
    columns = [] if value is None else [steady(value)]
    with pytest.raises(InvalidInput, match=message) as error:
        loader(target)([entry(batch(new_job(target), *columns))])
    assert error.value.reason == "target"
    assert means(target) == before


def test_a_statement_that_a_person_cancels_is_sent_again(target: Engine) -> None:
    stats = entry(batch(new_job(target), steady(7.0)))
    change(target, CANCELS_ITSELF)
    with pytest.raises(Unavailable, match="user request"):
        loader(target)([stats])
    change(target, "DROP FUNCTION cancel CASCADE")
    loader(target)([stats])
    assert set(means(target).values()) == {7.0}


def test_a_statement_that_takes_too_long_names_the_setting(target: Engine) -> None:
    stats = entry(batch(new_job(target), steady(7.0)))
    change(target, SLOW)
    url = target.url.render_as_string(hide_password=False)
    engine = engines.connect(url, application="test", transaction_limit_s=0.3)
    with pytest.raises(TimedOut, match=r"\(57014\); its limit is MINUANO_LEASE_S"):
        loader(engine)([stats])
    engine.dispose()
