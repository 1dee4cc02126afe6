"""All faults by name."""

from tests.faults import (
    delivery_faults,
    network_faults,
    postgres_faults,
    process_faults,
    redis_faults,
)
from tests.faults.fault_types import Fault
from tests.faults.small_disk import can_mount

FAULTS: dict[str, Fault] = {
    **process_faults.FAULTS,
    **network_faults.FAULTS,
    **redis_faults.FAULTS,
    **postgres_faults.FAULTS,
    **delivery_faults.FAULTS,
}
if not can_mount():  # a full disk needs a separate file system
    del FAULTS["postgres: disk full"]
