"""All limits, one after the other, on stacks of their own."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import urlencode

from bench import process_metrics
from bench.harness import START, Harness, rig_over
from bench.load import backpressure, connector_paging, job_burst, slow_clients
from bench.load.backpressure import Bounds
from bench.load.result import Limit, table
from bench.plan import Source
from services.connector.settings import ConnectorSettings
from services.extractor.settings import ExtractorSettings

LARGEST_PAGE = ConnectorSettings.model_fields["max_page_rows"].default
BACKLOG = ExtractorSettings.model_fields["max_backlog"].default
BACKLOG_MB = ExtractorSettings.model_fields["max_backlog_mb"].default
QUEUED = ExtractorSettings.model_fields["max_queued_jobs"].default
MANY = 1_000_000
SHIPPED_BOUNDS, SMALL_BOUNDS = Bounds(BACKLOG, BACKLOG_MB), Bounds(MANY, 1.0)

Tell = Callable[[str], None]
Part = Callable[[Harness, "Scale", Tell], list[Limit]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is done. The small bounds are those of a second stack, of which less is needed."""

    days: int = 365
    away_s: float = 60.0
    bounds: Bounds = SHIPPED_BOUNDS
    queue: int = QUEUED
    jobs: int = 10_000
    posting: int = 100
    clients: int = 200
    senders: int = 500
    readers: int = 30
    small_bounds: Bounds = SMALL_BOUNDS
    small_queue: int = 500
    small_jobs: int = 2_000

    @classmethod
    def quick(cls) -> "Scale":
        """Enough to see whether a change breaks a bound."""
        return cls(
            away_s=5, jobs=500, posting=50, clients=20, senders=50, readers=10, small_jobs=1_000
        )

    @classmethod
    def tiny(cls) -> "Scale":
        """Every part once, for a test; both parts have the same bounds, and so share a stack.
        There are no slow clients, since services end them only after 20 and 60 s.
        """
        bounds = Bounds(4, BACKLOG_MB)
        return cls(
            days=14, away_s=0.5, bounds=bounds, queue=20, jobs=150, posting=30, clients=20,
            senders=0, readers=0, small_bounds=bounds, small_queue=20, small_jobs=50,
        )  # fmt: skip


def run(scale: Scale, tell: Tell, *, settings: Mapping[str, str] | None = None) -> list[Limit]:
    """Try everything out; `tell` hears what is being done. The services are told the `settings`
    besides the bounds.
    """
    stacks: tuple[tuple[Mapping[str, str], Part], ...] = (
        (_told(scale.bounds, scale.queue), _as_shipped),
        (_told(scale.small_bounds, scale.small_queue), _with_small_bounds),
    )
    limits: list[Limit] = []
    for told, sharing in groupby(stacks, key=lambda stack: stack[0]):
        tell(f"samples of {scale.days} days")
        with rig_over(Source(days=scale.days), {**told, **(settings or {})}) as opened:
            for _, part in sharing:
                limits += part(opened, scale, tell)
    return limits


def markdown(limits: list[Limit]) -> str:
    """Machine and table, as they go into docs/reliability.md."""
    facts = ", ".join(f"{name} {value}" for name, value in process_metrics.facts().items())
    return f"Measured on: {facts}. Figures of one run.\n\n{table(limits)}"


def _told(bounds: Bounds, queue: int) -> dict[str, str]:
    return {
        "MINUANO_MAX_BACKLOG": str(bounds.entries),
        "MINUANO_MAX_BACKLOG_MB": str(bounds.mb),
        "MINUANO_MAX_QUEUED_JOBS": str(queue),
    }


def _as_shipped(shipped: Harness, scale: Scale, tell: Tell) -> list[Limit]:
    return [
        *backpressure.without_loader(
            shipped, scale.bounds, days=scale.days, away_s=scale.away_s, tell=tell
        ),
        *job_burst.posted(
            shipped, jobs=scale.jobs, clients=scale.posting, max_waiting=scale.queue, tell=tell
        ),
        job_burst.added(shipped, jobs=scale.jobs, tell=tell),
        *connector_paging.paged(shipped, clients=scale.clients, tell=tell),
        *_slow(shipped, scale, tell),
    ]


def _with_small_bounds(small: Harness, scale: Scale, tell: Tell) -> list[Limit]:
    return [
        *backpressure.without_loader(
            small, scale.small_bounds, days=scale.days, away_s=scale.away_s, tell=tell
        ),
        *job_burst.posted(
            small, jobs=scale.small_jobs, clients=scale.posting, max_waiting=scale.small_queue,
            tell=tell,
        ),
    ]  # fmt: skip


def _slow(shipped: Harness, scale: Scale, tell: Tell) -> Iterator[Limit]:
    extractor, connector = shipped.addresses.extractor_url, shipped.addresses.connector_url
    yield slow_clients.senders(extractor, count=scale.senders, probe="/jobs?limit=1", tell=tell)
    yield slow_clients.readers(
        connector, count=scale.readers, path=_data(LARGEST_PAGE, end="2100-01-01"),
        probe=_data(100), pid=shipped.stack.service("connector-1").pid or 0, tell=tell,
    )  # fmt: skip


def _data(limit: int, **more: str) -> str:
    return f"/data?{urlencode({'start': START.isoformat(), 'limit': limit, **more})}"
