"""A run in shares, for a batch scheduler's job array: each alone, then put together.

    adaptive-cart simulate design.toml --part 3/20 --out FOLDER     twenty jobs, on any machines
    adaptive-cart merge FOLDER                                      when all have ended

A share is every trial from a first to a last one, in every scenario. It is run into a folder of its
own, ``part-3-of-20``, that only its job writes to; so that no two jobs need to know of each other,
and nothing is needed but a folder that all can reach. A job that was killed is typed again. What is
put together is what a run in one piece writes, to the last byte: a trial depends on its number
alone.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adaptive_cart.design.design import Design
from adaptive_cart.design.file import digest_of, load_design
from adaptive_cart.design.replacing import told_as_replaced
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import InputError, ResultsError
from adaptive_cart.nouns.progress import Progress, Tell, silent, unheard
from adaptive_cart.nouns.whole_files import renamed, telling
from adaptive_cart.results.parts import Parts
from adaptive_cart.results.result import Result
from adaptive_cart.results.shared_calibration import calibration_of
from adaptive_cart.results.store import DESIGN, PARTS, SHARE_FOLDER, SUFFIXES, Identity, Store
from adaptive_cart.running.stretches import columns_written

MOST = 10_000  # shares of a run
SHARE = "share"  # key of a manifest, and its status
SHOWN = 10


@dataclass(frozen=True)
class Share:
    """One of so many parts of a run, counted from 1."""

    number: int
    of: int

    @staticmethod
    def parse(text: str) -> Share:
        """Read ``3/20``.

        Raises
        ------
        InputError
            If it is no such thing.
        """
        found = re.fullmatch(r"\s*(\d{1,5})\s*/\s*(\d{1,5})\s*", text)
        share = Share(int(found[1]), int(found[2])) if found else Share(0, 0)
        if not 1 <= share.number <= share.of <= MOST:
            raise InputError(
                f"--part: found {text[:40]!r}; NUMBER/OF is expected, as in 3/20, with OF at most "
                f"{MOST:,}"
            )
        return share

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return f"part-{self.number}-of-{self.of}"

    def bounds(self, trials: int) -> tuple[int, int]:
        """Its first trial, and the first one after it."""
        return trials * (self.number - 1) // self.of, trials * self.number // self.of

    def words(self, trials: int) -> str:
        """What it holds, in words."""
        start, stop = self.bounds(trials)
        if start == stop:
            return f"part {self.number} of {self.of} has no trial of {trials:,}"
        return f"part {self.number} of {self.of}: trials {start + 1:,} to {stop:,} of each scenario"


@dataclass(frozen=True)
class Finished:
    """A share that has been run: where its stretches are, and what its manifest says."""

    share: Share
    parts: Parts
    manifest: Mapping[str, Any]
    folder: Path

    @property
    def identity(self) -> Identity:
        """Of the run that it is of."""
        fields = ("digest", "seed", "version", "engine")
        return Identity(*(self.manifest[field] for field in fields))

    @property
    def trials(self) -> Mapping[str, int]:
        """Trials of the whole run, by scenario."""
        found: dict[str, int] = self.manifest[SHARE]["trials"]
        return found


def finished_shares(folder: Path) -> list[Finished]:
    """Every share of a run that lies in a folder, in order.

    Raises
    ------
    ResultsError
        Unless all are there, finished, and of one run.
    """
    found = [share for path in _candidates(folder) if (share := _finished(path)) is not None]
    if not found:
        raise ResultsError(
            f"{folder}: holds no parts of a run; adaptive-cart simulate DESIGN --part 1/20 --out "
            f"{folder} writes the first of twenty"
        )
    found.sort(key=lambda one: one.share.number)
    first = found[0]
    others = [one for one in found if one.share.of != first.share.of]
    if others:
        names = [one.folder.name for one in (first, *others)]
        raise ResultsError(
            f"{folder}: holds parts of several runs: {', '.join(names[:SHOWN])}; move those away "
            f"that do not belong together"
        )
    for one in found[1:]:
        differences = first.identity.differences(one.manifest)
        if one.trials != first.trials:
            differences.append(f"{_words(one.trials)} there, {_words(first.trials)} now")
        if differences:
            raise ResultsError(
                f"{one.folder}: is of another run than {first.folder.name}: "
                f"{'; '.join(differences)}. Move away the one that is not wanted, or run it again "
                f"with --restart"
            )
    there = {one.share.number for one in found if one.manifest["status"] == SHARE}
    require_every(folder, there, first.share.of)
    return found


def require_every(folder: Path, there: Collection[int], of: int) -> None:
    """Raise a :class:`ResultsError` unless all parts of a run, or of a sweep, are there."""
    missing = [number for number in range(1, of + 1) if number not in there]
    if missing:
        shown = ", ".join(map(str, missing[:SHOWN]))
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        raise ResultsError(
            f"{folder}: not there or not finished, of {of} parts: {shown}{more}. Run each again "
            f"with --part {missing[0]}/{of}; what it has finished is kept"
        )


def _words(trials: Mapping[str, int]) -> str:
    return f"{max(trials.values()):,} trials of {', '.join(trials)}"


def _candidates(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ResultsError(f"{folder}: is no folder")
    return [
        path
        for path in folder.iterdir()
        if SHARE_FOLDER.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
    ]


def _finished(path: Path) -> Finished | None:
    """A share by its folder; nothing where no run has written there."""
    store = Store(path)
    try:
        manifest = store.manifest()
    except ResultsError as error:  # to begin anew is for the part, and not for what is put together
        reason = str(error).split(";")[0]
        raise ResultsError(f"{reason}; run this part again with --restart") from None
    told = None if manifest is None else manifest.get(SHARE)
    if manifest is None or told is None:
        return None
    share = _share_of(told)
    if share is None or share.folder != path.name or not isinstance(manifest.get(PARTS), str):
        raise ResultsError(f"{path}: its manifest tells of another part; run it again")
    if not re.fullmatch(r"[0-9a-f]{16}-[0-9a-f]{12}", manifest[PARTS]):
        raise ResultsError(f"{path}: its manifest is damaged; run it again with --restart")
    held = store.path(PARTS) / manifest[PARTS]
    if store.path(PARTS).is_symlink() or held.is_symlink():
        raise ResultsError(f"{held}: is a link, which is not followed")
    return Finished(share, Parts(held), manifest, path)


def _share_of(told: Any) -> Share | None:
    trials = told.get("trials") if isinstance(told, dict) else None
    if not isinstance(trials, dict) or not trials:
        return None
    numbers = (told.get("number"), told.get("of"), *told["trials"].values())
    if any(not isinstance(number, int) or isinstance(number, bool) for number in numbers):
        return None
    return Share(told["number"], told["of"])


def merge(
    folder: str | Path,
    *,
    jobs: int | None = None,
    restart: bool = False,
    progress: Progress = silent,
    tell: Tell = unheard,
) -> Result:
    """Put the parts of a run together, in the folder that holds them.

    The parts are left as they are. What cannot be read of one is simulated again.

    Parameters
    ----------
    folder
        Where ``simulate --part`` wrote them.
    jobs
        Processes, for what is simulated again; all cores if left out.
    restart
        Replace the results that the folder holds.

    Raises
    ------
    ResultsError
        Unless all parts are there, finished, and of one run.
    """
    from adaptive_cart.running.run import simulate

    path = Path(folder)
    shares = finished_shares(path)
    first = shares[0]
    file = first.folder / DESIGN
    design = load_design(file)
    if digest_of(design) != first.identity.digest:
        raise ResultsError(f"{file}: is not the design that was run")
    told_as_replaced(design, first.manifest.get("set", {}))
    tell(f"{len(shares)} parts, each whole and of one run")
    return simulate(
        design,
        trials=max(first.trials.values()),
        seed=first.identity.seed,
        scenarios=list(first.trials),
        jobs=jobs,
        engine="simulate",
        out=path,
        restart=restart,
        finished=[one.parts for one in shares],
        design_text=file.read_text(encoding="utf-8"),
        calibration=calibration_of(first.manifest.get("calibration")),
        progress=progress,
        tell=tell,
    )


def adopted(
    own: Parts,
    finished: Sequence[Parts],
    design: Design,
    truth: Truth,
    tell: Tell,
) -> None:
    """Take over the stretches of shares, but for damaged ones, which are run again.

    Their files are left where they are.

    Parameters
    ----------
    truth
        Of any scenario.
    """
    if not finished:
        return
    written = columns_written(design, truth)
    columns = {SUFFIXES[name]: names for name, names in written.items()}
    damaged = 0
    for parts in finished:
        for stretch in parts.finished():
            if not parts.whole(stretch, columns):
                damaged += 1
                continue
            for suffix in ("trials", "looks"):  # in the order in which a stretch is written
                target = own.path(stretch, suffix)
                with telling("be written", target), renamed(target) as temporary:
                    shutil.copyfile(parts.path(stretch, suffix), temporary)
    if damaged:
        tell(f"{damaged} damaged stretches of the parts are run again")
