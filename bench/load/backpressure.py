"""The loader stays away while a backfill is asked for: the streams fill up to their bounds, whoever
adds to them waits, and when the loader is back everything ends as if it had never been away.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from bench.harness import Harness, span
from bench.load.resource_sampler import Figures, look, peaks
from bench.load.result import Limit
from services.aggregator.__main__ import BATCH_SIZE
from shared.errors import MinuanoError

VALUES_A_DAY = 1_152
FULL_WITHIN_S = 120.0
POLL_S = 0.1
# All values in one number, whatever their order.
DIGEST = (
    "SELECT count(*), coalesce(sum(hashtextextended("
    "concat_ws(' ', signal_id, extract(epoch FROM timestamp), value), 0)), 0)::text FROM data"
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a stream may hold, as the stack was told."""

    entries: int
    mb: float

    def hold(self, found: Figures, full: Figures, stream: str, *, in_hand: int) -> bool:
        """Whether the stream stayed within them. Writers look before they take what they add, so
        that what they have in hand together may come on top of one entry less than the bound.
        `full` tells how large an entry is.
        """
        entry_mb = full[f"{stream}_mb"] / max(1.0, full[stream])
        return (
            found[stream] <= self.entries - 1 + in_hand
            and found[f"{stream}_mb"] <= self.mb + in_hand * entry_mb
        )

    def __str__(self) -> str:
        return f"`MINUANO_MAX_BACKLOG` {self.entries:,}, `MINUANO_MAX_BACKLOG_MB` {self.mb:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """What was seen while the loader was away, and how it was after its return."""

    before: Figures
    full: Figures
    highest: Figures
    waits: bool
    unharmed: bool
    values: Sequence[Any]
    took_s: float


def without_loader(
    rig: Harness, bounds: Bounds, *, days: int, away_s: float, tell: Callable[[str], None]
) -> list[Limit]:
    """So many days, the loader away for `away_s` after the streams are full."""
    tell(f"{days} days with the loader there")
    rig.empty()
    rig.run_job(span(days))
    wanted = rig.in_target(DIGEST)
    rig.empty()
    seen = _absence(rig, days, away_s, tell)
    aggregators = sum(child.name.startswith("aggregator-") for child in rig.stack.services)
    in_hand = {"raw": 1, "stats": aggregators * BATCH_SIZE}
    held = all(
        bounds.hold(seen.highest, seen.full, stream, in_hand=count)
        for stream, count in in_hand.items()
    )
    told = (f"{name} {seen.highest[name]:,.0f} entries, {seen.highest[f'{name}_mb']:.2f} MB"
            for name in ("raw", "stats"))  # fmt: skip
    done = f"{days} days of one turbine, the loader away for {away_s:g} s after the streams filled"
    same = list(seen.values) == wanted and wanted[0][0] == days * VALUES_A_DAY
    return [
        Limit(done, f"{bounds}, each stream", "; ".join(told), held),
        _memory(seen, bounds),
        Limit(
            "the same: services", "nobody ends, no dead letter, `minuano_stream_full` is 1",
            f"extractor {seen.highest['extractor-1']:.0f} MB, aggregator "
            f"{seen.highest['aggregator-1']:.0f} MB at most", seen.waits and seen.unharmed,
        ),
        Limit(
            "the same: the loader returns", "the values of the same job with the loader there",
            f"{seen.values[0][0]:,} values{', all the same' if same else ''}, "
            f"{seen.took_s:.1f} s after its start", same,
        ),
    ]  # fmt: skip


def _absence(rig: Harness, days: int, away_s: float, tell: Callable[[str], None]) -> Absence:
    rig.stack.scale("loader", 0)
    tell(f"{days} days with the loader away")
    before = look(rig)
    with peaks(lambda: look(rig)) as highest:
        job = rig.ask(span(days))
        _until_full(rig)
        full = look(rig)
        time.sleep(away_s)
        waits = _waits(rig)
    tell("the loader is back")
    started = time.perf_counter()
    rig.stack.scale("loader", 1)
    rig.finish(job)
    return Absence(
        before=before, full=full, highest=highest, waits=waits,
        unharmed=_unharmed(rig), values=rig.in_target(DIGEST),
        took_s=time.perf_counter() - started,
    )  # fmt: skip


def _memory(seen: Absence, bounds: Bounds) -> Limit:
    before, highest = seen.before["redis_mb"], seen.highest["redis_mb"]
    return Limit(
        "the same: Redis's memory", f"2 streams × {bounds.mb:g} MB, and 2 MB besides",
        f"{before:.1f} MB before, {highest:.1f} MB at most", highest - before <= 2 * bounds.mb + 2,
    )  # fmt: skip


def _until_full(rig: Harness) -> None:
    until = time.monotonic() + FULL_WITHIN_S
    while not _waits(rig):
        if time.monotonic() > until:
            raise MinuanoError("the streams have not filled: ask for more days")
        time.sleep(POLL_S)


def _waits(rig: Harness) -> bool:
    """Whether the extractor says of itself that it waits for room."""
    text = httpx.get(f"{rig.addresses.extractor_url}/metrics", timeout=30, trust_env=False).text
    return 'minuano_stream_full{stream="minuano:raw"} 1.0' in text


def _unharmed(rig: Harness) -> bool:
    """Whether all services run, none was begun anew, and there is no dead letter."""
    return all(c.running for c in rig.stack.services) and not rig.redis.xlen("minuano:dead")
