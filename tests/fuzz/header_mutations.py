"""Mutations of the fields of an entry that leave its payload unchanged."""

import json
import random
from collections.abc import Callable
from typing import Any

from tests.fuzz.valid_entries import Fields, slices_of, with_checksum

Mutation = Callable[[random.Random, Fields], Fields]

NUMBERS = (
    b"", b"0", b"-1", b"1.5", b"1e309", b"nan", b"inf", b"-inf", b"007", b"1_000", b" 7", b"0x7",
    "٣".encode(), b"2147483648", b"9223372036854775807", b"9223372036854775808", b"9" * 18,
    b"9" * 5_000, b"1e-400", b"true", b"null",
)  # fmt: skip
TEXTS = (
    b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\r\n", "Å\u202e".encode(), b"'; DROP TABLE data; --",
    b"{}", b"[]", b",", b",,,", b"a" * 70_000, b"a" * 200_000, b"%s{0}{asset}", b"\x1b[2J",
)  # fmt: skip
TIMESTAMPS = (
    b"2025-12-05", b"2025-12-05T00:00:00+00:00", b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:59Z",
    b"1899-12-31T00:00:00Z", b"1900-01-01T00:00:00Z", b"2999-12-31T00:00:00Z",
    b"2025-02-30T00:00:00Z", b"2025-12-05T00:00:60Z", b"2025-12-05T00:00:01Z",
    b"2025-12-05T00:30:00Z", b"2025-12-06T00:00:00Z", b"2025-12-07T01:00:00Z", b"20251205T000000Z",
    b"2025-W49-5T00:00:00Z", "\uff12025-12-05T00:00:00Z".encode(),
)  # fmt: skip
DATES = (
    b"0", b"2025-02-30", b"2025-12-5", b"20251205", b"0001-01-01", b"9999-12-31", b"2999-12-31",
    b"1900-01-01", b"tomorrow", b"2025-12-05 ", b"2025-12-05T00:00:00Z",
)  # fmt: skip
NAMES = (
    b"date", b"start", b"end", b"variables", b"assets", b"job", b"attempt", b"chunk", b"v",
    b"payload", b"size", b"checksum", b"dead_reason", b"dead_stage", b"", b"\0", b"\xff",
    b"x" * 1_000,
)  # fmt: skip
SPEC_VALUES: tuple[Any, ...] = (
    None, True, "", "600", 0, -1, 1, 7, 60, 1e-6, 1e-300, 0.1, 86_400, 86_401, 1e300, 2**63,
    10**400, [], ["mean"], ["mean", "mean"], ["median"], {}, {"power": [1, 0]},
    {"power": [0, 1e308]}, {f"v{n}": [0, 1] for n in range(2_000)}, [f"v{n}" for n in range(5_000)],
)  # fmt: skip
SPEC_NAMES = (
    "window_s", "period_s", "statistics", "ddof", "circular_variables", "flatline_s",
    "value_limits", "slice_s", "x",
)  # fmt: skip
SPEC_TEXTS = (
    b"", b"{", b"null", b"[]", b'{"period_s": NaN}', b'{"period_s": 1e999}', b"[" * 50_000,
    b'{"x":' * 20_000, b'{"window_s":600,"window_s":1}', b'{"value_limits":{"\\ud800":[0,1]}}',
)  # fmt: skip
SLICE_VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 60, 1.0, 1e300, 10**9, 2**63, 10**400, "", "T01", "\0", "\ud800",
    "x" * 70_000, "2025-12-05T00:00:00Z", [], [[]], {}, {"asset": "T01"},
)  # fmt: skip
SLICES_TEXTS = (
    *SPEC_TEXTS, b"[]", b"[[]]", b"[" * 100_000 + b"]" * 100_000, b'["T01"]', b"[NaN]", b"7",
    b"[" + b"[],".join([b""] * 5_000) + b"[]]",
    b'[["\\ud800","2025-12-05T00:00:00Z","2025-12-06T00:00:00Z",0]]',
)  # fmt: skip


def remove_field(rng: random.Random, fields: Fields) -> Fields:
    name = rng.choice(sorted(fields))
    return {k: v for k, v in fields.items() if k != name}


def rename_field(rng: random.Random, fields: Fields) -> Fields:
    name, other = rng.choice(sorted(fields)), rng.choice(NAMES)
    return {other if k == name else k: v for k, v in fields.items()}


def add_field(rng: random.Random, fields: Fields) -> Fields:
    return {**fields, rng.choice(NAMES): _draw_value(rng)}


