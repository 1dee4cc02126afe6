"""Which slices of a job need not be computed again: neither their samples nor their windows in the
target have changed since they were loaded.

A slice is unchanged if all of these hold for each slice of its local day, because the fingerprints
of the source are those of whole days, and if no other transaction works on the day:

1. The newest loaded slice that overlaps it has the same time range, specification and variables,
   and was loaded as a whole.
1. The fingerprints of the day's slices add up to those of the source.
1. The target has the content that was loaded.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, text

from shared.clients.connector import DayFingerprints
from shared.domain.content_hash import Series, series_of
from shared.domain.fingerprint import combine
from shared.domain.local_time import day_range
from shared.domain.slices import Identity, Slice, consecutive_runs
from shared.domain.time_range import TimeRange
from shared.ledger import slice_locks
from shared.ledger.load_marks import LoadedSlice, marks
from shared.ledger.reconciliation import NO_SAMPLES
from shared.ledger.target_content import contents
from shared.postgres.engines import postgres_errors
from shared.postgres.errors import TARGET
from shared.postgres.transaction import Transaction, transaction

# No slice is longer than two days, so the index on (asset, start) finds all that overlap.
_LOADED = text("""
    SELECT w.n, s.variables, s.fingerprints, s.contents, s.rows, s.windows, s.present, s.expected
    FROM unnest(CAST(:assets AS text[]), CAST(:starts AS timestamptz[]),
                CAST(:ends AS timestamptz[])) WITH ORDINALITY AS w(asset, start, "end", n)
    CROSS JOIN LATERAL (
        SELECT * FROM etl.slice
        WHERE asset = w.asset AND start < w."end" AND start > w.start - interval '2 days'
        AND "end" > w.start AND window_s = :window_s AND loaded_at IS NOT NULL
        ORDER BY job_id DESC LIMIT 1
    ) s
    JOIN etl.job j ON j.id = s.job_id
    WHERE s.start = w.start AND s."end" = w."end" AND NOT s.superseded
    AND s.fingerprints IS NOT NULL AND j.spec = CAST(:spec AS jsonb)
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedBefore:
    """What the ledger has of a slice that was loaded: the fingerprint of each variable, the
    content of each series, and the counts of `shared.ledger.load_marks.LoadedSlice`.
    """

    fingerprints: Mapping[str, str]
    contents: Mapping[Series, int | None]
    rows: int
    windows: int
    present: int
    expected: int

    def again(self, slice_: Slice) -> LoadedSlice:
        """The same for the slice of another job."""
        return LoadedSlice(
            slice=slice_, rows=self.rows, windows=self.windows, present=self.present,
            expected=self.expected, superseded=False, extract_ms=0.0, aggregate_ms=0.0,
            load_ms=0.0, fingerprints=tuple(self.fingerprints[v] for v in slice_.variables),
            contents=[self.contents[one] for one in _series(slice_)], unchanged=True,
        )  # fmt: skip


Loaded = Mapping[Identity, LoadedBefore]
Contents = Mapping[Series, int]


def mark_unchanged(
    engine: Engine,
    source_days: Iterable[DayFingerprints],
    slices: Sequence[Slice],
    *,
    zone: ZoneInfo,
) -> set[Identity]:
    """Mark the slices that are unchanged as loaded; return their identities. The slices are of one
    job, and `source_days` has what the source has now of their assets, variables and days in
    `zone`; a day that is left out has no samples. No loader changes these slices meanwhile. Raises
    `Unavailable`.
    """
    if not slices:
        return set()
    source = {(day.asset, day.day): day.fingerprints for day in source_days}
    with postgres_errors(refused=TARGET), transaction(engine) as opened:
        free = _lock(opened, slices)
        days = [day for day in _days(slices, zone) if free.issuperset(day.identities)]
        loaded = _loaded(opened.connection, slices)
        same = [d for d in days if d.has_samples(loaded, source.get((d.asset, d.day), {}))]
        now = _contents(opened.connection, [slice_ for day in same for slice_ in day.slices])
        found = [s for day in same if day.has_contents(loaded, now) for s in day.slices]
        statement, values = marks([loaded[slice_.identity].again(slice_) for slice_ in found])
        opened.last(*([statement] if found else []), **values)
    return {slice_.identity for slice_ in found}


