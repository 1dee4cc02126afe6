"""The rows made from batches: always in the order of the primary key."""

import random
from datetime import timedelta

import numpy as np
import pytest

from services.aggregator.aggregate import aggregate
from services.loader import fence, target_rows
from services.loader.signals import SignalKey
from services.loader.target_rows import ReplaceRange
from shared.domain.batches import StatsBatch
from shared.domain.quality_flags import Flag
from shared.domain.slices import Slice
from shared.domain.time_range import TimeRange
from tests.integration.loader import DAY, HOUR, ONE_DAY, batch, sliced, steady
from tests.unit.batches import joined, minutes, raw_batch

OLD, NEW = 1, 2


def keys(rows: target_rows.TargetRows) -> list[tuple[int, np.datetime64]]:
    return list(zip(rows.signal_id.tolist(), rows.timestamp.tolist(), strict=True))


def patches_and_ids() -> tuple[list[fence.Patch], dict[SignalKey, int]]:
    """A day of an older job, and an hour in the middle of it of a newer one."""
    old = batch(OLD, steady(1.0, 1_440), length=ONE_DAY, spec=sliced(ONE_DAY))
    new = batch(NEW, steady(2.0), start=DAY + 12 * HOUR)
    patches = fence.make_patches([old, new], [])
    return patches, signal_ids(patches)


def signal_ids(patches: list[fence.Patch]) -> dict[SignalKey, int]:
    """Ids in the order of the keys, from 1 on."""
    keys = sorted({key for patch in patches for key in SignalKey.of_patch(patch)})
    return {key: id for id, key in enumerate(keys, start=1)}


def test_rows_are_in_the_order_of_the_key_when_a_newer_job_lies_within_an_older_one() -> None:
    rows = target_rows.target_rows(*patches_and_ids())
    assert keys(rows) == sorted(set(keys(rows)))
    assert len(rows) == 144 * 4


def test_adjacent_ranges_of_a_signal_are_joined() -> None:
    assert target_rows.replace_ranges(*patches_and_ids()) == [
        ReplaceRange(id, TimeRange(DAY, DAY + ONE_DAY)) for id in (1, 2, 3, 4)
    ]


def test_ranges_of_two_signals_are_not_joined() -> None:
    first, second = batch(OLD, steady(1.0)), batch(OLD, steady(1.0), start=DAY + HOUR, asset="T01")
    patches = fence.make_patches([first, second], [])
    assert target_rows.replace_ranges(patches, signal_ids(patches)) == [
        *(ReplaceRange(id, TimeRange(DAY, DAY + HOUR)) for id in (1, 2, 3, 4)),
        *(ReplaceRange(id, TimeRange(DAY + HOUR, DAY + 2 * HOUR)) for id in (5, 6, 7, 8)),
    ]


def test_a_window_has_a_quality_row_if_its_count_is_wrong_or_it_has_a_flag() -> None:
    spec = sliced(HOUR, period_s=120.0, value_limits={"wind_speed": (0.0, 5.0)})
    complete, too_many, flagged = [1.0, None] * 5, [1.0] * 10, [9.0, None] * 5
    stats = batch(OLD, [*complete, *too_many, *flagged, 1.0, *[None] * 9, *complete * 2], spec=spec)
    assert target_rows.quality_rows(fence.make_patches([stats], [])) == [
        ("", "wind_speed", 600, DAY + timedelta(minutes=minute), count, 5, flags)
        for minute, count, flags in (
            (10, 10, Flag(0)), (20, 5, Flag.OUT_OF_RANGE), (30, 1, Flag.INCOMPLETE),
        )
    ]  # fmt: skip


def test_an_older_job_has_no_quality_rows_for_windows_of_a_newer_one() -> None:
    old = batch(OLD, length=ONE_DAY, spec=sliced(ONE_DAY))
    new = batch(NEW, steady(2.0), start=DAY + 12 * HOUR)
    rows = target_rows.quality_rows(fence.make_patches([old, new], []))
    minutes = [*range(0, 720, 10), *range(780, 1_440, 10)]
    assert [row[3] for row in rows] == [DAY + timedelta(minutes=minute) for minute in minutes]


def test_ranges_around_windows_of_a_newer_job_are_not_joined() -> None:
    old = batch(OLD, steady(1.0, 1_440), length=ONE_DAY, spec=sliced(ONE_DAY))
    noon = DAY + 12 * HOUR
    patches = fence.make_patches([old], [fence.LoadedSpan.of(batch(NEW, start=noon).slices[0])])
    assert target_rows.replace_ranges(patches, signal_ids(patches)) == [
        ReplaceRange(id, TimeRange(start, end))
        for id in (1, 2, 3, 4)
        for start, end in ((DAY, noon), (noon + HOUR, DAY + ONE_DAY))
    ]


