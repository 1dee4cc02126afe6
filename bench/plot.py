"""The figures as a picture."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.goals import SHIPS
from bench.results import Results
from bench.workloads import BY_ASSETS, BY_DAYS, FARM, FIRST
from shared.errors import ConfigurationError

GREY, BLUE = "#9aa5b1", "#1f77b4"
DPI = 150


def require() -> None:
    """Raise `Misconfigured` where matplotlib is missing."""
    if find_spec("matplotlib") is None:
        raise ConfigurationError(
            "--write: needs matplotlib, which comes with requirements/dev.lock"
        )


def draw(results: Results, path: Path) -> list[Path]:
    """Write `path` as PNG and as SVG."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "minuano"  # the same figures give the same file
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), layout="constrained")
    throughput, latency, by_days, by_assets = figure.subplots(2, 2).flat
    _throughput(throughput, results)
    _latency(latency, results)
    _growth(by_days, results, _points(results, BY_DAYS), "days of one turbine")
    turbines = _points(results, BY_ASSETS)
    if FARM in results.works():
        turbines = sorted([*turbines, (20, results.rows_per_s(FARM, SHIPS))])
    _growth(by_assets, results, turbines, "turbines, 30 days each")
    written = [path.with_suffix(".png"), path.with_suffix(".svg")]
    for file in written:
        figure.savefig(file, dpi=DPI, metadata={"Date": None} if file.suffix == ".svg" else None)
    return written


def _throughput(axes: Any, results: Results) -> None:
    names = results.contenders(FIRST)
    rates = [results.rows_per_s(FIRST, name) / 1000 for name in names]
    bars = axes.barh(names, rates, color=[BLUE if n.startswith("minuano") else GREY for n in names])
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    axes.margins(x=0.15)
    axes.invert_yaxis()
    axes.set(
        title="A year, first load (A aggregators, L loaders)",
        xlabel="thousand source rows a second",
    )


def _latency(axes: Any, results: Results) -> None:
    axes.hist(results.latencies_ms, bins=40, color=BLUE)
    for quantile, height in ((0.5, 0.95), (0.99, 0.85)):
        at = results.latency_ms(quantile)
        axes.axvline(at, color="black", linewidth=1)
        axes.text(at, axes.get_ylim()[1] * height, f"  p{quantile * 100:g} {at:.0f} ms", va="top")
    axes.set(title="One day, POST to committed", xlabel="ms", ylabel="times")


def _growth(axes: Any, results: Results, points: list[tuple[int, float]], label: str) -> None:
    axes.plot([n for n, _ in points], [1e6 / rate for _, rate in points], "o-", color=BLUE)
    axes.set(
        title="The larger the job, the cheaper the row",
        xlabel=label, ylabel="µs for each source row", xscale="log",
    )  # fmt: skip
    axes.set_xticks([n for n, _ in points], [f"{n:,}" for n, _ in points], minor=False)
    axes.minorticks_off()
    axes.set_ylim(bottom=0)


def _points(results: Results, work: str) -> list[tuple[int, float]]:
    """How many, and the rows a second of that."""
    pattern = re.compile(re.escape(work).replace(r"\{\}", r"(\d+)"))
    found = ((pattern.fullmatch(name), name) for name in results.works())
    return sorted(
        (int(match[1]), results.rows_per_s(name, SHIPS)) for match, name in found if match
    )
