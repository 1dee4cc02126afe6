"""Sparklines as points of SVG polylines."""

from datetime import UTC, datetime, timedelta

from services.dashboard.monitoring.sparkline import HEIGHT, MAX_POINTS, WIDTH, sparkline

START = datetime(2025, 12, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def history(*values: float | None) -> list[tuple[datetime, float | None]]:
    return [(START + n * MINUTE, value) for n, value in enumerate(values)]


def test_time_runs_to_the_right_and_the_maximum_is_at_the_top() -> None:
    drawing = sparkline(history(0.0, 4.0, 2.0), span=2 * MINUTE)
    assert drawing.polylines == (
        f"0.0,{HEIGHT - 1:.1f} {WIDTH / 2:.1f},1.0 {WIDTH:.1f},{HEIGHT / 2:.1f}",
    )
    assert drawing.maximum == 4.0


def test_a_missing_value_is_a_gap() -> None:
    assert len(sparkline(history(1.0, None, 1.0), span=2 * MINUTE).polylines) == 2


def test_values_before_the_span_are_left_out() -> None:
    assert sparkline(history(9.0, 1.0, 1.0), span=MINUTE).maximum == 1.0


def test_thinning_keeps_a_peak() -> None:
    values = [0.0] * 999
    values[500] = 7.0
    [points] = sparkline(history(*values), span=1000 * MINUTE).polylines
    assert len(points.split()) <= MAX_POINTS
    assert ",1.0" in points


def test_an_empty_history_and_zeros_are_drawn() -> None:
    assert sparkline([], span=MINUTE).polylines == ()
    [points] = sparkline(history(0.0, 0.0), span=MINUTE).polylines
    assert points.endswith(f"{HEIGHT - 1:.1f}")
