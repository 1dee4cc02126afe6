"""What a fault is: it strikes when its block begins, and heals when the block ends."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from random import Random

from tests.faults.world import World

Fault = Callable[[World, Random], AbstractContextManager[None]]

WORKERS = ("extractor", "aggregator", "loader")
SERVICES = ("connector", *WORKERS)
GROUPS = {"jobs": "extractor", "raw": "aggregator", "stats": "loader"}
