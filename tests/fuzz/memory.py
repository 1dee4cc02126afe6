"""The peak memory of a process."""

import ctypes
import re
from pathlib import Path

import pyarrow as pa

KB_A_MB = 1024
_RESET_PEAK = "5"  # man 5 proc, /proc/[pid]/clear_refs


def peak_mb(pid: int | str = "self") -> float:
    """The largest resident set of a process since its start, or since `forget_peak`."""
    return _mb(pid, "VmHWM")


def reset_peak() -> float:
    """Release unused memory and reset the peak; return the resident set in MB."""
    pa.default_memory_pool().release_unused()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
    return _mb("self", "VmRSS")


def _mb(pid: int | str, name: str) -> float:
    match = re.search(
        rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE
    )
    assert match
    return int(match[1]) / KB_A_MB
