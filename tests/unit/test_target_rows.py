"""The rows made from batches: always in the order of the primary key."""

from datetime import timedelta

import numpy as np

from services.loader import fence, target_rows
from services.loader.signals import SignalKey
from services.loader.target_rows import ReplaceRange
from shared.domain.quality_flags import Flag
from shared.domain.time_range import TimeRange
from tests.integration.loader import DAY, HOUR, ONE_DAY, batch, sliced, steady

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
