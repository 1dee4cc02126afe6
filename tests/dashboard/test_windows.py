"""The windows of the page of data."""

from datetime import timedelta

from sqlalchemy import Engine

from services.dashboard.target import Target
from services.dashboard.windows import columns, windows
from tests.dashboard.rig import load
from tests.integration.loader import DAY, HOUR, ONE_DAY, batch, new_job, sliced, steady


def test_as_many_as_are_shown_are_counted_from_the_first_that_there_is(target: Engine) -> None:
    job = new_job(target, spec=sliced(ONE_DAY))
    nothing: list[float | None] = [None] * 600
    load(target, batch(job, nothing + steady(7.0, 120), length=ONE_DAY, asset="T01"))
    there = Target(target)
    found = windows(
        there, "T01", DAY, DAY + ONE_DAY, columns(there, 600), window_s=600, limit=6
    ).rows
    assert [at - DAY for at, _ in found] == [
        10 * HOUR + n * timedelta(minutes=10) for n in range(6)
    ]
