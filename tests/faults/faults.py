"""Everything that can go wrong and heal, by name."""

from tests.faults import deliveries, links, on_postgres, on_redis, processes
from tests.faults.fault import Fault
from tests.faults.small_disk import can_mount

FAULTS: dict[str, Fault] = {
    **processes.FAULTS,
    **links.FAULTS,
    **on_redis.FAULTS,
    **on_postgres.FAULTS,
    **deliveries.FAULTS,
}
if not can_mount():  # a disk that is full takes a disk of one's own
    del FAULTS["postgres: disk full"]
