"""A programme: read from its file with the two designs that it names, and made ready to run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.decisions.success import DECLARE_SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import digest_of, load_design, read_tables
from adaptive_cart.design.replacing import replaced
from adaptive_cart.design.scenarios import truth_with
from adaptive_cart.design.truth import merged
from adaptive_cart.design.validation import meant, path_to, read, shown, steps_of
from adaptive_cart.errors import DesignError, Problem, one_of
from adaptive_cart.priors.early_data import takes_counts
from adaptive_cart.programmes.candidate_trial import CandidateTrial, null_truth
from adaptive_cart.programmes.known import NODES
from adaptive_cart.programmes.law import CandidateLaw, LawOfFile
from adaptive_cart.programmes.planting import Planted, Steps
from adaptive_cart.programmes.tables import Candidates, Early, ProgrammeTables, Trial
from adaptive_cart.running.region import needs_calibration

ONE_CLASS = "all"
EARLY = "early"
PRIOR = "confirm.prior_from_early"
MOST_DRAWN = max(NODES)


@dataclass(frozen=True)
class Programme:
    """A programme that can run.

    Attributes
    ----------
    tables
        As the file has them.
    early, confirm
        The trials of every candidate; no early one where all of them go on.
    law
        Which candidates there are, and what is true of them.
    text
        Of the file.
    """

    tables: ProgrammeTables
    early: CandidateTrial | None
    confirm: CandidateTrial
    law: CandidateLaw
    text: str = ""

    @property
    def believe(self) -> float | None:
        """How far early counts are believed; nothing where they make no prior."""
        asked = self.tables.confirm.prior_from_early
        return None if asked is None else asked.believe

    @property
    def digest(self) -> str:
        """Fingerprint of what it means: texts and the settings of a run left out."""
        beside = {"name", "description", "simulation", "policies"}
        plain = self.tables.model_dump(mode="json", exclude=beside)
        for table in ("early", "confirm"):
            trial: CandidateTrial | None = getattr(self, table)
            if trial is not None:
                plain[table]["design"] = digest_of(trial.design)
        plain["law"] = repr(self.law)
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]

    def with_law(self, law: CandidateLaw) -> Programme:
        """The same programme with candidates of another law."""
        reaches = law.reaches
        early = self.early
        if early is not None:
            early = replace(early, planted=Planted.of(early.design, early.scenario, reaches))
        planted = Planted.of(self.confirm.design, self.confirm.scenario, reaches)
        return replace(self, early=early, confirm=replace(self.confirm, planted=planted), law=law)


def load_programme(path: str | Path, settings: Mapping[str, Any] | None = None) -> Programme:
    """Read a programme file, and the designs that it names.

    Parameters
    ----------
    settings
        Keys to be set otherwise: of the file, or of a design as ``early.design.KEY`` and
        ``confirm.design.KEY``. ``early = False`` leaves the early trial out, and the prior that is
        made of it; ``True`` takes it as written.

    Raises
    ------
    DesignError
        With every problem of the file and of the designs at once, each with its path.
    """
    source = Path(path)
    raw = read_tables(source, "programme file")
    if "rules" in raw and "confirm" not in raw:
        message = (
            "is a design file, which `adaptive-cart simulate` runs; a programme names two of them, "
            "in [early] and [confirm]"
        )
        raise DesignError([Problem("", message)], str(path))
    idle = list(_without_early(raw, settings or {}))
    of_designs = _set(raw, settings or {})
    result = read(ProgrammeTables, raw)
    problems = idle + result.problems("")
    if result.part is None:
        raise DesignError(problems, str(path))
    tables: ProgrammeTables = result.part
    found = _Reading(tables, source.parent, {problem.path for problem in problems}, of_designs)
    found.problems = problems + found.problems
    if found.problems:
        raise DesignError(found.problems, str(path))
    assert found.confirm is not None
    assert found.law is not None
    return Programme(
        tables, found.early, found.confirm, found.law, source.read_text(encoding="utf-8")
    )


def _set(raw: dict[str, Any], settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Set keys of the file otherwise; returns those of the designs, by which."""
    of_designs: dict[str, dict[str, Any]] = {"early": {}, "confirm": {}}
    for key, value in settings.items():
        if key == EARLY and isinstance(value, bool):
            continue
        where, _, inner = key.partition(".design.")
        if inner and where in of_designs:
            of_designs[where][inner] = value
            continue
        *steps, last = (str(step) for step in steps_of(key)) if key else ("", "")
        table: Any = raw
        for step in steps:
            table = table.setdefault(step, {}) if isinstance(table, dict) else {}
        if isinstance(table, dict):
            table[last] = value
    if settings.get(EARLY) is False:
        raw.pop(EARLY, None)
        if isinstance(raw.get("confirm"), dict):
            raw["confirm"].pop(PRIOR.partition(".")[2], None)
    return of_designs


