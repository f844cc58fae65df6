"""What the numbers were measured on."""

import os
import platform
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")


def machine() -> str:
    """Processor, number of cores that this process may use, and operating system.

    `Intel Xeon Processor @ 2.60GHz, 4 cores, Linux`, for example.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{_processor()}, {cores} core{'s' if cores > 1 else ''}, {platform.system()}"


def _processor() -> str:
    """The processor's name where the kernel tells it (Linux on x86), else its architecture."""
    lines = CPU_INFO.read_text(errors="replace").splitlines() if CPU_INFO.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(filter(None, names), platform.machine())
