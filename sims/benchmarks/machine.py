"""Which machine something was measured on, as it stands at the top of what is kept."""

from __future__ import annotations

import csv
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path


def words() -> str:
    """Processor, cores and versions, as they stand at the top of what is kept."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.split(":")[1].strip() for line in lines if "model name" in line), name)
    versions = ", ".join(
        subprocess.run(
            [sys.executable, "-c", f"import {module}; print('{module}', {module}.__version__)"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()
        for module in ("numpy", "scipy", "pyarrow")
    )  # fmt: skip
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{time.strftime('%Y-%m-%d')}, {name}, {os.cpu_count()} cores, {load}, "
        f"Python {platform.python_version()}, {versions}"
    )


def keep(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table below a line that names the machine."""
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(f"# {words()}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
