"""Which slices of a job are unchanged since they were loaded."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Engine, text

from shared.clients.connector import DayFingerprints
from shared.domain.content_hash import series_of
from shared.domain.fingerprint import to_text
from shared.domain.job_request import JobRequest
from shared.domain.local_time import day_range
from shared.domain.slices import Slice
from shared.domain.spec import StatisticsSpec
from shared.ledger import slice_locks
from shared.ledger.ledger import Ledger
from shared.ledger.target_content import contents
from shared.ledger.unchanged import mark_unchanged
from shared.postgres.transaction import transaction
from tests.actors import TESTER

BERLIN = ZoneInfo("Europe/Berlin")
# This day has 25 hours: two slices of twelve, and one of one.
LONG_DAY, NEXT_DAY = date(2025, 10, 26), date(2025, 10, 27)
SPEC = StatisticsSpec(slice_s=12 * 3600, statistics=("mean", "max"))
VARIABLES = ("wind_speed", "power")
ASSETS = ("T01", "T02")
FIRST = ("T01", LONG_DAY)
EVERYTHING = {(asset, day) for asset in ASSETS for day in (LONG_DAY, NEXT_DAY)}
START = "'2025-10-25 22:00Z'"

AssetDay = tuple[str, date]


def slices(job: int, *, spec: StatisticsSpec = SPEC) -> list[Slice]:
    """The slices of a job for both days of both turbines."""
    return [
        Slice(job=job, asset=asset, start=start, end=end, variables=VARIABLES, spec=spec)
        for asset in ASSETS
        for day in (LONG_DAY, NEXT_DAY)
        for start, end in spec.spans(day, BERLIN)
    ]


def new_job(target: Engine, spec: StatisticsSpec = SPEC) -> int:
    request = JobRequest(start=LONG_DAY, end=NEXT_DAY, variables=VARIABLES)
    return Ledger(target).add(request, spec=spec, timezone=BERLIN.key, trace="", by=TESTER)[0].id


def load(target: Engine, loaded: Sequence[Slice]) -> None:
    """Record the slices as loaded with the content of the target. The fingerprint of the first
    variable of each slice is 1, that of the second is 2.
    """
    with target.begin() as connection:
        now = [_contents(connection, slice_) for slice_ in loaded]
        connection.execute(
            text("""
                INSERT INTO etl.slice (job_id, asset, start, "end", variables, window_s,
                                       loaded_at, rows, windows, present, expected, fingerprints,
                                       contents)
                VALUES (:job, :asset, :start, :end, :variables, 600, now(), 0, 0, 0, 0,
                        :fingerprints, :contents)
            """),
            [
                {"job": s.job, "asset": s.asset, "start": s.start, "end": s.end,
                 "variables": list(s.variables), "contents": of_slice,
                 "fingerprints": [to_text(n) for n in range(1, len(s.variables) + 1)]}
                for s, of_slice in zip(loaded, now, strict=True)
            ],
        )  # fmt: skip


def _contents(connection: Connection, slice_: Slice) -> list[int]:
    span = (slice_.asset, slice_.time_range)
    series = series_of(slice_.variables, slice_.spec.statistics)
    return contents(connection, [span], series, window_s=600)[0]


@pytest.fixture
def loaded(target: Engine) -> Engine:
    """A target with both days of both turbines, an hour a window."""
    with target.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO signal (name, asset, variable, statistic, window_s)
            SELECT concat_ws('/', a, v, s), a, v, s, 600 FROM unnest(ARRAY['T01', 'T02']) a,
            unnest(ARRAY['wind_speed', 'power']) v, unnest(ARRAY['mean', 'max']) s
        """)
        )
        connection.execute(
            text("""
            INSERT INTO data SELECT t, id, id * extract(hour FROM t) FROM signal,
            generate_series(timestamptz '2025-10-25 22:00Z', '2025-10-27 22:50Z', '1 hour') t
        """)
        )
        connection.execute(
            text(f"INSERT INTO quality VALUES ('T01', 'power', 600, {START}, 9, 10, 1)")
        )
    load(target, slices(new_job(target)))
    return target


