"""What a run costs: CPU seconds and peak memory of processes, from Linux's /proc."""

import contextlib
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_UTIME, _CSTIME = 11, 15  # positions behind the command's name, proc(5)
_RESET_PEAK = "5"


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, of those it started, and of those of them that have ended."""
    return sum(_own_cpu_s(each) for each in _family(pid))


def peak_mb(pid: int) -> float:
    """The largest resident size of a process since `reset_peak`."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def reset_peaks(pids: Iterable[int]) -> None:
    """Let the peaks of these processes begin anew."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK)


def facts() -> Mapping[str, str]:
    """What somebody needs to know who compares figures."""
    model = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), platform.machine(),
    )  # fmt: skip
    return {
        "cpu": model,
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
    }


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
