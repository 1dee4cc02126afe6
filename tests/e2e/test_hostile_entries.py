"""Entries of strangers on every stream of a running pipeline: no process dies of them, none grows
without bound, each is told of, and what is good is done as if they had not been.
"""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from shared.domain.batches import Batch, RawBatch, StatsBatch
from shared.domain.time_range import ONE_DAY
from shared.errors import InvalidInput
from shared.ledger.ledger import Ledger
from shared.postgres import engines
from tests.e2e.oracle import Scope, assert_target_matches_source
from tests.e2e.pipeline import Pipeline
from tests.e2e.source_strategies import DAY_MINUTES, FIRST_DAY, START, steady_samples
from tests.fuzz import memory, table_mutations, valid_entries
from tests.fuzz.entries import draw_example
from tests.fuzz.verdict import documented_reasons
from tests.polling import wait_until

SEED, EXAMPLES = 7, 200
MAX_MB = 500.0
"""Of each process, at any time: docker-compose.yml gives it 512."""
SETTLED_WITHIN_S = 100.0
WRITTEN_TWICE = 0.1
MESSAGES: dict[str, type[Batch]] = {"raw": RawBatch, "stats": StatsBatch}

Pairs = list[tuple[bytes, bytes]]


@pytest.fixture
def jobs(pipeline: Pipeline) -> Iterator[list[int]]:
    """Jobs that the entries claim to belong to; nothing of all that is left behind."""
    pipeline.redis.delete(pipeline.streams.dead)
    engine = engines.connect(pipeline.addresses.target_url, application="test")
    yield valid_entries.create_jobs(Ledger(engine))
    engine.dispose()
    pipeline.redis.delete(pipeline.streams.dead)


def test_a_pipeline_survives_hundreds_of_mutated_entries(
    pipeline: Pipeline, jobs: list[int]
) -> None:
    pipeline.fill_source(steady_samples(START, DAY_MINUTES))
    before, rng = pipeline.pids, random.Random(SEED)
    made = valid_entries.entries_by_stage(jobs, rng)
    refused = {}
    for seed in range(SEED, SEED + EXAMPLES):
        example = draw_example(seed, made)
        stream, pairs = valid_entries.STAGES[example.stage], written(rng, example.fields)
        id = add(pipeline, stream, pairs)
        if reason := reason_of(stream, dict(pairs)):
            refused[stream, id] = reason
    add(pipeline, "raw", list(table_mutations.fill_to_limits(rng, made["aggregator"][0]).items()))
    calm(pipeline, jobs)

    letters = dead_letters(pipeline)
    reasons = Counter(letters.values())
    assert {entry: letters.get(entry) for entry in refused} == refused
    assert set(reasons) <= documented_reasons() - {"crash", "deliveries"}, reasons
    assert pipeline.pids == before
    peaks = {name: memory.peak_mb(pid) for name, pid in before.items()}
    assert max(peaks.values()) < MAX_MB, peaks
    pipeline.run(date=FIRST_DAY)
    assert_target_matches_source(pipeline, Scope(start=START, end=START + ONE_DAY))


def written(rng: random.Random, fields: valid_entries.Fields) -> Pairs:
    """The fields as a command has them, where one may come twice; of those the last counts."""
    pairs = list(fields.items())
    if rng.random() < WRITTEN_TWICE:
        pairs.insert(rng.randrange(len(pairs) + 1), (rng.choice(pairs)[0], rng.randbytes(8)))
    return pairs


def add(pipeline: Pipeline, stream: str, pairs: Pairs) -> bytes:
    client: Any = pipeline.redis
    words = (word for pair in pairs for word in pair)
    return bytes(client.execute_command("XADD", f"minuano:{stream}", "*", *words))


def reason_of(stream: str, fields: valid_entries.Fields) -> str | None:
    """Why its reader must refuse an entry, whatever job it belongs to."""
    try:
        if stream in MESSAGES:
            MESSAGES[stream].decode(fields)
    except InvalidInput as rejected:
        return rejected.reason
    return None


def calm(pipeline: Pipeline, jobs: list[int]) -> None:
    """Wait until all is handled, and take back what was valid."""
    wait_until(lambda: not pipeline.busy_streams(), within_s=SETTLED_WITHIN_S, what="empty streams")
    pipeline.in_target("UPDATE etl.job SET cancelled_at = now() WHERE id = ANY(%s)", [jobs])
    pipeline.wait_until_idle()
    pipeline.truncate()
    pipeline.fill_source(steady_samples(START, DAY_MINUTES))


def dead_letters(pipeline: Pipeline) -> dict[tuple[str, bytes], str]:
    """The reasons of all dead letters, by the stream and the entry that each was."""
    letters: Any = pipeline.redis.xrange(pipeline.streams.dead)
    return {
        (f[b"dead_stream"].decode().partition(":")[2], f[b"dead_id"]): f[b"dead_reason"].decode()
        for _, f in letters
    }
