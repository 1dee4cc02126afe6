"""The figures of one sitting as Markdown."""

from collections.abc import Iterator
from textwrap import fill

from bench.distance.measurements import Distance, Results, Scaled
from bench.distance.plan import Plan
from bench.report import WIDTH, machine_line, table


def markdown(results: Results, plan: Plan) -> str:
    """The whole report, as it goes into docs/performance.md."""
    farthest = results.distances[-1]
    limit = (
        f"The router carries {results.router_mb_per_s:,.0f} MB/s on one connection without "
        f"distance. It dropped {results.dropped} packets."
    )
    return (
        "\n\n".join(
            (
                machine_line(results.machine, "Medians of one sitting"),
                fill(limit, WIDTH),
                _distances(results.distances, plan.days),
                _turns(farthest),
                _scaled(results, plan),
            )
        )
        + "\n"
    )


def round_trips_in_a_row(distance: Distance, nearest: Distance) -> float:
    """How many round trips follow one another from POST to commit: what the distance adds to the
    latency, in measured round trips.
    """
    added_ms = distance.latency_ms - nearest.latency_ms
    return added_ms / (distance.measured_ms - nearest.measured_ms)


def _distances(distances: list[Distance], days: int) -> str:
    nearest = distances[0]
    rows = [
        (
            f"{distance.round_trip_ms:g} ms", f"{distance.measured_ms:.2f}",
            f"{distance.seconds:.2f}", f"{nearest.seconds / distance.seconds:.0%}",
            f"{distance.latency_ms:,.1f}",
            f"{round_trips_in_a_row(distance, nearest):.1f}" if distance is not nearest else "",
        )
        for distance in distances
    ]  # fmt: skip
    head = (
        "Round trip", "measured, ms", f"{days} days of one turbine, s", "speed",
        "a day, POST → committed, p50, ms", "round trips in a row",
    )  # fmt: skip
    return table(head, rows, numbers=5)


def _turns(distance: Distance) -> str:
    rows = [
        (client, server, f"{count:g}")
        for (client, server), count in distance.median_turns().items()
    ]
    head = ("From", "To", f"turns of a day at {distance.round_trip_ms:g} ms")
    return table(head, rows, numbers=1)


def _scaled(results: Results, plan: Plan) -> str:
    round_trip_ms = results.distances[-1].round_trip_ms
    others = ", ".join(f"{count} {service}s" for service, count in plan.others.items())
    head = (
        f"At {round_trip_ms:g} ms, beside {others}", "s", "speed",
        "its CPU ms a slice", "of all services",
    )  # fmt: skip
    return table(head, _scaled_rows(results.scaled), numbers=4)


def _scaled_rows(scaled: list[Scaled]) -> Iterator[tuple[str, ...]]:
    first_s: dict[tuple[str, str], float] = {}
    for one in scaled:
        one_s = first_s.setdefault((one.run.workload, one.service), one.run.seconds)
        name = f"{one.run.workload}, {one.count} {one.service}{'s' if one.count > 1 else ''}"
        speed = f"{one_s / one.run.seconds:.2f} ×"
        cpu_ms = (f"{ms:.2f}" for ms in one.cpu_ms_per_slice)
        yield name, f"{one.run.seconds:.2f}", speed, *cpu_ms
