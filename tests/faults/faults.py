"""Everything that can go wrong and heal, by name."""

from tests.faults import deliveries, network_faults, postgres_faults, processes, redis_faults
from tests.faults.fault import Fault
from tests.faults.small_disk import can_mount

FAULTS: dict[str, Fault] = {
    **processes.FAULTS,
    **network_faults.FAULTS,
    **redis_faults.FAULTS,
    **postgres_faults.FAULTS,
    **deliveries.FAULTS,
}
if not can_mount():  # a disk that is full takes a disk of one's own
    del FAULTS["postgres: disk full"]
