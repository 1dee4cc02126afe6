"""Stream entries as Redis returns them, and entries with changed fields."""

from collections.abc import Mapping
from typing import Any, cast

import orjson

from shared.domain import batch_header
from shared.domain.batches import Batch

Wire = dict[bytes, bytes]


def wire(batch: Batch) -> Wire:
    """The fields of the batch's entry."""
    fields = cast(Mapping[str, bytes], batch.encode())
    return {name.encode(): value for name, value in fields.items()}


def signed(fields: Mapping[bytes, bytes], **changed: bytes) -> Wire:
    """The fields with changes, and a checksum that agrees with them."""
    new = {**fields, **{name.encode(): value for name, value in changed.items()}}
    header = [v for k, v in new.items() if k not in (b"checksum", b"payload")]
    return {**new, b"checksum": batch_header.checksum(header, new[b"payload"])}


def listed(fields: Mapping[bytes, bytes]) -> list[list[Any]]:
    """The list of slices in the header: [asset, start, end, samples] of each."""
    slices: list[list[Any]] = orjson.loads(fields[b"slices"])
    return slices
