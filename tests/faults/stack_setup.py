"""Start a fault stack: servers, a proxy in front of each server, services with failpoints."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from tests.e2e.sql import create_source_table, execute_once
from tests.faults.fault_stack import LEASE_S, FaultStack
from tests.faults.proxied_stack import ProxiedStack
from tests.faults.small_disk import can_mount, mounted_tmpfs
from tests.prepared_cluster import copy_prepared_cluster

SETTINGS = {
    "MINUANO_READ_BLOCK_S": "0.2",
    "MINUANO_LEASE_S": str(LEASE_S),
    "MINUANO_SWEEP_INTERVAL_S": "0.5",
    "MINUANO_STALLED_AFTER_S": "2",
    "MINUANO_SOURCE_ASSET_COLUMN": "asset",
    "MINUANO_PAGE_ROWS": "1000",
    "MINUANO_PAGE_DEADLINE_S": "3",
    "MINUANO_PAGE_ATTEMPTS": "2",
}
SOME_SLICES = 2
"""A part of the three days of a turbine."""
ALL_SLICES = 7
"""More than a job has: all its slices, of both turbines, are one batch."""


@contextmanager
def running_fault_stack(
    settings: Mapping[str, str] | None = None, *, batch_slices: int = SOME_SLICES
) -> Iterator[FaultStack]:
    """A new stack with two aggregators and two loaders, whose batches have so many slices at most.
    It stops at the end of the block.
    """
    with ExitStack() as exit_stack:
        folder = Path(
            exit_stack.enter_context(tempfile.TemporaryDirectory(prefix="minuano-faults-"))
        )
        folder.chmod(0o755)
        copy_prepared_cluster(folder / "postgres")
        chunk = {"MINUANO_CHUNK_SLICES": str(batch_slices)}
        stack = ProxiedStack(folder, SETTINGS | chunk | dict(settings or {}))
        exit_stack.callback(stack.stop)
        addresses = stack.start_servers()
        execute_once(addresses.owner_source_url, create_source_table(assets=True))
        disk = _small_disk(stack, exit_stack) if can_mount() else None
        stack.start_services(aggregators=2, loaders=2)
        http = exit_stack.enter_context(httpx.Client(base_url=addresses.extractor_url, timeout=60))
        fault_stack = FaultStack(stack, http, disk)
        exit_stack.callback(lambda: fault_stack.redis.close())
        yield fault_stack


def _small_disk(stack: ProxiedStack, exit_stack: ExitStack) -> Path:
    """A disk for the table `data` only. A test can fill it without affecting other files."""
    disk = exit_stack.enter_context(mounted_tmpfs(stack.folder / "disk", stack.folder / "postgres"))
    exit_stack.callback(stack.stop)
    url = stack.postgres.url("target")
    execute_once(url, f"CREATE TABLESPACE small LOCATION '{disk}'")
    for relation in ("TABLE data", "INDEX data_pkey"):
        execute_once(url, f"ALTER {relation} SET TABLESPACE small")
    return disk
