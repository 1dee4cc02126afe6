"""All limits, one after the other, on stacks of their own."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from bench import machine
from bench.limits import backlog, jobs, pages, slow
from bench.limits.backlog import Bounds
from bench.limits.limit import Limit, table
from bench.rig import START, Rig, rig
from services.connector.settings import ConnectorSettings
from services.extractor.settings import ExtractorSettings

LARGEST_PAGE = ConnectorSettings.model_fields["max_page_rows"].default
BACKLOG = ExtractorSettings.model_fields["max_backlog"].default
BACKLOG_MB = ExtractorSettings.model_fields["max_backlog_mb"].default
QUEUED = ExtractorSettings.model_fields["max_queued_jobs"].default
MANY = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is done. The small bounds are those of a second stack, of which less is needed."""

    days: int = 365
    away_s: float = 60.0
    jobs: int = 10_000
    posting: int = 100
    clients: int = 200
    senders: int = 500
    readers: int = 30
    small_mb: float = 1.0
    small_queue: int = 500
    small_jobs: int = 2_000

    @classmethod
    def quick(cls) -> "Scale":
        """Enough to see whether a change breaks a bound."""
        return cls(
            away_s=5, jobs=500, posting=50, clients=20, senders=50, readers=10, small_jobs=1_000
        )


def run(scale: Scale, tell: Callable[[str], None]) -> list[Limit]:
    """Try everything out; `tell` hears what is being done."""
    tell("samples of a year")
    with _rig(scale.days, {}) as shipped:
        found = [
            *backlog.without_loader(
                shipped, Bounds(BACKLOG, BACKLOG_MB), days=scale.days, away_s=scale.away_s,
                tell=tell,
            ),
            *jobs.posted(
                shipped, jobs=scale.jobs, clients=scale.posting, max_waiting=QUEUED, tell=tell
            ),
            jobs.added(shipped, jobs=scale.jobs, tell=tell),
            *pages.paged(shipped, clients=scale.clients, tell=tell),
            *_slow(shipped, scale, tell),
        ]  # fmt: skip
    tell("samples of a year, smaller bounds")
    with _rig(scale.days, _small(scale)) as small:
        found += backlog.without_loader(
            small, Bounds(MANY, scale.small_mb), days=scale.days, away_s=scale.away_s, tell=tell
        )
        found += jobs.posted(
            small, jobs=scale.small_jobs, clients=scale.posting, max_waiting=scale.small_queue,
            tell=tell,
        )  # fmt: skip
    return found


def markdown(limits: list[Limit]) -> str:
    """Machine and table, as they go into docs/reliability.md."""
    facts = ", ".join(f"{name} {value}" for name, value in machine.facts().items())
    return f"Measured on: {facts}. Figures of one run.\n\n{table(limits)}"


def _small(scale: Scale) -> Mapping[str, str]:
    return {
        "MINUANO_MAX_BACKLOG": str(MANY),
        "MINUANO_MAX_BACKLOG_MB": str(scale.small_mb),
        "MINUANO_MAX_QUEUED_JOBS": str(scale.small_queue),
    }


def _slow(shipped: Rig, scale: Scale, tell: Callable[[str], None]) -> Iterator[Limit]:
    extractor, connector = shipped.addresses.extractor_url, shipped.addresses.connector_url
    yield slow.senders(extractor, count=scale.senders, probe="/jobs?limit=1", tell=tell)
    yield slow.readers(
        connector, count=scale.readers, path=_data(LARGEST_PAGE, end="2100-01-01"),
        probe=_data(100), pid=shipped.stack.service("connector-1").pid or 0, tell=tell,
    )  # fmt: skip


def _data(limit: int, **more: str) -> str:
    return f"/data?{urlencode({'start': START.isoformat(), 'limit': limit, **more})}"


@contextmanager
def _rig(days: int, settings: Mapping[str, str]) -> Iterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="minuano-limits-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another user
        with rig(folder, days=days, settings=settings) as made:
            yield made