def source() -> list[DayFingerprints]:
    """What the source has: the sums of three and of two slices."""
    return [
        DayFingerprints(
            asset=asset, day=day, rows=1,
            fingerprints={"wind_speed": to_text(n), "power": to_text(2 * n)},
        )
        for asset in ASSETS
        for day, n in ((LONG_DAY, 3), (NEXT_DAY, 2))
    ]  # fmt: skip


def found(
    target: Engine,
    days: Sequence[DayFingerprints] | None = None,
    requested: Sequence[Slice] | None = None,
) -> set[AssetDay]:
    """The days of which all slices are unchanged; no day is so in part."""
    requested = slices(new_job(target)) if requested is None else requested
    identities = mark_unchanged(target, source() if days is None else days, requested, zone=BERLIN)
    parts: dict[AssetDay, set[bool]] = {}
    for slice_ in requested:
        day = slice_.start.astimezone(BERLIN).date()
        parts.setdefault((slice_.asset, day), set()).add(slice_.identity in identities)
    assert all(len(states) == 1 for states in parts.values())
    return {day for day, states in parts.items() if states == {True}}


def test_slices_that_nobody_touched_are_unchanged(loaded: Engine) -> None:
    assert found(loaded) == EVERYTHING


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE data SET value = value + 1 WHERE signal_id = 1 AND timestamp = {START}",
        f"DELETE FROM data WHERE signal_id = 1 AND timestamp = {START}",
        f"INSERT INTO data SELECT timestamptz {START} + interval '10 min', id, 0 FROM signal "
        "WHERE asset = 'T01'",
        "UPDATE quality SET flags = 3",
        "UPDATE quality SET count = 8",
        "DELETE FROM quality",
        f"UPDATE etl.slice SET superseded = true WHERE asset = 'T01' AND start = {START}",
        f"UPDATE etl.slice SET loaded_at = NULL WHERE asset = 'T01' AND start = {START}",
        f"UPDATE etl.slice SET contents = NULL WHERE asset = 'T01' AND start = {START}",
        f"UPDATE etl.slice SET fingerprints = NULL WHERE asset = 'T01' AND start = {START}",
        "UPDATE etl.slice SET variables = '{gust,power}' "
        f"WHERE asset = 'T01' AND start = {START}",
        'UPDATE etl.slice SET "end" = "end" - interval \'1 hour\' '
        f"WHERE asset = 'T01' AND start = {START}",
    ],
)
def test_a_day_with_a_changed_slice_is_changed(loaded: Engine, statement: str) -> None:
    with loaded.begin() as connection:
        assert connection.execute(text(statement)).rowcount
    assert found(loaded) == EVERYTHING - {FIRST}


def test_a_day_with_other_samples_is_changed(loaded: Engine) -> None:
    days = source()
    days[0].fingerprints["power"] = to_text(7)
    assert found(loaded, days) == EVERYTHING - {FIRST}


def test_a_day_without_samples_any_more_is_changed(loaded: Engine) -> None:
    assert found(loaded, source()[1:]) == EVERYTHING - {FIRST}


def test_a_day_that_never_had_samples_is_unchanged(loaded: Engine) -> None:
    with loaded.begin() as connection:
        connection.execute(
            text("UPDATE etl.slice SET fingerprints = :none WHERE asset = 'T01'"),
            {"none": [to_text(0)] * 2},
        )
    assert found(loaded, source()[2:]) == EVERYTHING


def test_a_part_of_a_day_cannot_be_compared(loaded: Engine) -> None:
    requested = slices(new_job(loaded))
    for missing in range(3):
        rest = requested[:missing] + requested[missing + 1 :]
        assert found(loaded, requested=rest) == EVERYTHING - {FIRST}