def add_many_fields(rng: random.Random, fields: Fields) -> Fields:
    """Add more fields than any valid entry has."""
    return {**fields, **{b"x%d" % n: b"" for n in range(rng.choice((11, 300, 20_000)))}}


def swap_values(rng: random.Random, fields: Fields) -> Fields:
    """Swap the values of two fields."""
    one, other = rng.choice(sorted(fields)), rng.choice(sorted(fields))
    return {**fields, one: fields[other], other: fields[one]}


def replace_value(rng: random.Random, fields: Fields) -> Fields:
    """Give a field a value of another kind or beyond its limits."""
    return {**fields, rng.choice(sorted(fields)): _draw_value(rng)}


def flip_value(rng: random.Random, fields: Fields) -> Fields:
    name = rng.choice(sorted(fields))
    return {**fields, name: flip_bytes(rng, fields[name])}


def change_range(rng: random.Random, fields: Fields) -> Fields:
    """Change the start or the end of a time range."""
    value = rng.choice(TIMESTAMPS + DATES)
    if slices := slices_of(fields):
        rng.choice(slices)[rng.choice((1, 2))] = value.decode()
        return _with_slices(fields, slices)
    return {**fields, rng.choice((b"start", b"end")): value}


def change_slices(rng: random.Random, fields: Fields) -> Fields:
    """Change the list of slices, or a value in it."""
    slices = slices_of(fields)
    if not slices or rng.random() < 0.2:
        return {**fields, b"slices": rng.choice(SLICES_TEXTS)}
    at, kind = rng.randrange(len(slices)), rng.randrange(6)
    if kind == 0:
        rng.shuffle(slices)
    elif kind == 1:
        slices.insert(rng.randrange(len(slices) + 1), list(slices[at]))
    elif kind == 2:
        del slices[at]
    elif kind == 3:
        slices = [[f"T{n}", *slices[at][1:]] for n in range(rng.choice((999, 1_000, 1_001)))]
    else:
        slices[at][rng.randrange(4)] = rng.choice(SLICE_VALUES)
    return _with_slices(fields, slices)


def _with_slices(fields: Fields, slices: list[Any]) -> Fields:
    return {**fields, b"slices": json.dumps(slices).encode()}


def change_spec(rng: random.Random, fields: Fields) -> Fields:
    """Change the statistics specification, also to invalid values."""
    if rng.random() < 0.2 or b"spec" not in fields:
        return {**fields, b"spec": rng.choice(SPEC_TEXTS)}
    try:
        spec = {**json.loads(fields[b"spec"])}
    except (ValueError, TypeError, RecursionError):
        return fields
    for _ in range(rng.randint(1, 3)):
        spec[rng.choice(SPEC_NAMES)] = rng.choice(SPEC_VALUES)
    return {**fields, b"spec": json.dumps(spec).encode()}


def change_variables(rng: random.Random, fields: Fields) -> Fields:
    """Change the names of the variables, or list thousands of them."""
    many = b",".join(b"v%d" % n for n in range(rng.choice((3, 100, 101, 20_000))))
    known = (b"power,wind_speed", b"power,power", b"power", b"timestamp,expected", b",power", many)
    return {**fields, b"variables": rng.choice(known + TEXTS)}


def change_job(rng: random.Random, fields: Fields) -> Fields:
    return {**fields, b"job": rng.choice((*NUMBERS, b"1", b"2", b"3", b"4", b"5", b"99"))}


def flip_bytes(rng: random.Random, value: bytes) -> bytes:
    """Change up to four bytes."""
    changed = bytearray(value or b"\0")
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(len(changed))] ^= rng.randint(1, 255)
    return bytes(changed)


def _draw_value(rng: random.Random) -> bytes:
    kind = rng.choice((NUMBERS, TEXTS, TIMESTAMPS, DATES, SPEC_TEXTS, None))
    return rng.choice(kind) if kind else rng.randbytes(rng.randint(0, 64))


MUTATIONS: tuple[Mutation, ...] = (
    remove_field, rename_field, add_field, add_many_fields, swap_values, replace_value, flip_value,
    change_range, change_slices, change_job, change_variables, change_spec,
)  # fmt: skip


def with_valid_checksum(mutation: Mutation) -> Mutation:
    """The same mutation, followed by a correct checksum."""

    def mutate(rng: random.Random, fields: Fields) -> Fields:
        return with_checksum(mutation(rng, fields))

    mutate.__name__ = f"{mutation.__name__} with a valid checksum"
    return mutate
