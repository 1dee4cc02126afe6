"""Invalid entries on every stream of a running pipeline: no process crashes, memory stays bounded,
each invalid entry becomes a dead letter, and valid jobs are loaded as usual.
"""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from shared.domain.batches import Batch, RawBatch, StatsBatch
from shared.domain.job import Job
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

SEED, EXAMPLES = 7, [100, pytest.param(400, marks=pytest.mark.thorough)]
MAX_MB = 500.0
"""The peak of each process; docker-compose.yml allows 512."""
IDLE_TIMEOUT_S = 100.0
DUPLICATE_FIELD_PROBABILITY = 0.1
BATCHES: dict[str, type[Batch]] = {"raw": RawBatch, "stats": StatsBatch}

Pairs = list[tuple[bytes, bytes]]


@pytest.fixture
def jobs(pipeline: Pipeline) -> Iterator[list[Job]]:
    """The jobs that the entries name. Their dead letters are deleted afterwards."""
    pipeline.redis.delete(pipeline.streams.dead)
    engine = engines.connect(pipeline.addresses.target_url, application="test")
    yield valid_entries.create_jobs(Ledger(engine))
    engine.dispose()
    pipeline.redis.delete(pipeline.streams.dead)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_a_pipeline_survives_mutated_entries(
    pipeline: Pipeline, jobs: list[Job], examples: int
) -> None:
    pipeline.fill_source(steady_samples(START, DAY_MINUTES))
    before, rng = pipeline.pids, random.Random(SEED)
    entries = valid_entries.entries_by_stage(jobs, rng)
    refused = {}
    for seed in range(SEED, SEED + examples):
        example = draw_example(seed, entries)
        stream, pairs = valid_entries.STAGES[example.stage], field_pairs(rng, example.fields)
        id = add(pipeline, stream, pairs)
        if reason := reason_of(stream, dict(pairs)):
            refused[stream, id] = reason
    add(
        pipeline, "raw", list(table_mutations.fill_to_limits(rng, entries["aggregator"][0]).items())
    )
    wait_and_reset(pipeline, [job.id for job in jobs])

    letters = dead_letters(pipeline)
    reasons = Counter(letters.values())
    assert {entry: letters.get(entry) for entry in refused} == refused
    assert set(reasons) <= documented_reasons() - {"crash", "deliveries"}, reasons
    assert pipeline.pids == before
    peaks = {name: memory.peak_mb(pid) for name, pid in before.items()}
    assert max(peaks.values()) < MAX_MB, peaks
    pipeline.run(date=FIRST_DAY)
    assert_target_matches_source(pipeline, Scope(start=START, end=START + ONE_DAY))


def field_pairs(rng: random.Random, fields: valid_entries.Fields) -> Pairs:
    """The fields as arguments of XADD. If a field appears twice, the last value counts."""
    pairs = list(fields.items())
    if rng.random() < DUPLICATE_FIELD_PROBABILITY:
        pairs.insert(rng.randrange(len(pairs) + 1), (rng.choice(pairs)[0], rng.randbytes(8)))
    return pairs


def add(pipeline: Pipeline, stream: str, pairs: Pairs) -> bytes:
    client: Any = pipeline.redis
    words = (word for pair in pairs for word in pair)
    return bytes(client.execute_command("XADD", f"minuano:{stream}", "*", *words))


def reason_of(stream: str, fields: valid_entries.Fields) -> str | None:
    """The reason why the reader must refuse an entry, or None if the entry can be decoded."""
    try:
        if stream in BATCHES:
            BATCHES[stream].decode(fields)
    except InvalidInput as error:
        return error.reason
    return None


def wait_and_reset(pipeline: Pipeline, jobs: list[int]) -> None:
    """Wait until the streams are empty; cancel the jobs and reset source and target."""
    wait_until(lambda: not pipeline.busy_streams(), within_s=IDLE_TIMEOUT_S, what="empty streams")
    pipeline.in_target("UPDATE etl.job SET cancelled_at = now() WHERE id = ANY(%s)", [jobs])
    pipeline.wait_until_idle()
    pipeline.truncate()
    pipeline.fill_source(steady_samples(START, DAY_MINUTES))


def dead_letters(pipeline: Pipeline) -> dict[tuple[str, bytes], str]:
    """The reasons of all dead letters, by the stream and the id of the original entry."""
    letters: Any = pipeline.redis.xrange(pipeline.streams.dead)
    return {
        (f[b"dead_stream"].decode().partition(":")[2], f[b"dead_id"]): f[b"dead_reason"].decode()
        for _, f in letters
    }