def of_early(key: str) -> bool:
    """Whether a key is of the early trial, or of the prior that is made of it."""
    return key.startswith((f"{EARLY}.", f"{PRIOR}.")) or key == PRIOR


def _without_early(raw: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Tell of keys of the early trial where there is none."""
    left_out = settings.get(EARLY) is False
    if EARLY not in raw and isinstance(settings.get(EARLY), bool):
        yield Problem(EARLY, f"found {shown(settings[EARLY])}; the file has no [early]")
    for key in settings:
        if left_out and of_early(key):
            yield Problem(key, "without effect, since early = false leaves the early trial out")
        elif EARLY not in raw and key.startswith(f"{EARLY}.design."):
            yield Problem(key, "without effect, since the file has no [early]")


class _Reading:
    """Reads designs, and tells what does not go together."""

    def __init__(
        self,
        tables: ProgrammeTables,
        folder: Path,
        wrong: set[str],
        settings: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.settings = settings
        self.tables = tables
        self.wrong = wrong  # paths of what has been told
        self.folder = folder
        self.problems: list[Problem] = []
        self.early: CandidateTrial | None = None
        self.confirm: CandidateTrial | None = None
        self.law: LawOfFile | None = None
        drawn = {key: tuple(str(step) for step in steps_of(key)) for key in tables.candidates.draw}
        self.law = self._law(tables.candidates, drawn)
        designs = {"confirm": self._design("confirm", tables.confirm)}
        if tables.early is not None:
            designs["early"] = self._design("early", tables.early)
        for where, design in designs.items():
            if design is not None:
                self._trial(where, design, drawn)
        self._prior(designs.get("early"), designs["confirm"])

    def tell(self, path: str, message: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(path, message))

    # ── candidates ────────────────────────────────────────────────────────────────────────
    def _law(self, table: Candidates, drawn: Mapping[str, Steps]) -> LawOfFile:
        sizes = table.classes or {ONE_CLASS: table.count}
        total = sum(sizes.values())
        if total != table.count:
            self.tell(
                "candidates.classes",
                f"sum to {total}; the {table.count} of candidates.count are expected",
            )
        if table.control == "common" and (table.start != "parallel" or table.capacity is not None):
            self.tell(
                "candidates.control",
                'found "common": controls are shared by trials that run at once; leave out '
                "candidates.capacity, and start",
            )
        if table.start == "sequential" and table.capacity is not None:
            self.tell(
                "candidates.capacity",
                "without effect: one trial runs at a time; leave it out, or write "
                'start = "parallel"',
            )
        if len(drawn) > MOST_DRAWN:
            self.tell("candidates.draw", f"found {len(drawn)}; at most {MOST_DRAWN} are expected")
        effect = table.effect_on
        spread = table.between_classes > 0.0 or table.between_products > 0.0
        if effect is not None and effect not in drawn:
            self.tell(
                "candidates.effect_on",
                f"found {shown(effect)}{meant(effect, drawn)}; one of the paths drawn is expected: "
                f"{one_of(drawn) or 'there are none'}",
            )
        elif effect is not None and not spread:
            self.tell(
                "candidates.effect_on",
                "without effect; write between_classes or between_products, or leave it out",
            )
        elif spread and effect is None and len(drawn) != 1:
            self.tell(
                "candidates.effect_on",
                "missing; effects of class and product add to the logit of one of the paths drawn: "
                f"{one_of(drawn) or 'write candidates.draw'}",
            )
        if table.between_classes > 0.0 and len(sizes) == 1:
            self.tell(
                "candidates.between_classes",
                "without effect with one class; write candidates.classes = { NAME = COUNT, … }",
            )
        chosen = effect if effect in drawn else next(iter(drawn), None)
        if spread and chosen is not None:
            low, high = table.draw[chosen].reach
            if low < 0.0 or high > 1.0:
                self.tell(
                    path_to("candidates.draw", chosen),
                    f"reaches from {low:g} to {high:g}; effects add on the logit, so that a "
                    "probability is expected, from 0 to 1",
                )
        return LawOfFile(
            table.share_that_work,
            {steps: table.draw[key] for key, steps in drawn.items()},
            drawn[chosen] if spread and chosen is not None else None,
            table.between_classes,
            table.between_products,
            sizes,
        )

    # ── designs ───────────────────────────────────────────────────────────────────────────
    def _design(self, where: str, table: Trial) -> Design | None:
        if {where, f"{where}.design"} & self.wrong:
            return None
        path = self.folder / table.design
        try:
            design = load_design(path)
        except DesignError as error:
            for problem in error.problems:
                self.tell(f"{where}.design", f"{error.source or path}: {problem}")
            return None
        changed = self.settings[where]
        try:
            return replaced(design, changed) if changed else design
        except DesignError as error:
            for problem in error.problems:
                self.tell(f"{where}.design.{problem.path}", problem.message)
            return None

    def _trial(self, where: str, design: Design, drawn: Mapping[str, Steps]) -> None:
        table: Trial = getattr(self.tables, where)
        before = len(self.problems)
        arms = [design.arm_names[k] for k in design.experimental]
        if len(arms) != 1:
            self.tell(
                f"{where}.design",
                f"{table.design}: its experimental arms are {one_of(arms)}; one is expected, the "
                "candidate's",
            )
        if needs_calibration(design):
            self.tell(
                f"{where}.design",
                f"{table.design}: a threshold is still to be calibrated; `adaptive-cart calibrate "
                f"{table.design}` finds it",
            )
        if not any(rule.decision.ends == SUCCESS for rule in design.rules):
            self.tell(
                f"{where}.design",
                f"{table.design}: no rule declares success, by which a candidate would "
                f"{'go on' if where == 'early' else 'succeed'}; write a [[rules]] with "
                f'then = "{DECLARE_SUCCESS.name}"',
            )
        if where == "confirm" and self.tables.candidates.control == "common":
            self._shared(design, table.design)
        scenario = self._scenario(where, "scenario", table.scenario, design)
        null = None
        if table.does_not_work is not None:
            null = self._scenario(where, "does_not_work", table.does_not_work, design)
        read_in = scenario or next(iter(design.scenarios))
        for problem in _unknown_values(design, read_in, drawn):
            at = path_to("candidates.draw", problem.path)
            self.tell(at, f"{problem.message} ({table.design}, scenario {read_in})")
        if len(self.problems) > before or self.law is None or scenario is None:
            return
        try:
            without = null_truth(design, scenario, arms[0]) if null is None else design.truths[null]
            for end in (0, 1):
                truth_with(design, scenario, {s: r[end] for s, r in self.law.reaches.items()})
            planted = Planted.of(design, scenario, self.law.reaches)
        except DesignError as error:
            for problem in error.problems:
                at = problem.path if problem.path == "does_not_work" else "design"
                self.tell(f"{where}.{at}", f"{table.design}: {problem}")
            return
        selected = table.selected if isinstance(table, Early) else 0.0
        arm = design.experimental[0]
        benefit = self._benefit(design, table.design) if where == "confirm" else ""
        trial = CandidateTrial(design, scenario, arm, planted, without, selected, benefit)
        self._selected(trial, where)
        setattr(self, where, trial)

    def _scenario(self, where: str, key: str, name: str | None, design: Design) -> str | None:
        if name is None:
            works = [n for n, truth in design.truths.items() if truth.is_alternative]
            if works:
                return works[0]
            self.tell(
                f"{where}.{key}",
                "missing; no scenario of the design has role alternative: name the one in which a "
                f"candidate works, of {one_of(design.scenarios)}",
            )
            return None
        if name not in design.scenarios:
            self.tell(
                f"{where}.{key}",
                f"no scenario {shown(name)}{meant(name, design.scenarios)}; the scenarios are "
                f"{one_of(design.scenarios)}",
            )
            return None
        return name

    def _benefit(self, design: Design, file: str) -> str:
        """Endpoint of the months in remission that are gained; blank for none."""
        asked = self.tables.candidates.benefit
        if asked is None:
            return ""
        path = "candidates.benefit.endpoint"
        months = [name for name, endpoint in design.endpoints.items() if endpoint.counts_months]
        if design.control is None:
            self.tell(path, f"{file} has no control, beyond which months could be gained")
        elif asked.endpoint not in months:
            self.tell(
                path,
                f"found {shown(asked.endpoint)}{meant(asked.endpoint, months)}; an endpoint of "
                f"{file} that counts months in remission is expected: "
                f"{one_of(months) or 'it has none'}",
            )
        return asked.endpoint

    def _shared(self, design: Design, file: str) -> None:
        """Whether control participants can be the same in every controlled trial."""
        if design.control is None:
            self.tell("candidates.control", f"{file} has no control that could be shared")
        elif design.adaptive:
            self.tell(
                "candidates.control",
                f"{file}: what later participants get hangs on the data of its own trial, so that "
                "controls cannot be the same persons",
            )

    def _selected(self, trial: CandidateTrial, where: str) -> None:
        """Whether the primary endpoint can be made more probable."""
        if not trial.selected:
            return
        primary, truth = trial.design.primary, trial.planted.base
        if primary in truth.direct:
            said = truth.direct[primary][trial.arm]
            fits = trial.design.primary_endpoint.binary
            fits = fits and all(isinstance(value, float | int) for value in said)
        else:
            fits = trial.design.primary_endpoint.binary and trial.by_remission(truth) > 0.0
        if not fits:
            self.tell(
                f"{where}.selected",
                f"found {trial.selected:g}, and the primary '{primary}' is no probability that is "
                "said directly or grows with that of remission; leave it out",
            )

    def _prior(self, early: Design | None, confirm: Design | None) -> None:
        """Whether early counts can be a prior of the controlled trial."""
        if self.tables.confirm.prior_from_early is None:
            return
        path = "confirm.prior_from_early"
        if self.tables.early is None:
            self.tell(path, "there is no [early] trial; write it, or leave this out")
            return
        if early is not None and not early.primary_endpoint.gives.binary:
            self.tell(path, f"the primary '{early.primary}' of the early design is no count")
        if confirm is None:
            return
        analysis = confirm.analysis.get(confirm.primary)
        if not takes_counts(confirm):
            told = "none" if analysis is None else f"'{analysis.model}'"
            self.tell(
                path,
                f"the model of '{confirm.primary}' is {told}; counts are the prior of "
                'model = "beta_binomial"',
            )


def _unknown_values(design: Design, scenario: str, drawn: Mapping[str, Steps]) -> Iterator[Problem]:
    """Paths that lead to no number of a scenario."""
    for key, steps in drawn.items():
        inner: Any = merged(design.truth, design.scenarios[scenario])
        for number, step in enumerate(steps):
            if not isinstance(inner, dict) or step not in inner:
                known = list(inner) if isinstance(inner, dict) else []
                there = f"; there are {one_of(known)}" if known else ""
                at = path_to("", *steps[: number + 1])
                yield Problem(key, f"no value '{at}'{meant(step, known)}{there}")
                break
            inner = inner[step]
        else:
            if isinstance(inner, bool) or not isinstance(inner, int | float):
                yield Problem(key, f"found {shown(inner)}; a number can be drawn")
