"""How many processors this process may use."""

import math
import os
import platform
from pathlib import Path


def available_cpus(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """CPUs this process may use, at least 1: those it may be scheduled on, cut to the container's quota.

    Args:
        cgroup: where the kernel shows this process's control group (version 2, or version 1 with its ``cpu`` folder).
    """
    scheduled = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(scheduled, math.ceil(_cgroup_quota(cgroup))))


def processor_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """What the processors of this machine call themselves; their architecture where the system does not tell.

    Args:
        cpuinfo: where the kernel describes them, one after the other.
    """
    try:
        with cpuinfo.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                if name.strip() == "model name":
                    return value.strip()
    except OSError:
        pass
    return platform.machine()


def _cgroup_quota(cgroup: Path) -> float:
    """CPU time a second that the control group grants, in CPUs; as many as there can be when it sets no limit."""
    version_1 = cgroup / "cpu"
    sources = ((cgroup / "cpu.max",), (version_1 / "cpu.cfs_quota_us", version_1 / "cpu.cfs_period_us"))
    for files in sources:
        try:
            quota, period = " ".join(file.read_text(encoding="ascii") for file in files).split()
            if int(quota) > 0:
                return int(quota) / int(period)
        except (OSError, ValueError):  # no such file here, or "max": no limit
            continue
    return 1 << 16
