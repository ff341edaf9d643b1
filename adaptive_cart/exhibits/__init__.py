"""What a folder beside a run holds that its report can tell: a worst case, a sweep, a search."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from adaptive_cart.analysis.folder import JSON
from adaptive_cart.errors import CartError, InputError
from adaptive_cart.exhibits.real_look import RealLookExhibit
from adaptive_cart.optimising.found import SEARCH
from adaptive_cart.optimising.reported import OptimumExhibit
from adaptive_cart.programmes.reported import ProgrammeExhibit
from adaptive_cart.programmes.result import RECORD
from adaptive_cart.report.chapters.worst_case import WorstCaseExhibit
from adaptive_cart.report.exhibit import Exhibit
from adaptive_cart.results.kept_worst_case import FOUND
from adaptive_cart.sweeps.reported import SweepExhibit
from adaptive_cart.sweeps.run import SWEEP

KINDS: Mapping[str, Callable[[Path], Exhibit]] = {
    FOUND: WorstCaseExhibit.read,
    SWEEP: SweepExhibit.read,
    RECORD: ProgrammeExhibit.read,
    SEARCH: OptimumExhibit.read,
    JSON: RealLookExhibit.read,
}
COMMANDS = (
    "`adaptive-cart worst-case`, `sweep`, `optimise`, `programme` and `analyze --tipping` write "
    "such folders"
)


def exhibit(folder: str | Path) -> Exhibit:
    """What a folder holds, to be told in the report of a run of the same design.

    Raises
    ------
    InputError
        If it holds nothing of the kind.
    ResultsError
        If what it holds is damaged, or of another version.
    """
    place = Path(folder)
    for name, read in KINDS.items():
        if (place / name).is_file():
            return read(place)
    found = "no such folder" if not place.is_dir() else f"holds neither {' nor '.join(KINDS)}"
    raise InputError(f"{folder}: {found}; {COMMANDS}")


def exhibits_of(folders: Iterable[str | Path]) -> list[Exhibit]:
    """What each folder holds.

    Raises
    ------
    InputError
        With what is wrong of every folder.
    """
    found, wrong = [], []
    for folder in folders:
        try:
            found.append(exhibit(folder))
        except CartError as error:
            wrong.append(str(error))
    if wrong:
        raise InputError("\n".join(wrong))
    return found
