"""How much memory this process has taken at the most."""

import ctypes
import re
from pathlib import Path

import pyarrow as pa

KB_A_MB = 1024
_FORGET_PEAK = "5"  # man 5 proc, /proc/[pid]/clear_refs


def peak_mb(pid: int | str = "self") -> float:
    """The largest resident set of a process since its start, or since `forget_peak`."""
    return _mb(pid, "VmHWM")


def forget_peak() -> float:
    """Give back what is not in use, and begin anew; return what is resident now, in MB."""
    pa.default_memory_pool().release_unused()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text(_FORGET_PEAK)
    return _mb("self", "VmRSS")


def _mb(pid: int | str, name: str) -> float:
    found = re.search(
        rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE
    )
    assert found
    return int(found[1]) / KB_A_MB
