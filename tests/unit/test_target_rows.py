"""From batches to rows, in the order of the primary key whatever lies between them."""

from datetime import timedelta

import numpy as np

from services.loader import fence, target_rows
from services.loader.signals import SignalKey
from services.loader.target_rows import ReplaceRange
from shared.domain.quality_flags import Flag
from tests.integration.loader import DAY, HOUR, ONE_DAY, batch, sliced, steady

OLD, NEW = 1, 2


def keys(found: target_rows.TargetRows) -> list[tuple[int, np.datetime64]]:
    return list(zip(found.signal_id.tolist(), found.timestamp.tolist(), strict=True))


def patched() -> tuple[list[fence.Patch], dict[SignalKey, int]]:
    """A day of an older job, and an hour in the middle of it of a newer one."""
    old = batch(OLD, steady(1.0, 1_440), length=ONE_DAY, spec=sliced(ONE_DAY))
    new = batch(NEW, steady(2.0), start=DAY + 12 * HOUR)
    found = fence.make_patches([old, new], [])
    signals = sorted({key for patch in found for key in SignalKey.of_patch(patch)})
    return found, {key: n for n, key in enumerate(signals, start=1)}


def test_rows_are_in_the_order_of_the_key_when_a_newer_job_lies_within_an_older() -> None:
    found = target_rows.target_rows(*patched())
    assert keys(found) == sorted(set(keys(found)))
    assert len(found) == 144 * 4


def test_neighbours_are_one_unit() -> None:
    assert target_rows.replace_ranges(*patched()) == [
        ReplaceRange(id, DAY, DAY + ONE_DAY) for id in (1, 2, 3, 4)
    ]


def test_units_of_two_signals_are_not_joined() -> None:
    first, second = batch(OLD, steady(1.0)), batch(OLD, steady(1.0), start=DAY + HOUR, asset="T01")
    found = fence.make_patches([first, second], [])
    signals = sorted(key for patch in found for key in SignalKey.of_patch(patch))
    assert target_rows.replace_ranges(
        found, {key: n for n, key in enumerate(signals, start=1)}
    ) == [
        *(ReplaceRange(n, DAY, DAY + HOUR) for n in (1, 2, 3, 4)),
        *(ReplaceRange(n, DAY + HOUR, DAY + 2 * HOUR) for n in (5, 6, 7, 8)),
    ]


def test_a_window_is_imperfect_if_samples_lack_or_are_too_many_or_a_flag_is_set() -> None:
    spec = sliced(HOUR, period_s=120.0, value_limits={"wind_speed": (0.0, 5.0)})
    perfect, too_many, flagged = [1.0, None] * 5, [1.0] * 10, [9.0, None] * 5
    stats = batch(OLD, [*perfect, *too_many, *flagged, 1.0, *[None] * 9, *perfect * 2], spec=spec)
    found = target_rows.quality_rows(fence.make_patches([stats], []))
    assert found == [
        ("", "wind_speed", 600, DAY + timedelta(minutes=minute), count, 5, flags)
        for minute, count, flags in (
            (10, 10, Flag(0)), (20, 5, Flag.OUT_OF_RANGE), (30, 1, Flag.INCOMPLETE),
        )
    ]  # fmt: skip


def test_an_older_job_says_nothing_about_the_quality_of_windows_that_a_newer_one_has() -> None:
    old = batch(OLD, length=ONE_DAY, spec=sliced(ONE_DAY))
    new = batch(NEW, steady(2.0), start=DAY + 12 * HOUR)
    found = target_rows.quality_rows(fence.make_patches([old, new], []))
    minutes = [*range(0, 720, 10), *range(780, 1_440, 10)]
    assert [row[3] for row in found] == [DAY + timedelta(minutes=minute) for minute in minutes]


def test_a_hole_that_nobody_fills_parts_two_units() -> None:
    old = batch(OLD, steady(1.0, 1_440), length=ONE_DAY, spec=sliced(ONE_DAY))
    taken = fence.LoadedSpan.by(batch(NEW, start=DAY + 12 * HOUR).slice)
    found = fence.make_patches([old], [taken])
    keys = sorted(key for patch in found for key in SignalKey.of_patch(patch))
    noon = DAY + timedelta(hours=12)
    assert target_rows.replace_ranges(found, {key: id for id, key in enumerate(keys, start=1)}) == [
        ReplaceRange(id, start, end)
        for id in (1, 2, 3, 4)
        for start, end in ((DAY, noon), (noon + HOUR, DAY + ONE_DAY))
    ]


def test_an_hour_and_the_next_one_of_another_signal_are_two_units() -> None:
    spec = sliced(statistics=("mean",))
    first = batch(OLD, steady(1.0), spec=spec, asset="T01")
    second = batch(OLD, steady(1.0), spec=spec, asset="T02", start=DAY + HOUR)
    found = fence.make_patches([first, second], [])
    keys = sorted(key for patch in found for key in SignalKey.of_patch(patch))
    assert target_rows.replace_ranges(found, {key: id for id, key in enumerate(keys, start=1)}) == [
        ReplaceRange(1, DAY, DAY + HOUR), ReplaceRange(2, DAY + HOUR, DAY + 2 * HOUR),
    ]  # fmt: skip
