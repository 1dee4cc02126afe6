"""The health of each part of the pipeline, derived from a snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from services.dashboard.monitoring.pipeline_sampler import PipelineSnapshot, Reachability, Stage

STALLED_AFTER_S = 30.0
"""Age of the oldest entry after which a stage that completed no slice recently is stalled."""
BEHIND_AFTER_S = 300.0

Condition = Literal[
    "working", "idle", "behind", "no_workers", "stalled", "no_workers_with_backlog",
    "unavailable", "unknown",
]  # fmt: skip
Severity = Literal["good", "warn", "bad", "idle"]
SEVERITIES: dict[Condition, Severity] = {
    "working": "good", "idle": "good", "behind": "warn", "no_workers": "warn", "stalled": "bad",
    "no_workers_with_backlog": "bad", "unavailable": "bad", "unknown": "idle",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """A stage or server and its condition; `error` is the reason if it is unavailable."""

    name: str
    condition: Condition
    error: str = ""
    stage: Stage | None = None

    @property
    def severity(self) -> Severity:
        return SEVERITIES[self.condition]


def components_health(snapshot: PipelineSnapshot) -> list[ComponentHealth]:
    """The parts in the order of the data, and Redis last."""
    by_name = {stage.stage: stage for stage in snapshot.stages}
    extractor, aggregator, loader = (
        _stage(name, by_name.get(name)) for name in ("extractor", "aggregator", "loader")
    )
    if snapshot.extractor.state == "unavailable" and extractor.severity != "bad":
        error = snapshot.extractor.error or ""
        extractor = ComponentHealth("extractor", "unavailable", error, extractor.stage)
    return [
        _server("connector", snapshot.connector), extractor, aggregator, loader,
        _server("target", snapshot.target), _server("redis", snapshot.redis),
    ]  # fmt: skip


def problems(parts: Sequence[ComponentHealth]) -> list[ComponentHealth]:
    """The parts that need attention, the most severe first."""
    found = [part for part in parts if part.severity in ("warn", "bad")]
    return sorted(found, key=lambda part: part.severity != "bad")


def _server(name: str, server: Reachability) -> ComponentHealth:
    if server.state == "unavailable":
        return ComponentHealth(name, "unavailable", server.error or "")
    return ComponentHealth(name, "idle")


def _stage(name: str, stage: Stage | None) -> ComponentHealth:
    return ComponentHealth(name, _condition(stage) if stage else "unknown", stage=stage)


def _condition(stage: Stage) -> Condition:
    if not stage.workers:
        return "no_workers_with_backlog" if stage.entries else "no_workers"
    if not stage.entries:
        return "working" if stage.slices_per_s else "idle"
    oldest_s = stage.oldest_s or 0.0
    if oldest_s > STALLED_AFTER_S and not stage.slices_per_s:
        return "stalled"
    return "behind" if oldest_s > BEHIND_AFTER_S else "working"