def test_another_specification_is_a_change(loaded: Engine) -> None:
    other = SPEC.model_copy(update={"ddof": 0})
    assert found(loaded, requested=slices(new_job(loaded, other), spec=other)) == set()


def test_the_order_of_the_variables_does_not_matter(loaded: Engine) -> None:
    with loaded.begin() as connection:
        connection.execute(
            text(
                "UPDATE etl.slice SET variables = :variables, fingerprints = :fingerprints, "
                "contents = contents[4:6] || contents[1:3]"
            ),
            {"variables": ["power", "wind_speed"], "fingerprints": [to_text(2), to_text(1)]},
        )
    assert found(loaded) == EVERYTHING


@pytest.mark.parametrize(
    ("changed", "is_unchanged"),
    [
        ({}, True),
        ({"variables": ("power",)}, False),
        ({"start": datetime(2025, 10, 25, 23, tzinfo=UTC)}, False),
        ({"spec": SPEC.model_copy(update={"flatline_s": 300.0})}, False),
    ],
    ids=["the same", "another variable", "another range", "another specification"],
)
def test_only_the_newest_slice_counts(
    loaded: Engine, changed: dict[str, object], is_unchanged: bool
) -> None:
    spec = changed.get("spec", SPEC)
    assert isinstance(spec, StatisticsSpec)
    first = slices(new_job(loaded, spec))[0]
    fields = {name: getattr(first, name) for name in Slice.__dataclass_fields__}
    load(loaded, [Slice(**{**fields, **changed})])
    assert found(loaded) == EVERYTHING - (set() if is_unchanged else {FIRST})


def test_windows_of_another_length_do_not_matter(loaded: Engine) -> None:
    load(loaded, slices(new_job(loaded))[:1])
    with loaded.begin() as connection:
        connection.execute(
            text("UPDATE etl.slice SET window_s = 60, contents = '{}' WHERE job_id = 2")
        )
    assert found(loaded) == EVERYTHING


def test_an_unchanged_slice_is_loaded_as_it_was_before(loaded: Engine) -> None:
    with loaded.begin() as connection:
        connection.execute(
            text("UPDATE etl.slice SET rows = 7, windows = 6, present = 5, expected = 8")
        )
    ledger, job = Ledger(loaded), new_job(loaded)
    ledger.mark_started(job, assets=ASSETS, slices_total=10)
    assert len(mark_unchanged(loaded, source(), slices(job), zone=BERLIN)) == 10
    done = ledger.job(job)
    assert (done.state, done.loaded, done.unchanged) == ("done", 10, 10)
    assert (done.rows, done.windows, done.present, done.expected) == (70, 60, 50, 80)
    assert found(loaded) == EVERYTHING


def test_slices_of_a_day_on_which_a_loader_works_count_as_changed(loaded: Engine) -> None:
    job = new_job(loaded)
    first, *others = slices(job)
    with transaction(loaded) as opened:
        opened.first(slice_locks.TRY_LOCK, keys=slice_locks.keys([first]))
        same = mark_unchanged(loaded, source(), [first, *others], zone=BERLIN)
    assert {asset for _, asset, _ in same} == {"T02"}  # both days of T01 are partly on that day


def test_no_slices_are_unchanged(loaded: Engine) -> None:
    assert mark_unchanged(loaded, [], [], zone=BERLIN) == set()


def test_the_days_of_this_module_have_three_and_two_slices() -> None:
    lengths = [end - start for start, end in SPEC.spans(LONG_DAY, BERLIN)]
    assert lengths == [timedelta(hours=12), timedelta(hours=12), timedelta(hours=1)]
    assert len(list(SPEC.spans(NEXT_DAY, BERLIN))) == 2
    assert day_range(LONG_DAY, BERLIN).start == datetime(2025, 10, 25, 22, tzinfo=UTC)
