"""Draw a mutated entry from a seed. The same seed gives the same entry."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.fuzz import header_mutations, payloads, table_mutations
from tests.fuzz.header_mutations import Mutation
from tests.fuzz.valid_entries import STAGES, Fields

# Weights of the mutations of entries with a payload. Most mutations keep the checksum valid.
MUTATION_GROUPS: tuple[tuple[float, Sequence[Mutation]], ...] = (
    (1, header_mutations.MUTATIONS),
    (4, [*map(header_mutations.with_valid_checksum, header_mutations.MUTATIONS)]),
    (2, payloads.PAYLOAD_MUTATIONS),
    (5, payloads.STREAM_MUTATIONS),
    (6, table_mutations.TABLE_MUTATIONS),
)
# Mutations that make an entry large take a second each; they are kept with this probability.
LARGE_MUTATIONS = {
    "fill_to_limits": 0.05, "decompression_bomb": 0.2, "add_many_rows": 0.1,
    "add_many_fields": 0.3, "add_many_columns": 0.3,
}  # fmt: skip


@dataclass(frozen=True)
class Example:
    """A mutated entry for a stage, with the names of its mutations."""

    seed: int
    stage: str
    mutations: tuple[str, ...]
    fields: Fields

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.stage}, {' + '.join(self.mutations)}"


def draw_example(seed: int, valid_entries: Mapping[str, Sequence[Fields]]) -> Example:
    """Apply one to three mutations to a valid entry."""
    rng = random.Random(seed)
    stage = rng.choices(list(STAGES), weights=(1, 3, 3))[0]
    fields = rng.choice(valid_entries[stage])
    names = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        mutation = _draw_mutation(rng, has_payload=b"payload" in fields)
        fields = mutation(rng, fields) or {b"": b""}
        names.append(mutation.__name__)
    return Example(seed, stage, tuple(names), fields)


def _draw_mutation(rng: random.Random, *, has_payload: bool) -> Mutation:
    while True:
        group: Sequence[Mutation] = header_mutations.MUTATIONS
        if has_payload:
            weights, groups = zip(*MUTATION_GROUPS, strict=True)
            group = rng.choices(groups, weights=weights)[0]
        mutation = rng.choice(group)
        name = mutation.__name__.removesuffix(" with a valid checksum")
        if rng.random() < LARGE_MUTATIONS.get(name, 1):
            return mutation
