"""What the pipeline's page says of a sample."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.dashboard.monitoring.pipeline_sampler import PipelineSnapshot, Reachability, Stage
from services.dashboard.monitoring.stage_health import PartHealth, parts_health, problems

OK, AWAY = Reachability("ok"), Reachability("away", "refused")


def stage(name: str = "loader", **changed: Any) -> Stage:
    found: dict[str, Any] = {
        "stage": name, "stream": f"minuano:{name}", "entries": 0, "backlog": 0, "pending": 0,
        "oldest_s": None, "workers": 1, "slices_per_s": 0.0, "rows_per_s": 0.0, **changed,
    }  # fmt: skip
    return Stage(**found)


def sample(*stages: Stage, **changed: Any) -> PipelineSnapshot:
    there = {each.stage: each for each in stages}
    everything = [there.get(n, stage(n)) for n in ("extractor", "aggregator", "loader")]
    found: dict[str, Any] = {
        "at": datetime.now(UTC), "redis": OK, "target": OK, "connector": OK, "extractor": OK,
        "dead": 0, "stages": tuple(everything), **changed,
    }  # fmt: skip
    return PipelineSnapshot(**found)


def judged(found: PipelineSnapshot) -> dict[str, PartHealth]:
    return {part.name: part for part in parts_health(found)}


@pytest.mark.parametrize(
    ("seen", "condition", "tone"),
    [
        ({}, "idle", "good"),
        ({"slices_per_s": 2.0}, "working", "good"),
        ({"entries": 3, "oldest_s": 29.0}, "working", "good"),
        ({"entries": 3, "oldest_s": 31.0}, "standing", "bad"),
        ({"entries": 3, "oldest_s": 31.0, "slices_per_s": 0.5}, "working", "good"),
        ({"entries": 3, "oldest_s": 301.0, "slices_per_s": 0.5}, "behind", "warn"),
        ({"workers": 0}, "unmanned", "warn"),
        ({"workers": 0, "entries": 3, "oldest_s": 1.0}, "deserted", "bad"),
    ],
)
def test_a_stage_is_judged_by_what_waits_who_works_and_what_was_done(
    seen: dict[str, Any], condition: str, tone: str
) -> None:
    found = judged(sample(stage(**seen)))["loader"]
    assert (found.condition, found.tone) == (condition, tone)


@pytest.mark.parametrize("name", ["redis", "target", "connector", "extractor"])
def test_what_is_away_is_told_with_its_own_words(name: str) -> None:
    found = judged(sample(**{name: AWAY}))[name]
    assert (found.condition, found.error, found.tone) == ("away", "refused", "bad")


def test_without_redis_the_stages_are_not_known_and_only_redis_is_a_problem() -> None:
    found = parts_health(sample(redis=AWAY, stages=()))
    assert [part.condition for part in found[1:4]] == ["unknown"] * 3
    assert [part.name for part in problems(found)] == ["redis"]


def test_the_gravest_comes_first() -> None:
    late = stage("extractor", entries=1, oldest_s=400.0, slices_per_s=1.0)
    found = parts_health(sample(late, stage(workers=0, entries=1)))
    assert [part.name for part in problems(found)] == ["loader", "extractor"]


def test_the_parts_stand_in_the_order_of_the_data() -> None:
    assert [part.name for part in parts_health(sample())] == [
        "connector", "extractor", "aggregator", "loader", "target", "redis",
    ]  # fmt: skip
