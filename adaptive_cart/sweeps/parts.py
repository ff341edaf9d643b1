"""A sweep in parts, for a batch scheduler's job array: each alone, then put together.

    adaptive-cart sweep design.toml --vary … --part 3/20 --out FOLDER     twenty jobs
    adaptive-cart merge FOLDER                                           when all have ended

A part is every twentieth of the variants, whole: what a variant costs once, its calibration among
it, is paid by one job. Each variant is run into the folder in which a sweep in one piece has it,
and only one job writes there. What was asked is kept in a folder of the job's own,
``part-3-of-20``. What is put together is what a sweep in one piece writes, to the last byte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adaptive_cart.design.design import Design
from adaptive_cart.design.file import digest_of, load_design
from adaptive_cart.design.replacing import told_as_replaced
from adaptive_cart.errors import CartError, InputError, ResultsError
from adaptive_cart.nouns.owned_folder import OwnedFolder
from adaptive_cart.nouns.progress import Progress, Tell, silent, unheard
from adaptive_cart.results.store import DESIGN, SHARE_FOLDER, version
from adaptive_cart.running.engine import Engine
from adaptive_cart.running.shares import Share, require_every
from adaptive_cart.sweeps.run import VARIANTS, finished, run_variants, sweep
from adaptive_cart.sweeps.swept import Sweep
from adaptive_cart.sweeps.varying import How, Variant, variants_of

PART = "sweep_part.json"


@dataclass(frozen=True)
class Asked:
    """What a sweep was asked for, alike in all of its parts."""

    vary: Mapping[str, Sequence[Any]]
    how: How
    recalibrate: bool = False
    looks_in_proportion: bool = False
    trials: int | None = None
    seed: int | None = None
    scenarios: Sequence[str] | None = None
    engine: Engine = "auto"

    def variants(self, design: Design) -> list[Variant]:
        """All variants of the sweep, the design as written first."""
        return variants_of(
            design,
            self.vary,
            self.how,
            recalibrate=self.recalibrate,
            looks_in_proportion=self.looks_in_proportion,
        )

    def plain(self) -> dict[str, Any]:
        """As it stands in a file."""
        vary = {key: [*values] for key, values in self.vary.items()}
        told: dict[str, Any] = json.loads(json.dumps({**vars(self), "vary": vary}))
        return told


def own_variants(variants: Sequence[Variant], share: Share) -> list[Variant]:
    """Variants of one part: neighbours cost alike, so that they are dealt out one by one."""
    return list(variants[share.number - 1 :: share.of])


def sweep_part(
    design: Design,
    share: Share,
    out: str | Path,
    vary: Mapping[str, Sequence[Any]] | None = None,
    *,
    how: How | None = None,
    scenarios: Sequence[str] | None = None,
    jobs: int | None = None,
    restart: bool = False,
    progress: Progress = silent,
    tell: Tell = unheard,
    **alike: Any,
) -> str:
    """Run one part of a sweep; returns in words what it holds.

    Parameters
    ----------
    share
        Which part, and of how many.
    out
        Folder that all parts share.
    vary, how, scenarios, jobs, restart
        As of ``sweep``.
    alike
        What else ``sweep`` takes; like ``vary``, ``how`` and ``scenarios`` alike in all parts.

    Raises
    ------
    DesignError
        With every problem of every variant, of other parts too; nothing is run then.
    """
    if how is None:
        how = "one_at_a_time" if vary is None else "grid"
    names = None if scenarios is None else list(scenarios)
    vary = design.sensitivity if vary is None else vary
    asked = Asked(vary=vary, how=how, scenarios=names, **alike)
    folder, variants = Path(out), asked.variants(design)
    mine = own_variants(variants, share)
    owned = OwnedFolder(folder / share.folder)
    owned.require_free([PART, DESIGN])
    _require_alike(owned, _told(design, share, asked), restart)
    owned.remove(PART)  # it says that the part is finished
    for _ in run_variants(
        mine, folder, progress, tell, trials=asked.trials, seed=asked.seed, scenarios=names,
        jobs=jobs, engine=asked.engine, restart=restart,
    ):  # fmt: skip
        pass
    owned.write(DESIGN, design.as_toml())
    told = _told(design, share, asked)
    owned.write(PART, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    number = len(mine)
    if not number:
        return f"part {share.number} of {share.of} has none of the {len(variants)} runs"
    return f"part {share.number} of {share.of}: {number} of {len(variants)} runs"


def _told(design: Design, share: Share, asked: Asked) -> dict[str, Any]:
    """What a part says of itself."""
    changed = {
        key: {"before": change.before, "after": change.after}
        for key, change in design.replaced.items()
    }
    return {
        "number": share.number,
        "of": share.of,
        "digest": digest_of(design),
        "version": version(),
        "asked": asked.plain(),
        "set": json.loads(json.dumps(changed)),
    }


def _require_alike(owned: OwnedFolder, told: Mapping[str, Any], restart: bool) -> None:
    """Raise a :class:`ResultsError` where the folder of a part holds one of another sweep."""
    if restart or not owned.path(PART).exists():
        return
    held = _read(owned.folder)
    if differences := _differences(told, held):
        raise ResultsError(
            f"{owned.folder}: holds a part of another sweep: {differences}. Choose another --out, "
            f"or --restart to replace it"
        )


def _differences(mine: Mapping[str, Any], held: Mapping[str, Any]) -> str:
    """What two parts were asked for otherwise, in words; empty where all is alike."""
    found = [
        f"{name} {held[name]} there, {mine[name]} here"
        for name in ("digest", "version")
        if held[name] != mine[name]
    ]
    found += [
        f"{name} {value} there, {mine['asked'].get(name)} here"
        for name, value in held["asked"].items()
        if mine["asked"].get(name) != value
    ]
    return "; ".join(found)


def _read(folder: Path) -> dict[str, Any]:
    path = folder / PART
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        Asked(**told["asked"])
        share = Share(told["number"], told["of"])
        texts = told["digest"], told["version"]
        if share.folder != folder.name or not isinstance(told["set"], dict) or not all(texts):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError):
        raise ResultsError(
            f"{path}: is damaged, or tells of another part; run the part again with --restart"
        ) from None
    return told


def holds_parts_of_a_sweep(folder: str | Path) -> bool:
    """Whether ``sweep --part`` has written into a folder."""
    return bool(_parts(Path(folder)))


def _parts(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [
        path
        for path in folder.iterdir()
        if SHARE_FOLDER.fullmatch(path.name) and not path.is_symlink() and (path / PART).is_file()
    ]


def merge_sweep(
    folder: str | Path,
    *,
    jobs: int | None = None,
    progress: Progress = silent,
    tell: Tell = unheard,
) -> Sweep:
    """Put the parts of a sweep together, in the folder that holds them; nothing is run.

    Parameters
    ----------
    folder
        Where ``sweep --part`` wrote them.
    jobs
        Processes, where measures are worked out anew.

    Raises
    ------
    ResultsError
        Unless all parts are there, finished, and of one sweep.
    """
    path = Path(folder)
    told = sorted((_read(part) for part in _parts(path)), key=lambda one: one["number"])
    if not told:
        raise ResultsError(
            f"{path}: holds no parts of a sweep; adaptive-cart sweep DESIGN --part 1/20 --out "
            f"{path} writes the first of twenty"
        )
    first = told[0]
    _require_all(path, told)
    own = path / Share(first["number"], first["of"]).folder
    try:
        design = load_design(own / DESIGN)
    except (OSError, CartError) as error:
        raise ResultsError(f"{own / DESIGN}: cannot be read ({error})") from None
    if digest_of(design) != first["digest"]:
        raise ResultsError(f"{own / DESIGN}: is not the design that was run")
    told_as_replaced(design, first["set"])
    asked = Asked(**first["asked"])
    unfinished = [
        variant.label
        for variant in asked.variants(design)
        if not finished(path / VARIANTS / variant.digest)
    ]
    if unfinished:
        raise ResultsError(
            f"{path}: {len(unfinished)} runs are not finished, {unfinished[0]} among them. Run the "
            f"parts again; what they have finished is kept"
        )
    tell(f"{first['of']} parts, each whole and of one sweep")
    return sweep(design, out=path, jobs=jobs, progress=progress, tell=tell, **vars(asked))


def _require_all(folder: Path, told: Sequence[Mapping[str, Any]]) -> None:
    """Raise a :class:`ResultsError` unless all parts are there, and of one sweep."""
    first = told[0]
    for one in told[1:]:
        if one["of"] != first["of"]:
            raise ResultsError(
                f"{folder}: holds parts of several sweeps, of {first['of']} and of {one['of']}"
            )
        if differences := _differences(first, one):
            raise ResultsError(
                f"{folder}: part {one['number']} is of another sweep than part "
                f"{first['number']}: {differences}"
            )
    require_every(folder, {one["number"] for one in told}, first["of"])


def require_no_figures(formats: Sequence[str]) -> None:
    """Refuse formats of figures for a part: they are made when all are there."""
    if formats:
        raise InputError(
            "--format: figures are made by merge, when all parts are there; leave it out"
        )
