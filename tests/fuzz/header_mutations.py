"""What can be done to the fields of an entry, its payload left alone."""

import json
import random
from collections.abc import Callable
from typing import Any

from tests.fuzz.valid_entries import Fields, signed

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
STAMPS = (
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


def removed(rng: random.Random, fields: Fields) -> Fields:
    name = rng.choice(sorted(fields))
    return {k: v for k, v in fields.items() if k != name}


def renamed(rng: random.Random, fields: Fields) -> Fields:
    name, other = rng.choice(sorted(fields)), rng.choice(NAMES)
    return {other if k == name else k: v for k, v in fields.items()}


def added(rng: random.Random, fields: Fields) -> Fields:
    return {**fields, rng.choice(NAMES): _value(rng)}


def overloaded(rng: random.Random, fields: Fields) -> Fields:
    """With far more fields than any entry has."""
    return {**fields, **{b"x%d" % n: b"" for n in range(rng.choice((11, 300, 20_000)))}}


def exchanged(rng: random.Random, fields: Fields) -> Fields:
    """Two fields have each other's values."""
    one, other = rng.choice(sorted(fields)), rng.choice(sorted(fields))
    return {**fields, one: fields[other], other: fields[one]}


def replaced(rng: random.Random, fields: Fields) -> Fields:
    """A field has a value of another kind, or one that is out of all bounds."""
    return {**fields, rng.choice(sorted(fields)): _value(rng)}


def flipped(rng: random.Random, fields: Fields) -> Fields:
    name = rng.choice(sorted(fields))
    return {**fields, name: flipped_bytes(rng, fields[name])}


def shifted(rng: random.Random, fields: Fields) -> Fields:
    """It is about another span."""
    return {**fields, rng.choice((b"start", b"end")): rng.choice(STAMPS + DATES)}


def respecified(rng: random.Random, fields: Fields) -> Fields:
    """It is to be computed otherwise, which may be absurd."""
    if rng.random() < 0.2 or b"spec" not in fields:
        return {**fields, b"spec": rng.choice(SPEC_TEXTS)}
    try:
        spec = {**json.loads(fields[b"spec"])}
    except (ValueError, TypeError, RecursionError):
        return fields
    for _ in range(rng.randint(1, 3)):
        spec[rng.choice(SPEC_NAMES)] = rng.choice(SPEC_VALUES)
    return {**fields, b"spec": json.dumps(spec).encode()}


def otherwise_named(rng: random.Random, fields: Fields) -> Fields:
    """Its variables have other names, or are thousands."""
    many = b",".join(b"v%d" % n for n in range(rng.choice((3, 100, 101, 20_000))))
    known = (b"power,wind_speed", b"power,power", b"power", b"timestamp,expected", b",power", many)
    return {**fields, b"variables": rng.choice(known + TEXTS)}


def of_another_job(rng: random.Random, fields: Fields) -> Fields:
    return {**fields, b"job": rng.choice((*NUMBERS, b"1", b"2", b"3", b"4", b"5", b"99"))}


def flipped_bytes(rng: random.Random, value: bytes) -> bytes:
    """With up to four bytes that are others."""
    found = bytearray(value or b"\0")
    for _ in range(rng.randint(1, 4)):
        found[rng.randrange(len(found))] ^= rng.randint(1, 255)
    return bytes(found)


def _value(rng: random.Random) -> bytes:
    kind = rng.choice((NUMBERS, TEXTS, STAMPS, DATES, SPEC_TEXTS, None))
    return rng.choice(kind) if kind else rng.randbytes(rng.randint(0, 64))


MUTATIONS: tuple[Mutation, ...] = (
    removed, renamed, added, overloaded, exchanged, replaced, flipped, shifted, of_another_job,
    otherwise_named, respecified,
)  # fmt: skip


def forged(mutation: Mutation) -> Mutation:
    """The same, with a checksum that agrees."""

    def then_signed(rng: random.Random, fields: Fields) -> Fields:
        return signed(mutation(rng, fields))

    then_signed.__name__ = f"{mutation.__name__}, signed"
    return then_signed
