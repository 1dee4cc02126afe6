"""A mutated entry, drawn from a seed: the same seed gives the same entry."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.fuzz import header_mutations, payloads, table_mutations
from tests.fuzz.header_mutations import Mutation
from tests.fuzz.valid_entries import STAGES, Fields

# Where the entries have a payload: how often each kind is drawn. Most must get past the checksum.
KINDS: tuple[tuple[float, Sequence[Mutation]], ...] = (
    (1, header_mutations.MUTATIONS),
    (4, [header_mutations.forged(mutation) for mutation in header_mutations.MUTATIONS]),
    (2, payloads.BYTES),
    (5, payloads.STREAMS),
    (6, table_mutations.TABLES),
)
# Large ones take a second each.
RARELY = {
    "at_its_bounds": 0.05, "bomb": 0.2, "rows_without_number": 0.1, "overloaded": 0.3,
    "columns_without_number": 0.3,
}  # fmt: skip


@dataclass(frozen=True)
class Example:
    """An entry for a stage, and what was done to it."""

    seed: int
    stage: str
    mutations: tuple[str, ...]
    fields: Fields

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.stage}, {' + '.join(self.mutations)}"


def drawn(seed: int, genuine: Mapping[str, Sequence[Fields]]) -> Example:
    """One to three mutations of a genuine entry."""
    rng = random.Random(seed)
    stage = rng.choices(list(STAGES), weights=(1, 3, 3))[0]
    fields = rng.choice(genuine[stage])
    names = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        mutation = _mutation(rng, has_payload=b"payload" in fields)
        fields = mutation(rng, fields) or {b"": b""}
        names.append(mutation.__name__)
    return Example(seed, stage, tuple(names), fields)


def _mutation(rng: random.Random, *, has_payload: bool) -> Mutation:
    while True:
        kind: Sequence[Mutation] = header_mutations.MUTATIONS
        if has_payload:
            kind = rng.choices([k for _, k in KINDS], weights=[weight for weight, _ in KINDS])[0]
        found = rng.choice(kind)
        if rng.random() < RARELY.get(found.__name__.removesuffix(", signed"), 1):
            return found
