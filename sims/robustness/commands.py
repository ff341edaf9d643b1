"""Every command on every shipped design, with as little to do as may be: none ends in a traceback.

    python sims/robustness/commands.py [DESIGN ...]

What is typed stands in ``tests/hostile/commands.py``. Prints a line a command: its exit status, its
seconds of a processor, and the first line of what was refused; what is not clear is printed whole,
and the status of this program is then 1. All designs take half an hour of a core.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from hostile.commands import REFUSED, every_command, run_command


def tried(design: Path) -> int:
    """Types every command, and counts those that did not end clearly."""
    unclear = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for beside in (design, *design.parent.glob("*.csv")):
            shutil.copy(beside, folder)
        for words in every_command(folder / design.name, folder):
            began = time.process_time()
            ended = run_command(words)
            took = time.process_time() - began
            told = ended.told.splitlines()[:1] if ended.status == REFUSED else []
            print(design.stem, words[0], ended.status, f"{took:.1f} s", *told, flush=True)
            if not ended.clear:
                unclear += 1
                print(ended.told, flush=True)
    return unclear


def main() -> None:
    """Try those that are named, else all."""
    named = [Path(name) for name in sys.argv[1:]]
    unclear = sum(map(tried, named or sorted((ROOT / "designs").glob("*.toml"))))
    print(f"{unclear} commands did not end clearly")
    sys.exit(unclear > 0)


if __name__ == "__main__":
    main()
