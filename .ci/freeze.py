"""Make constraints.txt anew: install everything on each given Python and keep what came.

    python3 .ci/freeze.py python3.11 python3.12 python3.13

A package whose version is the same on all of them is a bare pin; the others carry a marker. The
oldest Python's pin also holds below it and the newest's above it. Standard library only.
"""

import argparse
import re
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+")

HEADER = """\
# The versions that the tests are run with, on Linux: `pip install -c constraints.txt -e ".[test]"`.
# Made by `.ci/freeze.py` from fresh installations on Python {pythons}, with all extras.
"""


def version_of(python: str) -> tuple[int, int]:
    """Major and minor version of an interpreter."""
    code = "import sys; print(*sys.version_info[:2])"
    major, minor = subprocess.check_output([python, "-c", code], text=True).split()
    return int(major), int(minor)


def installed_on(python: str) -> dict[str, str]:
    """Name and version of every package that a fresh installation with all extras brings."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([python, "-m", "venv", folder], check=True)
        pip = [f"{folder}/bin/python", "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", f"{ROOT}[dev]"], check=True)
        freeze = [*pip, "freeze", "--exclude", "adaptive_cart"]
        lines = subprocess.check_output(freeze, text=True).split("\n")
    pins = [line for line in lines if line]
    strange = [pin for pin in pins if not PIN.fullmatch(pin)]
    if strange:
        raise SystemExit(f"no plain name==version: {strange}")
    return {re.sub("[-_.]+", "-", name).lower(): v for name, v in (p.split("==") for p in pins)}


def constraints(installed: dict[tuple[int, int], dict[str, str]]) -> list[str]:
    """One line a package, or one for each stretch of Pythons on which it has the same version."""
    lines = []
    for name in sorted(set().union(*installed.values())):
        # A Python where the package is not installed does not mind how it is pinned there.
        have = [(python, pins[name]) for python, pins in sorted(installed.items()) if name in pins]
        starts = [have[0], *(new for old, new in pairwise(have) if new[1] != old[1])]
        ends = [python for python, _ in starts[1:]]
        for i, (python, version) in enumerate(starts):
            marker = []
            if i > 0:
                marker.append('python_version >= "{}.{}"'.format(*python))
            if i < len(ends):
                marker.append('python_version < "{}.{}"'.format(*ends[i]))
            lines.append(f"{name}=={version}" + (" ; " + " and ".join(marker) if marker else ""))
    return lines


def main() -> None:
    """Write constraints.txt."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pythons", nargs="+", metavar="PYTHON", help="an interpreter")
    arguments = parser.parse_args()
    installed = {version_of(python): installed_on(python) for python in arguments.pythons}
    header = HEADER.format(pythons=", ".join("{}.{}".format(*p) for p in sorted(installed)))
    text = header + "\n".join(constraints(installed)) + "\n"
    (ROOT / "constraints.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