def test_an_hour_and_the_next_hour_of_another_signal_are_not_joined() -> None:
    spec = sliced(statistics=("mean",))
    first = batch(OLD, steady(1.0), spec=spec, asset="T01")
    second = batch(OLD, steady(1.0), spec=spec, asset="T02", start=DAY + HOUR)
    patches = fence.make_patches([first, second], [])
    assert target_rows.replace_ranges(patches, signal_ids(patches)) == [
        ReplaceRange(1, TimeRange(DAY, DAY + HOUR)),
        ReplaceRange(2, TimeRange(DAY + HOUR, DAY + 2 * HOUR)),
    ]


VARIABLES = ("wind_speed", "power")
NEWER = [
    fence.LoadedSpan(9, "T01", TimeRange(DAY + HOUR, DAY + 2 * HOUR), 600, VARIABLES, ("mean",)),
    fence.LoadedSpan(
        9, "T02", TimeRange(DAY + HOUR * 0.5, DAY + HOUR * 2.5), 600, ("power",), ("std", "mean")
    ),
    fence.LoadedSpan(9, "T03", TimeRange(DAY, DAY + ONE_DAY), 600, VARIABLES, ("mean",)),
]


def hours_of_turbines(rng: random.Random) -> StatsBatch:
    """Three hours of three turbines, in any order, with missing samples."""
    spec = sliced(statistics=("mean", "std"))
    raws = []
    for asset in ("T01", "T02", "T03"):
        for n in range(3):
            start = DAY + n * HOUR
            slice_ = Slice(
                job=OLD, asset=asset, start=start, end=start + HOUR, variables=VARIABLES, spec=spec
            )
            columns = [[rng.choice((None, 1.0, 2.0, 5.0)) for _ in range(45)] for _ in VARIABLES]
            raws.append(raw_batch(slice_, minutes(45), *columns))
    rng.shuffle(raws)
    return aggregate(joined(*raws))


@pytest.mark.parametrize("newer", [[], NEWER[:1], NEWER], ids=["none", "one", "all"])
@pytest.mark.parametrize("seed", range(3))
def test_the_rows_of_a_batch_are_those_of_its_slices(
    newer: list[fence.LoadedSpan], seed: int
) -> None:
    whole = hours_of_turbines(random.Random(seed))
    single = [whole.take([n]) for n in range(len(whole.slices))]
    together, separate = fence.make_patches([whole], newer), fence.make_patches(single, newer)
    ids = signal_ids(separate)
    rows, expected = (target_rows.target_rows(p, ids) for p in (together, separate))
    assert keys(rows) == keys(expected) == sorted(set(keys(rows)))
    assert rows.value.tolist() == expected.value.tolist()
    assert target_rows.replace_ranges(together, ids) == target_rows.replace_ranges(separate, ids)
    quality = target_rows.quality_rows(together)
    assert quality == target_rows.quality_rows(separate) == sorted(quality)
    assert len(quality) > 0


def test_rows_of_one_signal_are_ordered_by_time_for_slices_in_any_order() -> None:
    spec = sliced(statistics=("mean",))
    raws = [
        raw_batch(
            Slice(
                job=OLD, asset="T01", start=DAY + n * HOUR, end=DAY + (n + 1) * HOUR,
                variables=("power",), spec=spec,
            ),
            minutes(60), [float(n)] * 60,
        )
        for n in (1, 2, 0)
    ]  # fmt: skip
    patches = fence.make_patches([aggregate(joined(*raws))], [])
    rows = target_rows.target_rows(patches, signal_ids(patches))
    assert keys(rows) == sorted(keys(rows))
    assert rows.value.tolist() == [0.0] * 6 + [1.0] * 6 + [2.0] * 6


def test_values_belong_to_the_asset_of_their_slice() -> None:
    whole = hours_of_turbines(random.Random(0))
    patches = fence.make_patches([whole], [])
    ids = signal_ids(patches)
    rows = target_rows.target_rows(patches, ids)
    means = {
        (key.asset, timestamp): value
        for key, id in ids.items()
        for timestamp, value in zip(
            rows.timestamp[rows.signal_id == id].tolist(),
            rows.value[rows.signal_id == id].tolist(), strict=True,
        )
        if (key.variable, key.statistic) == ("power", "mean")
    }  # fmt: skip
    expected = {
        (slice_.asset, row["timestamp"].replace(tzinfo=None)): row["power:mean"]
        for n, slice_ in enumerate(whole.slices)
        for row in whole.take([n]).table.to_pylist()
        if row["power:mean"] is not None
    }
    assert means == expected
