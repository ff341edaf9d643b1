"""From results to a comparison: who is compared, in which scenarios, and what has to be said."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from adaptive_cart.comparison.alternatives import fixed_size, run_like, words_of_fixed
from adaptive_cart.comparison.classical import (
    HIGHEST_FUTILITY,
    group_sequential,
    notes_on_group_sequential,
    words_of_group_sequential,
)
from adaptive_cart.comparison.measured import Candidate, why_not_paired
from adaptive_cart.comparison.side_by_side import Comparison
from adaptive_cart.design.accrual import Accrual
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import InputError, ResultsError, nearest, one_of
from adaptive_cart.nouns.progress import Progress, Tell, silent, unheard
from adaptive_cart.results.result import Result, open_result

FIXED, GROUP_SEQUENTIAL = "fixed size", "group sequential"


def compare(
    results: Sequence[Result | str | Path],
    *,
    with_fixed: bool = False,
    with_group_sequential: bool = False,
    calibrate_fixed: bool = False,
    group_sequential_futility: float | None = None,
    scenarios: Iterable[str] | None = None,
    jobs: int | None = None,
    out: str | Path | None = None,
    progress: Progress = silent,
    tell: Tell = unheard,
) -> Comparison:
    """Lay designs side by side in the scenarios that all of them have.

    Parameters
    ----------
    results
        Results or their folders; the others are compared with the first.
    with_fixed, with_group_sequential
        Also compare with a fixed-size design and a classical group-sequential one, made from the
        first design and run on the same trials.
    calibrate_fixed
        Calibrate the fixed-size design's threshold for ``[calibration] type_one_error``, instead of
        taking that of the last look.
    group_sequential_futility
        Value of z below which the classical design gives an arm up before the last look,
        non-binding (0: no difference, or one in the wrong direction); nothing for never.
    scenarios
        Names of the scenarios; all that are common if left out.
    jobs
        Processes for the designs that are made; all cores if left out. Changes no result.
    out
        Folder for the results of the designs that are made, each with its design file, in
        ``fixed_size`` and ``group_sequential`` there; temporary ones if left out.

    Raises
    ------
    ResultsError
        If a folder holds no sound and finished run, or no scenario is common to all.
    DesignError
        If the first design has no fixed-size or group-sequential counterpart.
    InputError
        If there is nothing to compare with.
    """
    if not results:
        raise InputError("no result given; also the designs that are made need one to be made from")
    made = with_fixed or with_group_sequential
    if len(results) + made < 2:
        raise InputError(
            f"found {len(results)} result; two are needed, or one and --with-fixed or "
            f"--with-group-sequential"
        )
    if calibrate_fixed and not with_fixed:
        raise InputError("--calibrate-fixed goes with --with-fixed")
    if group_sequential_futility is not None:
        if not with_group_sequential:
            raise InputError("--group-sequential-futility goes with --with-group-sequential")
        if not -math.inf < group_sequential_futility <= HIGHEST_FUTILITY:
            raise InputError(
                f"--group-sequential-futility: found {group_sequential_futility:g}; a value of z "
                f"of at most {HIGHEST_FUTILITY:g} is expected, usually 0"
            )
    opened = [part if isinstance(part, Result) else open_result(part) for part in results]
    names = _common(opened, scenarios)
    candidates = [candidate_of(result, label) for result, label in _labelled(opened)]
    first = candidates[0]
    notes: list[str] = []
    # both are made before either is run, so that what is wrong is told first
    fixed_design = fixed_size(first.design, calibrate_fixed) if with_fixed else None
    futility = group_sequential_futility
    classical_design = group_sequential(first.design, futility) if with_group_sequential else None

    def run(design: Design, label: str, words: Callable[[Design], str]) -> None:
        folder, temporary = _folder(out, label)
        found = run_like(design, opened[0], list(names), folder, jobs, progress, tell)
        made = candidate_of(Result(found.design, folder.absolute(), temporary=temporary), label)
        candidates.append(replace(made, words=words(found.design), made=True))

    if fixed_design is not None:
        run(fixed_design, FIXED, words_of_fixed)
        notes.append(_note_on_fixed(first, calibrate_fixed))
    if classical_design is not None:
        run(classical_design, GROUP_SEQUENTIAL, lambda d: words_of_group_sequential(d, futility))
        told = notes_on_group_sequential(first.design, classical_design, futility)
        told[0] = f"made from {first.label}; {told[0]}{_blocks(first.design)}"
        notes += [f"{GROUP_SEQUENTIAL}: {text}" for text in told]
    notes = [*_notes_on_truths(candidates, names), *notes]
    left_out = sorted({name for c in candidates for name in c.trials} - set(names))
    if left_out and scenarios is None:
        notes.append(f"Left out, since not all designs have them: {one_of(left_out)}.")
    pairing = {
        c.label: {name: why_not_paired(first, c, name) for name in names} for c in candidates[1:]
    }
    return Comparison(tuple(candidates), names, pairing, tuple(notes))


def _folder(out: str | Path | None, label: str) -> tuple[Path, bool]:
    """Where a design that is made is run, and whether that is for a while only."""
    if out is not None:
        return Path(out) / label.replace(" ", "_"), False
    return Path(tempfile.mkdtemp(prefix="adaptive_cart_")), True


# ── who is compared, and where ────────────────────────────────────────────────────────────────
def _common(results: Sequence[Result], wanted: Iterable[str] | None) -> dict[str, str]:
    """Scenarios that all results hold, with their roles, nulls first."""
    held = [list(result.manifest["trials"]) for result in results]
    common = [name for name in held[0] if all(name in names for names in held)]
    if not common:
        listed = "; ".join(
            f"{result.folder.name}: {one_of(names)}"
            for result, names in zip(results, held, strict=True)
        )
        raise ResultsError(f"no scenario is common to all designs ({listed}); name them alike")
    if wanted is not None:
        asked = list(dict.fromkeys(wanted))
        unknown = [name for name in asked if name not in common]
        if unknown or not asked:
            raise ResultsError(
                f"--scenario: '{one_of(unknown)}' is not common to all designs"
                f"{nearest(unknown[0], common) if unknown else ''}; common are {one_of(common)}"
            )
        common = [name for name in common if name in asked]
    return {name: role for name, role in results[0].roles.items() if name in common}


def _labelled(results: Sequence[Result]) -> list[tuple[Result, str]]:
    """Call each result by its folder; by more of its path where two are called alike."""
    labels = [
        f"result {number}" if result.temporary else result.folder.name
        for number, result in enumerate(results, 1)
    ]
    for depth in (2, 3, 4):
        if len(set(labels)) == len(labels):
            break
        labels = ["/".join(result.folder.parts[-depth:]) for result in results]
    seen: dict[str, int] = {}
    found = []
    for result, label in zip(results, labels, strict=True):
        seen[label] = seen.get(label, 0) + 1
        found.append((result, label if seen[label] == 1 else f"{label} ({seen[label]})"))
    return found


def candidate_of(result: Result, label: str) -> Candidate:
    """A run as one of the designs that are compared."""
    manifest = result.manifest
    return Candidate(
        label=label,
        words=result.design.name,
        design=result.design,
        engine=manifest["engine"],
        seed=manifest["seed"],
        version=manifest["version"],
        trials=dict(manifest["trials"]),
        result=result,
    )


# ── what has to be said ───────────────────────────────────────────────────────────────────────
def _note_on_fixed(first: Candidate, calibrated: bool) -> str:
    if calibrated:
        assert first.design.calibration is not None
        return (
            f"{FIXED}: made from {first.label}; its threshold is calibrated for a type I error of "
            f"{first.design.calibration.type_one_error:g}.{_blocks(first.design)}"
        )
    return (
        f"{FIXED}: made from {first.label}; its threshold is that of the last look there and is "
        f"not calibrated anew, so that its type I error may be another.{_blocks(first.design)}"
    )


def _blocks(design: Design) -> str:
    if design.randomisation.by_shares is None:
        return ""
    return " Randomised in permuted blocks and not adaptively."


def _true(design: Design, scenario: str) -> Truth:
    """What is true in a scenario; how fast participants come is its design's, unless it says so."""
    truth = replace(design.truths[scenario], sources={})
    said = "enrolment" in design.scenarios[scenario]
    return truth if said else replace(truth, accrual=Accrual())


def _notes_on_truths(candidates: Sequence[Candidate], names: Mapping[str, str]) -> list[str]:
    """Say where a scenario of one name is not one truth."""
    first = candidates[0].design
    notes = []
    for candidate in candidates[1:]:
        if candidate.made:
            continue
        theirs = candidate.design
        other = [name for name in names if _true(first, name) != _true(theirs, name)]
        if other:
            notes.append(
                f"Not the same truth in {candidates[0].label} and {candidate.label}: "
                f"{one_of(other)}. Differences there are of designs and truths together."
            )
    return notes