def _lock(opened: Transaction, slices: Sequence[Slice]) -> set[Identity]:
    """Lock the days of the slices that no other transaction has locked; return these slices."""
    keys = slice_locks.keys(slices)
    busy = opened.first(slice_locks.TRY_LOCK, f"SELECT {slice_locks.BUSY}", keys=keys).scalar_one()
    return {slices[n].identity for n in slice_locks.without_keys(slices, busy)}


@dataclass(frozen=True, slots=True)
class SliceDay:
    """The slices of one asset's local day, in order."""

    asset: str
    day: date
    time_range: TimeRange
    slices: tuple[Slice, ...]

    @property
    def identities(self) -> list[Identity]:
        return [slice_.identity for slice_ in self.slices]

    def has_samples(self, loaded: Loaded, source: Mapping[str, str]) -> bool:
        """Whether the slices cover the day without a gap and were all loaded from the samples with
        these fingerprints.
        """
        if len(list(consecutive_runs(self.slices))) != 1 or self.time_range != (
            self.slices[0].start, self.slices[-1].end
        ):  # fmt: skip
            return False
        if any(identity not in loaded for identity in self.identities):
            return False
        fingerprints = [loaded[identity].fingerprints for identity in self.identities]
        variables = self.slices[0].variables
        return all(each.keys() == set(variables) for each in fingerprints) and all(
            combine(each[name] for each in fingerprints) == source.get(name, NO_SAMPLES)
            for name in variables
        )

    def has_contents(self, loaded: Loaded, now: Mapping[Identity, Contents]) -> bool:
        """Whether the target has what was loaded."""
        return all(loaded[identity].contents == now[identity] for identity in self.identities)


def _days(slices: Iterable[Slice], zone: ZoneInfo) -> list[SliceDay]:
    days: dict[tuple[str, date], list[Slice]] = defaultdict(list)
    for slice_ in slices:
        days[slice_.asset, slice_.start.astimezone(zone).date()].append(slice_)
    return [
        SliceDay(asset, day, day_range(day, zone), tuple(sorted(parts, key=lambda s: s.start)))
        for (asset, day), parts in days.items()
    ]


def _series(slice_: Slice) -> list[Series]:
    return series_of(slice_.variables, slice_.spec.statistics)


def _contents(connection: Connection, slices: Sequence[Slice]) -> dict[Identity, Contents]:
    """The contents that the target has now. The slices are of one job."""
    if not slices:
        return {}
    spans, series = [(slice_.asset, slice_.time_range) for slice_ in slices], _series(slices[0])
    found = contents(connection, spans, series, window_s=slices[0].spec.window_s)
    return {
        slice_.identity: dict(zip(series, values, strict=True))
        for slice_, values in zip(slices, found, strict=True)
    }


def _loaded(connection: Connection, slices: Sequence[Slice]) -> dict[Identity, LoadedBefore]:
    """Of each slice, the newest one that was loaded, if it is the same as a whole."""
    spec = slices[0].spec
    rows = connection.execute(_LOADED, {
        "assets": [slice_.asset for slice_ in slices],
        "starts": [slice_.start for slice_ in slices],
        "ends": [slice_.end for slice_ in slices],
        "window_s": spec.window_s,
        "spec": spec.model_dump_json(),
    })  # fmt: skip
    return {
        slices[row.n - 1].identity: LoadedBefore(
            fingerprints=dict(zip(row.variables, row.fingerprints, strict=True)),
            contents=dict(
                zip(series_of(row.variables, spec.statistics), row.contents or (), strict=False)
            ),
            rows=row.rows, windows=row.windows, present=row.present, expected=row.expected,
        )
        for row in rows
    }  # fmt: skip
