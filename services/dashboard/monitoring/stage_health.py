"""How the pipeline does: what each stage is at, and what stands in its way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from services.dashboard.monitoring.pipeline_sampler import PipelineSnapshot, Reachability, Stage

STALLED_AFTER_S = 30.0
"""With no slice done meanwhile; the last seconds' rate says whether one was."""
BEHIND_AFTER_S = 300.0

Condition = Literal[
    "working", "idle", "behind", "unmanned", "standing", "deserted", "away", "unknown"
]
Tone = Literal["good", "warn", "bad", "idle"]
TONES: dict[Condition, Tone] = {
    "working": "good", "idle": "good", "behind": "warn", "unmanned": "warn", "standing": "bad",
    "deserted": "bad", "away": "bad", "unknown": "idle",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PartHealth:
    """A part of the pipeline as it is judged. `error` is what it says itself where it is away."""

    name: str
    condition: Condition
    error: str = ""
    stage: Stage | None = None

    @property
    def tone(self) -> Tone:
        """How grave that is."""
        return TONES[self.condition]


def parts_health(sample: PipelineSnapshot) -> list[PartHealth]:
    """Source side first: connector, the three stages, target, and Redis that carries between."""
    found = {stage.stage: stage for stage in sample.stages}
    names = ("extractor", "aggregator", "loader")
    stages = [_stage(name, found.get(name)) for name in names]
    if sample.extractor.state == "away" and stages[0].tone != "bad":
        stages[0] = PartHealth("extractor", "away", sample.extractor.error or "", stages[0].stage)
    return [
        _server("connector", sample.connector),
        *stages,
        _server("target", sample.target),
        _server("redis", sample.redis),
    ]


def problems(found: Sequence[PartHealth]) -> list[PartHealth]:
    """The parts that somebody should do something about, the gravest first."""
    grave = [part for part in found if part.tone in ("warn", "bad")]
    return sorted(grave, key=lambda part: part.tone != "bad")


def _server(name: str, seen: Reachability) -> PartHealth:
    if seen.state == "away":
        return PartHealth(name, "away", seen.error or "")
    return PartHealth(name, "idle")


def _stage(name: str, stage: Stage | None) -> PartHealth:
    return PartHealth(name, _condition(stage) if stage else "unknown", stage=stage)


def _condition(stage: Stage) -> Condition:
    if not stage.workers:
        return "deserted" if stage.entries else "unmanned"
    if not stage.entries:
        return "working" if stage.slices_per_s else "idle"
    waits_s = stage.oldest_s or 0.0
    if waits_s > STALLED_AFTER_S and not stage.slices_per_s:
        return "standing"
    return "behind" if waits_s > BEHIND_AFTER_S else "working"
