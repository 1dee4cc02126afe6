"""What a run costs: CPU seconds and memory of processes, from Linux's /proc."""

import contextlib
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_UTIME, _CSTIME = 11, 15  # positions behind the command's name, proc(5)


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, of those it started, and of those of them that have ended."""
    return sum(_own_cpu_s(member) for member in _family(pid))


def rss_mb(pid: int) -> float:
    """The resident size of a process now."""
    return _status_mb(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    """The largest resident size of a process since `reset_peaks`."""
    return _status_mb(pid, "VmHWM")


def reset_peaks(pids: Iterable[int]) -> None:
    """Forget the largest resident sizes of these processes."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc(5)


def machine() -> Mapping[str, str]:
    """The facts needed to compare figures of two machines."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
    }


def _status_mb(pid: int, field: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith(field))
    return int(line.split()[1]) / 1024


def _family(pid: int) -> Iterable[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended
            for child in task.read_text().split():
                yield from _family(int(child))


def _own_cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # it has just ended, and is counted with its parent
    return sum(map(int, fields[_UTIME:_CSTIME])) / TICKS_PER_S
