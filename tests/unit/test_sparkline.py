"""Lines of the last minutes as points."""

from datetime import UTC, datetime, timedelta

from services.dashboard.monitoring.sparkline import HEIGHT, POINTS, WIDTH, line

START = datetime(2025, 12, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def seen(*values: float | None) -> list[tuple[datetime, float | None]]:
    return [(START + n * MINUTE, value) for n, value in enumerate(values)]


def test_time_goes_to_the_right_and_the_largest_is_at_the_top() -> None:
    found = line(seen(0.0, 4.0, 2.0), span=2 * MINUTE)
    assert found.pieces == (
        f"0.0,{HEIGHT - 1:.1f} {WIDTH / 2:.1f},1.0 {WIDTH:.1f},{HEIGHT / 2:.1f}",
    )
    assert (found.most, found.newest) == (4.0, 2.0)


def test_what_was_not_seen_is_a_gap() -> None:
    assert len(line(seen(1.0, None, 1.0), span=2 * MINUTE).pieces) == 2


def test_what_is_older_is_left_out() -> None:
    assert line(seen(9.0, 1.0, 1.0), span=MINUTE).most == 1.0


def test_a_peak_outlives_the_thinning() -> None:
    values = [0.0] * 999
    values[500] = 7.0
    found = line(seen(*values), span=1000 * MINUTE)
    [piece] = found.pieces
    assert len(piece.split()) <= POINTS
    assert ",1.0" in piece


def test_nothing_and_nothing_but_zeros_are_drawn_too() -> None:
    assert line([], span=MINUTE).pieces == ()
    [piece] = line(seen(0.0, 0.0), span=MINUTE).pieces
    assert piece.endswith(f"{HEIGHT - 1:.1f}")
