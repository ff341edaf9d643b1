"""Designs to compare with that nobody has to write: the fixed-size one, made from a design.

Guidance asks why a trial is adaptive, so an adaptive design is laid beside the plainest one that
answers the same question: the same arms, endpoints, truths and number of participants, looked at
once, when all of them have been observed, and judged by its success rules alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.column_names import part_names
from adaptive_cart.design.design import Design
from adaptive_cart.design.error_tables import without_stops
from adaptive_cart.design.external import only_named
from adaptive_cart.design.rule_tables import Comparing, Rule, side_of, together
from adaptive_cart.errors import DesignError, Problem, ResultsError
from adaptive_cart.nouns.progress import Progress, Tell
from adaptive_cart.results.result import Result
from adaptive_cart.running.calibrating.claims import for_success_alone
from adaptive_cart.running.region import needs_calibration
from adaptive_cart.running.run import simulate


def fixed_size(design: Design, calibrated: bool = False) -> Design:
    """Return the design with one look, at everybody, and with its success rules alone.

    A success rule keeps the threshold of the last look at which it was judged.

    Parameters
    ----------
    calibrated
        Let its threshold be calibrated for ``[calibration] type_one_error`` instead.

    Raises
    ------
    DesignError
        If the design declares success nowhere, or is to be calibrated and does not say for what.
    """
    problems = []
    chosen = design.rules_ending(SUCCESS)
    kept = [rule for rule in chosen if not any(a.predictive for a in rule.comparisons)]
    if not kept:
        problems.append(
            Problem("rules", "no rule declares success on a posterior; a fixed size needs one")
        )
    if calibrated and (design.calibration is None or design.calibration.type_one_error is None):
        told = "not there; a fixed size is calibrated for it: write type_one_error = 0.025"
        problems.append(Problem("calibration.type_one_error", told))
    if not calibrated and needs_calibration(design):
        problems.append(Problem("rules", 'a threshold is "calibrate"; calibrate the design first'))
    if problems:
        raise DesignError(problems)
    tables = design.plain()
    if design.claims is not None:  # no further claim is made, so success has its own share
        tables = for_success_alone(design).plain()
    tables["looks"] = _one_look(design)
    tables["rules"] = [
        {"name": rule.name, "then": rule.then}
        | ({} if rule.from_ is None else {"from": rule.from_})
        | _once(design, rule, rule, calibrated)
        for rule in kept
    ]
    without_stops(tables)
    if design.randomisation.by_shares is not None:
        # without an interim look the shares would stay equal; blocks do it more evenly
        tables.pop("randomisation")
    return Design(**only_named(tables))


def _once(design: Design, rule: Rule, part: Comparing, calibrated: bool) -> dict[str, Any]:
    """What a rule asks, with the thresholds of the last look at which it is judged."""
    several = together(part)
    if several is not None:
        word, inner = several
        return {word: [_once(design, rule, one, calibrated=False) for one in inner]}
    plain = part.plain()
    last = design.threshold_at(rule, design.judged_at(rule)[-1], part)
    asked = next(name for name in ("posterior", "jointly") if name in plain)
    return {asked: plain[asked], side_of(part): "calibrate" if calibrated else last}


def _one_look(design: Design) -> dict[str, Any]:
    """When a design is looked at once: when all have been observed, or at its last look."""
    if design.primary_endpoint.known_after() is not None:
        return {"observed": [design.enrolment.max_n]}
    last = design.looks.the_last()
    last.pop("final", None)
    return last


def words_of_fixed(design: Design) -> str:
    """Say what a fixed-size design is, in one line."""
    when = design.looks.counts.once.format(design.looks.at[-1])
    if not design.looks.as_stated:
        when = f"at {design.looks.due(len(design.looks.at))}"
    limits = "; ".join(
        f"{name} {asked.sign} {asked.threshold!r}"
        for rule in design.rules
        for name, asked in zip(
            part_names(rule.name, len(rule.comparisons)), rule.comparisons, strict=True
        )
    )
    return f"one look, {when}; {limits}"


def run_like(
    design: Design,
    result: Result,
    scenarios: list[str],
    out: Path,
    jobs: int | None,
    progress: Progress,
    tell: Tell,
) -> Result:
    """Run a design as another was run: engine, seed, and trials of each scenario.

    What an earlier comparison left in ``out`` is gone on with where it is the same run, else
    replaced.
    """
    manifest = result.manifest
    exact = result.exact
    numbers: dict[int | None, list[str]] = {}
    for name in scenarios:
        numbers.setdefault(None if exact else manifest["trials"][name], []).append(name)

    def run(restart: bool) -> Result:
        found = None
        for number, names in numbers.items():
            found = simulate(
                design,
                trials=number,
                seed=None if exact else manifest["seed"],
                scenarios=names,
                jobs=jobs,
                engine="auto" if exact else "simulate",
                out=out,
                restart=restart and found is None,
                progress=progress,
                tell=tell,
            )
        assert found is not None
        return found

    try:
        return run(restart=False)
    except ResultsError as error:
        tell(f"{str(error).split(';')[0]}; it is replaced")
        return run(restart=True)
