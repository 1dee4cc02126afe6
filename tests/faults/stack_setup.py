"""Start a fault stack: servers, a proxy in front of each, services with failpoints."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from tests.faults.databases import run_in
from tests.faults.fault_stack import LEASE_S, FaultStack
from tests.faults.proxied_stack import ProxiedStack
from tests.faults.small_disk import can_mount, mounted
from tests.prepared_cluster import copy_prepared_cluster

SETTINGS = {
    "MINUANO_READ_BLOCK_S": "0.2",
    "MINUANO_LEASE_S": str(LEASE_S),
    "MINUANO_SWEEP_INTERVAL_S": "0.5",
    "MINUANO_STALLED_AFTER_S": "2",
    "MINUANO_SOURCE_ASSET_COLUMN": "asset",
    "MINUANO_CHUNK_SLICES": "2",
    "MINUANO_PAGE_ROWS": "1000",
    "MINUANO_PAGE_DEADLINE_S": "3",
    "MINUANO_PAGE_ATTEMPTS": "2",
}
_TABLE = (
    "CREATE TABLE data (asset text, timestamp timestamptz, wind_speed double precision, "
    "power double precision, ambient_temperature double precision, PRIMARY KEY (asset, timestamp))"
)


@contextmanager
def running_fault_stack(settings: Mapping[str, str] | None = None) -> Iterator[FaultStack]:
    """A new stack with two aggregators and two loaders; it stops at the end of the block."""
    with ExitStack() as until:
        folder = Path(until.enter_context(tempfile.TemporaryDirectory(prefix="minuano-faults-")))
        folder.chmod(0o755)
        copy_prepared_cluster(folder / "postgres")
        stack = ProxiedStack(folder, SETTINGS | dict(settings or {}))
        until.callback(stack.stop)
        addresses = stack.start_servers()
        run_in(addresses.owner_source_url, _TABLE)
        disk = _small_disk(stack, until) if can_mount() else None
        stack.start_services(aggregators=2, loaders=2)
        http = until.enter_context(httpx.Client(base_url=addresses.extractor_url, timeout=60))
        fault_stack = FaultStack(stack, http, disk)
        until.callback(lambda: fault_stack.redis.close())
        yield fault_stack


def _small_disk(stack: ProxiedStack, until: ExitStack) -> Path:
    """A disk for `data` alone, which can be filled without harm to anything else."""
    disk = until.enter_context(mounted(stack.folder / "disk", stack.folder / "postgres"))
    until.callback(stack.stop)
    url = stack.postgres.url("target")
    run_in(url, f"CREATE TABLESPACE small LOCATION '{disk}'")
    for thing in ("TABLE data", "INDEX data_pkey"):
        run_in(url, f"ALTER {thing} SET TABLESPACE small")
    return disk
