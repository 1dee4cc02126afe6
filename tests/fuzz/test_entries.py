"""Whatever an entry holds, a handler takes it or says why not; and what kills one is found out."""

import os
from multiprocessing.connection import Connection

from tests.fuzz.entries import Example
from tests.fuzz.fuzz_entries import examine
from tests.fuzz.verdict import VALID

SEED, EXAMPLES = 1, 300
REACHED = {
    ("extractor", "schema"), ("extractor", "too_large"), ("extractor", VALID),
    ("aggregator", "arrow"), ("aggregator", "schema"), ("aggregator", "checksum"),
    ("aggregator", "contract"), ("aggregator", "version"), ("aggregator", VALID),
    ("loader", "arrow"), ("loader", "schema"), ("loader", "checksum"),
    ("loader", "contract"), ("loader", VALID),
}  # fmt: skip


def test_mutated_entries_are_accepted_or_refused_with_a_documented_reason(target_url: str) -> None:
    result = examine(target_url, SEED, EXAMPLES)
    assert result.findings == []
    assert sum(result.reasons.values()) == EXAMPLES
    assert set(result.reasons) >= REACHED


def test_an_entry_that_kills_its_process_is_found_and_others_are_handled() -> None:
    result = examine("", 0, 3, work=dying_of_the_second)
    assert dict(result.reasons) == {("aggregator", VALID): 2}
    assert result.findings == ["seed 1: aggregator, killing: ended its process (-6)"]


def dying_of_the_second(_: str, first: int, end: int, tell: Connection) -> None:
    for seed in range(first, end):
        tell.send(Example(seed, "aggregator", ("killing",), {}))
        if seed == 1:
            os.abort()
        tell.send((VALID, "", 0.0))
