"""A handler accepts an entry or refuses it with a reason; an entry that crashes it is found."""

import os
from multiprocessing.connection import Connection

from tests.fuzz.entries import Example
from tests.fuzz.fuzz_entries import run_examples
from tests.fuzz.verdict import ACCEPTED

SEED, EXAMPLES = 1, 300
REACHED = {
    ("extractor", "schema"), ("extractor", "too_large"), ("extractor", ACCEPTED),
    ("aggregator", "arrow"), ("aggregator", "schema"), ("aggregator", "checksum"),
    ("aggregator", "contract"), ("aggregator", "version"), ("aggregator", ACCEPTED),
    ("loader", "arrow"), ("loader", "schema"), ("loader", "checksum"),
    ("loader", "contract"), ("loader", ACCEPTED),
}  # fmt: skip


def test_mutated_entries_are_accepted_or_refused_with_a_documented_reason(target_url: str) -> None:
    result = run_examples(target_url, SEED, EXAMPLES)
    assert result.findings == []
    assert sum(result.reasons.values()) == EXAMPLES
    assert set(result.reasons) >= REACHED


def test_an_entry_that_crashes_its_process_is_found_and_the_others_are_handled() -> None:
    result = run_examples("", 0, 3, work=abort_at_the_second)
    assert dict(result.reasons) == {("aggregator", ACCEPTED): 2}
    assert result.findings == ["seed 1: aggregator, aborting: crashed its process (-6)"]


def abort_at_the_second(_: str, first: int, end: int, sender: Connection) -> None:
    for seed in range(first, end):
        sender.send(Example(seed, "aggregator", ("aborting",), {}))
        if seed == 1:
            os.abort()
        sender.send((ACCEPTED, "", 0.0))
