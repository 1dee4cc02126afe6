"""Backup and restore as in docs/backup.md, while Redis keeps entries of the jobs that are lost."""

import subprocess
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cli.embedded import server_binaries
from cli.embedded.postgres import Postgres
from shared.ledger.ledger import Ledger
from shared.postgres import engines
from tests.integration.loader import batch, loader, means, new_job, of_ledger, steady


def program(name: str) -> Path:
    path = server_binaries.postgres().sibling(name)
    if path is None:
        pytest.skip(f"this PostgreSQL has no {name}")
    return path


def run(*words: str | Path) -> None:
    completed = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (completed.returncode, completed.stderr) == (0, "")


def test_a_restored_target_takes_no_batch_of_a_lost_job(
    target: Engine, target_url: str, postgres: Postgres, tmp_path: Path
) -> None:
    dump = tmp_path / "wind.dump"
    kept = new_job(target)
    loader(target).load([batch(kept, steady(1.0))])
    run(program("pg_dump"), "--format=custom", f"--file={dump}", target_url)
    before, lost = Ledger(target).identity(), new_job(target)
    in_redis = of_ledger(batch(lost, steady(2.0)), before.current)
    target.dispose()
    run(
        program("pg_restore"), "--clean", "--if-exists", "--create", "--exit-on-error",
        f"--dbname={postgres.url()}", dump,
    )  # fmt: skip
    writer = engines.connect(
        postgres.url(target.url.database or "", "minuano_writer"), application="test"
    )
    again = new_job(writer)
    loader(writer).load([in_redis])
    assert (again, set(means(writer).values())) == (lost, {1.0})
    loader(writer).load([batch(again, steady(3.0))])
    assert set(means(writer).values()) == {3.0}
    after = Ledger(writer).identity()
    assert (after.schema, after.current == before.current) == (before.schema, False)
    writer.dispose()
