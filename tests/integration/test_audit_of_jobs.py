"""The audit of jobs: who requested, cancelled and retried them, recorded with the change."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from shared.domain.actor import Actor
from shared.domain.job import Job
from shared.errors import Conflict, InvalidInput, NotFound
from shared.ledger.audit_log import AuditLog
from shared.ledger.ledger import Ledger
from shared.settings import RedisSettings
from tests.actors import TESTER
from tests.integration.job_handler_case import extractors
from tests.integration.jobs import VARIABLES, Api, assert_problem, serving
from tests.integration.ledger_jobs import add, cancelled, done
from tests.integration.stub_connector import json_response, stub_connector

ALICE = Actor("page", "alice@192.0.2.7")
REFUSED = """
    CREATE FUNCTION etl.refuse() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN RAISE EXCEPTION USING ERRCODE = ''22000'', MESSAGE = ''refused''; END';
    CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE ON etl.job
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION etl.refuse();
"""


@pytest.fixture
def ledger(target: Engine) -> Ledger:
    return Ledger(target)


@pytest.fixture
def api(target: Engine, redis_settings: RedisSettings) -> Iterator[Api]:
    with stub_connector() as connector:
        connector.respond_with(json_response(VARIABLES))
        with serving(target, redis_settings, connector.url) as found:
            yield found


def rows(target: Engine, job: int | None = None) -> list[tuple[str, str, str, int | None]]:
    """Action, actor, channel and job, the oldest first."""
    entries = AuditLog(target).newest(99, job=job)
    return [(e.action, e.actor, e.channel, e.job_id) for e in reversed(entries)]


def test_each_change_of_a_job_is_recorded(target: Engine, ledger: Ledger) -> None:
    job = add(ledger).id
    ledger.cancel(job, by=ALICE)
    ledger.retry(job, by=TESTER)
    assert rows(target) == [
        ("request", TESTER.name, "cli", job),
        ("cancel", ALICE.name, "page", job),
        ("retry", TESTER.name, "cli", job),
    ]
    assert {entry.dead_letter_id for entry in AuditLog(target).newest(9)} == {None}


@pytest.mark.parametrize(
    "refused",
    [
        lambda ledger, job: ledger.cancel(job.id, by=ALICE),
        lambda ledger, job: ledger.retry(job.id, by=ALICE),
        lambda ledger, _: ledger.cancel(10**9, by=ALICE),
    ],
    ids=["cancel", "retry", "no job"],
)
def test_a_refused_change_is_not_recorded(
    target: Engine, ledger: Ledger, refused: Callable[[Ledger, Job], Job]
) -> None:
    job = done(ledger)
    before = rows(target)
    with pytest.raises((Conflict, NotFound)):
        refused(ledger, job)
    assert rows(target) == before


def test_a_repeated_request_is_not_recorded(target: Engine, ledger: Ledger) -> None:
    first, second = (add(ledger, key="one").id for _ in range(2))
    assert (first, rows(target)) == (second, [("request", TESTER.name, "cli", first)])


def test_of_two_who_cancel_one_is_recorded(target: Engine, ledger: Ledger) -> None:
    job = add(ledger).id

    def cancel(name: str) -> None:
        with suppress(Conflict):
            ledger.cancel(job, by=Actor("cli", name))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(cancel, "abcd"))
    assert [action for action, *_ in rows(target)] == ["request", "cancel"]


def test_a_change_that_is_not_committed_leaves_no_row(target: Engine, ledger: Ledger) -> None:
    job, stopped = add(ledger), cancelled(ledger)
    before = rows(target)
    with target.begin() as connection:
        connection.execute(text(REFUSED))
    changes: list[Callable[[], Job]] = [
        lambda: add(ledger),
        lambda: ledger.cancel(job.id, by=ALICE),
        lambda: ledger.retry(stopped.id, by=ALICE),
    ]
    for change in changes:
        with pytest.raises(InvalidInput, match="refused"):
            change()
    assert rows(target) == before


@pytest.mark.parametrize(
    "columns",
    [
        "('request', 'a', 'http', NULL, NULL)",
        "('request', 'a', 'http', 1, '1-0')",
        "('replay', 'a', 'http', 1, '1-0')",
        "('request', 'a', 'elsewhere', 1, NULL)",
        "('delete', 'a', 'http', 1, NULL)",
    ],
)
def test_the_table_refuses_other_rows(target: Engine, columns: str) -> None:
    statement = (
        f"INSERT INTO etl.audit (action, actor, channel, job_id, dead_letter_id) VALUES {columns}"
    )
    with pytest.raises(IntegrityError), target.begin() as connection:
        connection.execute(text(statement))


def test_a_request_over_http_names_the_header_or_the_address(target: Engine, api: Api) -> None:
    jobs = [
        api.post().json()["id"],
        api.post(**{"Minuano-Actor": "alice@pc"}).json()["id"],
        api.post(**{"Minuano-Actor": "dagster 7f3a"}).json()["id"],
    ]
    api.client.post(f"/jobs/{jobs[0]}/cancel", headers={"Minuano-Actor": "cli alice@pc"})
    api.client.post(f"/jobs/{jobs[0]}/retry")
    assert rows(target) == [
        ("request", "testclient", "http", jobs[0]),
        ("request", "alice@pc", "http", jobs[1]),
        ("request", "7f3a", "dagster", jobs[2]),
        ("cancel", "alice@pc", "cli", jobs[0]),
        ("retry", "testclient", "http", jobs[0]),
    ]


def test_another_header_is_refused(target: Engine, api: Api) -> None:
    answer = api.post(**{"Minuano-Actor": "alice and bob"})
    assert_problem(answer, 422, "Minuano-Actor", "1 to 200 printable ASCII characters")
    assert rows(target) == []


def test_an_entry_added_by_hand_names_a_person_or_itself(
    target: Engine, redis_settings: RedisSettings
) -> None:
    with extractors(target, redis_settings) as make:
        extractor = make()
        named = extractor.handle_request("1-1", date="2025-12-05", actor="alice")
        twice = [extractor.handle_request("2-1", date="2025-12-05") for _ in range(2)]
        with pytest.raises(InvalidInput, match="actor: 1 to 200 printable ASCII characters"):
            extractor.handle_request("3-1", date="2025-12-05", actor="Jörg")
    assert rows(target) == [
        ("request", "alice", "stream", named),
        ("request", "2-1", "stream", twice[0]),
    ]
