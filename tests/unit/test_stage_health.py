"""The health of the pipeline as derived from a snapshot."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.dashboard.monitoring.pipeline_sampler import PipelineSnapshot, Reachability, Stage
from services.dashboard.monitoring.stage_health import ComponentHealth, components_health, problems

OK, UNAVAILABLE = Reachability("ok"), Reachability("unavailable", "refused")


def stage(name: str = "loader", **changes: Any) -> Stage:
    fields: dict[str, Any] = {
        "stage": name, "stream": f"minuano:{name}", "entries": 0, "backlog": 0, "pending": 0,
        "oldest_s": None, "workers": 1, "slices_per_s": 0.0, "rows_per_s": 0.0, **changes,
    }  # fmt: skip
    return Stage(**fields)


def snapshot(*stages: Stage, **changes: Any) -> PipelineSnapshot:
    by_name = {stage.stage: stage for stage in stages}
    names = ("extractor", "aggregator", "loader")
    fields: dict[str, Any] = {
        "at": datetime.now(UTC), "redis": OK, "target": OK, "connector": OK, "extractor": OK,
        "dead": 0, "stages": tuple(by_name.get(name, stage(name)) for name in names), **changes,
    }  # fmt: skip
    return PipelineSnapshot(**fields)


def by_name(state: PipelineSnapshot) -> dict[str, ComponentHealth]:
    return {part.name: part for part in components_health(state)}


@pytest.mark.parametrize(
    ("state", "condition", "severity"),
    [
        ({}, "idle", "good"),
        ({"slices_per_s": 2.0}, "working", "good"),
        ({"entries": 3, "oldest_s": 29.0}, "working", "good"),
        ({"entries": 3, "oldest_s": 31.0}, "stalled", "bad"),
        ({"entries": 3, "oldest_s": 31.0, "slices_per_s": 0.5}, "working", "good"),
        ({"entries": 3, "oldest_s": 301.0, "slices_per_s": 0.5}, "behind", "warn"),
        ({"workers": 0}, "no_workers", "warn"),
        ({"workers": 0, "entries": 3, "oldest_s": 1.0}, "no_workers_with_backlog", "bad"),
    ],
)
def test_the_condition_depends_on_backlog_workers_and_throughput(
    state: dict[str, Any], condition: str, severity: str
) -> None:
    part = by_name(snapshot(stage(**state)))["loader"]
    assert (part.condition, part.severity) == (condition, severity)


@pytest.mark.parametrize("name", ["redis", "target", "connector", "extractor"])
def test_an_unavailable_server_keeps_its_error(name: str) -> None:
    part = by_name(snapshot(**{name: UNAVAILABLE}))[name]
    assert (part.condition, part.error, part.severity) == ("unavailable", "refused", "bad")


def test_without_redis_the_stages_are_unknown_and_only_redis_is_a_problem() -> None:
    parts = components_health(snapshot(redis=UNAVAILABLE, stages=()))
    assert [part.condition for part in parts[1:4]] == ["unknown"] * 3
    assert [part.name for part in problems(parts)] == ["redis"]


def test_the_most_severe_problem_comes_first() -> None:
    behind = stage("extractor", entries=1, oldest_s=400.0, slices_per_s=1.0)
    parts = components_health(snapshot(behind, stage(workers=0, entries=1)))
    assert [part.name for part in problems(parts)] == ["loader", "extractor"]


def test_parts_are_in_the_order_of_the_data() -> None:
    assert [part.name for part in components_health(snapshot())] == [
        "connector", "extractor", "aggregator", "loader", "target", "redis",
    ]  # fmt: skip
