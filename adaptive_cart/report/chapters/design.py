"""Design and estimand: arms, looks, endpoints, intercurrent events, analysis sets."""

from __future__ import annotations

from typing import Any

from adaptive_cart.design import Ramp, ResponseAdaptive
from adaptive_cart.endpoints import Landmark
from adaptive_cart.products import PRODUCTS
from adaptive_cart.report.document import (
    Block,
    Heading,
    Items,
    Line,
    Paragraph,
    Reference,
    Row,
    Table,
    cells,
    code,
    line,
    listed,
    prose,
    row,
    secret,
    strong,
)
from adaptive_cart.report.evidence import Evidence, per_scenario
from adaptive_cart.report.numbers import Bound, given
from adaptive_cart.report.pictures import figures_for


def design(evidence: Evidence) -> list[Block]:
    """Arms, looks, endpoints; the estimand; intercurrent events; who is analysed when."""
    blocks: list[Block] = [Heading(text="Design and estimand", key="design")]
    blocks += _arms(evidence)
    blocks += _looks(evidence)
    blocks += _estimand(evidence)
    blocks += _events(evidence)
    blocks += _sets(evidence)
    return [*blocks, *figures_for(evidence, "F1")]


def _arms(evidence: Evidence) -> list[Block]:
    design = evidence.design
    rows: list[Row] = []
    for name, planned in zip(design.arm_names, design.planned, strict=True):
        arm = design.arms[name]
        product = PRODUCTS[arm.product].description if arm.product else "not stated"
        rows.append(
            row(
                code(name),
                "control" if arm.control else "experimental",
                given(product, f"products: {arm.product}"),
                evidence.setting(arm.allocation, f"arms.{name}.allocation"),
                given(planned, "design: enrolment.max_n by allocation"),
            )
        )
    pace = design.enrolment.per_month
    speed: Line
    if isinstance(pace, Ramp):
        speed = prose(
            "{plateau} a month after a ramp of {months} months",
            plateau=evidence.setting(pace.plateau, "enrolment.per_month.plateau"),
            months=evidence.setting(pace.ramp_months, "enrolment.per_month.ramp_months"),
        )
    else:
        speed = line(evidence.setting(pace, "enrolment.per_month"), " a month")
    method = design.randomisation
    if isinstance(method, ResponseAdaptive):
        how: Line = line("response-adaptive: shares of the arms follow the data")
    else:
        block = method.block
        size = () if block is None else line(" of ", evidence.setting(block, "randomisation.block"))
        how = line("permuted blocks", size, ", within strata" if design.strata else "")
    facts = [
        line(strong("Randomisation: "), how, "."),
        line(strong("Blinding: "), "the simulated trial is open label; outcomes do not depend on "
             "knowing the arm."),
        line(strong("Enrolment: "), speed, f", {design.enrolment.arrivals} arrivals, at most ",
             evidence.setting(design.enrolment.max_n, "enrolment.max_n"), " participants; it goes "
             "on between looks and ends when the trial ends."),
    ]  # fmt: skip
    if design.strata:
        shares = [line(code(name), " ", evidence.setting(share, f"strata.{name}"))
                  for name, share in design.strata.items()]  # fmt: skip
        facts.append(line(strong("Strata by share of enrolment: "), listed(list(shares)), "."))
    if isinstance(method, ResponseAdaptive):
        facts.append(
            line(
                strong("Adaptive shares: "),
                secret(
                    "weight = P(best) to the power ", given(method.power, "randomisation.power"),
                    "; least share ", given(method.minimum, "randomisation.minimum"),
                    "; equal until ", given(method.burn_in, "randomisation.burn_in"),
                    " are randomised",
                ),
                ".",
            )
        )  # fmt: skip
    evidence.trace.reported(7, "t-arms", "t-looks")
    return [
        Heading(text="Arms and enrolment", key="arms", level=2),
        Table(
            key="t-arms",
            title=line("Arms"),
            head=cells("Arm", "Role", "Treatment", "Ratio", "Planned"),
            rows=tuple(rows),
            align=("left", "left", "left", "right", "right"),
            widths=(0.9, 1.1, 3.2, 0.6, 0.8),
        ),
        Items(lines=tuple(facts)),
    ]


def _looks(evidence: Evidence) -> list[Block]:
    design = evidence.design
    most = design.enrolment.max_n
    rows = []
    for look in evidence.looks:
        planned = evidence.planned_at(look)
        last = look == design.looks.number
        if planned is None:
            by_arm: Line = line("random")
            fraction: Line = line("–")
        else:
            by_arm = listed(
                [line(code(arm), " ", given(n, "design: looks"))
                 for arm, n in zip(design.arm_names, planned, strict=True)]
            )  # fmt: skip
            fraction = line(given(f"{sum(planned) / most:.0%}", "design: looks / max_n"))
        rows.append(
            row(
                line(given(look, "design: looks"), " (last)" if last else ""),
                evidence.due(look),
                by_arm,
                fraction,
            )
        )
    first = evidence.planned_at(1)
    minimum: Line = ()
    if first is not None:
        minimum = prose(
            " Nothing is decided before {n} participants have an outcome.",
            n=given(sum(first), "design: looks"),
        )
    evidence.trace.reported(20, "t-looks")
    return [
        Heading(text="Looks", key="looks", level=2),
        Paragraph(
            line=line(
                prose(
                    "{number} looks are planned; {table} says when each is due. At a look "
                    "everybody is analysed whose outcome is known by then; a look is never sooner "
                    "because failures are already known.",
                    number=evidence.setting(design.looks.number, "looks"),
                    table=Reference("t-looks"),
                ),
                minimum,
            )
        ),
        Table(
            key="t-looks",
            title=line("Looks, and the numbers planned at each"),
            head=cells("Look", "Due when", "Planned in the analysis", "Information"),
            rows=tuple(rows),
            align=("left", "left", "left", "right"),
            widths=(0.8, 2.6, 2.1, 1.1),
            notes=(
                line("Information: participants with an outcome as a share of the most that can "
                     "be randomised."),
            ),
        ),
    ]  # fmt: skip


# ── the estimand ──────────────────────────────────────────────────────────────────────────────
def _variable(evidence: Evidence) -> Line:
    endpoint = evidence.design.primary_endpoint
    name = evidence.design.primary
    if not isinstance(endpoint, Landmark):
        return line(evidence.endpoint_words(name), f": {endpoint.type.replace('_', ' ')}")
    state = str(getattr(endpoint, "state", "drug_free_remission")).replace("_", "-", 1)
    state = state.replace("_", " ")
    since = endpoint.sustained_from
    sustained = (
        ()
        if since is None
        else prose(
            ", without a gap since month {month}",
            month=evidence.setting(since, f"endpoints.{name}.sustained_from"),
        )
    )
    return prose(
        "{name}: {state} at month {month} after randomisation{sustained}, alive",
        name=code(name),
        state=state,
        month=evidence.setting(endpoint.month, f"endpoints.{name}.month"),
        sustained=sustained,
    )


def _estimand(evidence: Evidence) -> list[Block]:
    design = evidence.design
    missing = getattr(design.primary_endpoint, "missing", None)
    dropout = {
        "non_response": "dropout before the outcome is non-response (composite)",
        "exclude": "dropout is left out of the analysis; the estimand is the response had nobody "
        "dropped out (hypothetical)",
        "impute": "dropout is imputed by draws from participants in the same state; the estimand "
        "is the response had nobody dropped out (hypothetical)",
    }.get(str(missing), "dropout censors")
    kind = evidence.estimand_words()
    rows = [
        row("Treatment", "the strategy of each arm from randomisation, whether or not the "
            "product is infused"),
        row("Population", "everybody randomised"),
        row("Variable", _variable(evidence)),
        row("Intercurrent events", f"rescue and death are non-response; {dropout}; not being "
            "infused is part of the strategy" if missing is not None else dropout),
        row("Summary measure", f"{kind}, experimental arm against control, estimated by its "
            "posterior mean with an equal-tailed credible interval"),
    ]  # fmt: skip
    blocks: list[Block] = [
        Heading(text="Primary estimand", key="estimand", level=2),
        Table(
            key="t-estimand",
            title=line("The primary estimand"),
            head=cells("Attribute", "Definition"),
            rows=tuple(rows),
            widths=(1.2, 5.0),
        ),
    ]
    if not evidence.estimands:
        evidence.trace.missing(8)
        return blocks
    true = [
        row(
            code(name),
            evidence.role(name),
            *(
                evidence.cell(name, "estimand", arm=e.arm, stratum=e.stratum).number()
                for e in evidence.estimands
            ),
            *(
                evidence.cell(name, f"true_{design.primary}", "true", arm=arm).number()
                for arm in design.arm_names
            ),
        )
        for _, names in per_scenario(evidence)
        for name in names
    ]
    heads = [kind if not evidence.estimand_label(e) else f"{kind}, {evidence.estimand_label(e)}"
             for e in evidence.estimands]  # fmt: skip
    blocks += [
        Paragraph(
            line=prose(
                "What is true of the estimand in a scenario follows from the whole course of the "
                "participants and is not a number that was typed. Bias and coverage are measured "
                "against the values of {table}.",
                table=Reference("t-true"),
            )
        ),
        Table(
            key="t-true",
            title=line("True value of the estimand in each scenario"),
            head=cells("Scenario", "Role", *heads, *design.arm_names),
            rows=tuple(true),
            align=("left", "left", *("right",) * (len(heads) + len(design.arm_names))),
            widths=(2.2, 1.1, *(1.0,) * (len(heads) + len(design.arm_names))),
            wide=len(heads) > 3,
        ),
    ]
    evidence.trace.reported(8, "t-estimand", "t-true")
    return blocks


# ── intercurrent events ───────────────────────────────────────────────────────────────────────
_EVENTS = (
    ("not infused", "failure", "a probability before infusion; the control's course from "
     "randomisation, in the analysis of the own arm"),
    ("rescue", "rescue", "a yearly hazard outside drug-free remission, from infusion on; ends or "
     "precludes the response"),
    ("dropout", "dropout", "a yearly hazard from randomisation"),
    ("death", "death", "a yearly hazard from randomisation; non-response"),
    ("crossover", "crossover", "a probability at the month at which crossover opens"),
)  # fmt: skip


def _events(evidence: Evidence) -> list[Block]:
    from adaptive_cart.parts import MONTHS_PER_YEAR

    name = evidence.target or evidence.scenarios[0]
    courses = evidence.truths[name].courses
    blocks: list[Block] = [Heading(text="Intercurrent events", key="events", level=2)]
    if courses is None:
        evidence.trace.not_applicable(
            9, "the truth gives outcomes directly, so that no intercurrent event is simulated"
        )
        blocks.append(
            Paragraph(
                line=prose(
                    "The truth of this design says the outcome of each arm directly. No infusion, "
                    "rescue, crossover or death is simulated; the stated probabilities contain "
                    "them."
                )
            )
        )
        return blocks
    rows = []
    for words, part, how in _EVENTS:
        if part == "crossover" and evidence.design.crossover is None:
            rows.append(row(words, "not simulated: the design has no crossover",
                            *("–" for _ in courses)))  # fmt: skip
            continue
        values = []
        for arm, strata in zip(evidence.design.arm_names, courses, strict=True):
            value = _event(strata[0], part, MONTHS_PER_YEAR)
            path = f"truth.{arm}.{part}"
            values.append(line("–") if value is None else line(evidence.setting(value, path)))
        rows.append(row(words, how, *values))
    delays = [
        line(given(_delay(strata[0]), f"truth.{arm}.infusion.delay"))
        for arm, strata in zip(evidence.design.arm_names, courses, strict=True)
    ]
    rows.insert(1, row("delay to infusion", "months from randomisation", *delays))
    blocks += [
        Paragraph(
            line=prose(
                "Every participant is followed from randomisation through the events of {table}; "
                "therapy before infusion is bridging and does not count as rescue. Values are "
                "those of scenario {scenario}; {register} has the others.",
                table=Reference("t-events"),
                scenario=code(name),
                register=Reference("t-register"),
            )
        ),
        Table(
            key="t-events",
            title=line("Intercurrent events and how each is simulated"),
            head=cells("Event", "How it is simulated", *evidence.design.arm_names),
            rows=tuple(rows),
            widths=(1.1, 3.2, *(1.4,) * len(courses)),
            notes=(line("Probabilities for events before infusion, rates a year otherwise."),),
        ),
    ]
    evidence.trace.reported(9, "t-events", "t-register")
    return blocks


def _event(group: Any, part: str, months: float) -> float | None:
    if part == "failure":
        return float(group.failure) if group.infused else None
    if part == "crossover":
        return float(group.crossover)
    hazard = group.own.rescue if part == "rescue" else getattr(group, part)
    return round(float(hazard) * months, 10)


def _delay(group: Any) -> str:
    from adaptive_cart.check import distribution_words

    return "–" if group.delay is None else distribution_words(group.delay)


# ── who is analysed when ──────────────────────────────────────────────────────────────────────
def _sets(evidence: Evidence) -> list[Block]:
    if evidence.exact:
        evidence.trace.not_applicable(10, "an enumerated run knows no calendar time")
        evidence.trace.not_applicable(31, "an enumerated run knows no calendar time")
        return []
    frame = evidence.look_rows
    primary = evidence.design.primary
    name = evidence.target or evidence.scenarios[0]
    here = frame[frame["scenario"] == name]
    numbers = ["months", "n_randomised", "n_infused", f"{primary}_analysed", f"{primary}_missing"]
    numbers = [column for column in numbers if column in here]
    sums = {c: "first" if c == "months" else "sum" for c in numbers}
    by_look = here.groupby(["trial", "look"], observed=True).agg(sums).reset_index()
    rows = []
    for look in evidence.looks:
        reached = by_look[by_look["look"] == look]
        if reached.empty:
            continue
        columns: list[Any] = [_spread(reached[c].to_numpy(), f"looks.parquet: {name}, {c}")
                              for c in numbers]  # fmt: skip
        pending = reached["n_randomised"] - reached.get(f"{primary}_analysed", 0)
        columns.append(_spread(pending.to_numpy(), f"looks.parquet: {name}, pipeline"))
        known = (reached["n_randomised"] / evidence.design.enrolment.max_n).to_numpy()
        enrolled = Bound(_mean(known), f"looks.parquet: {name}, enrolled").number()
        rows.append(
            row(given(look, "looks"), given(len(reached), f"looks.parquet: {name}"), *columns,
                enrolled)
        )  # fmt: skip
    heads = {
        "months": "Month",
        "n_randomised": "Randomised",
        "n_infused": "Infused",
        f"{primary}_analysed": "Analysed",
        f"{primary}_missing": "Missing",
    }
    evidence.trace.reported(10, "t-sets")
    evidence.trace.reported(31, "t-sets")
    return [
        Heading(text="Who is analysed at each look", key="sets", level=2),
        Paragraph(
            line=prose(
                "Time zero is randomisation. {table} says how far the trial is at each look in "
                "scenario {scenario}: when enrolment outruns follow-up, most participants are in "
                "before the first decision, and little is left for it to save.",
                table=Reference("t-sets"),
                scenario=code(name),
            )
        ),
        Table(
            key="t-sets",
            title=line("How far the trial is at each look: mean (", given("5th", "percentile"),
                       " to ", given("95th", "percentile"), " percentile)"),
            head=cells("Look", "Trials", *(heads[c] for c in numbers), "Pipeline",
                       "Share enrolled"),
            rows=tuple(rows),
            align=("left", "right", *("right",) * (len(numbers) + 2)),
            widths=(0.5, 0.65, *(1.1,) * (len(numbers) + 1), 0.8),
            wide=True,
            notes=(
                line("Trials: simulated trials that reached the look. Pipeline: randomised, not "
                     "in the primary analysis yet. Share enrolled: of the most that can be."),
            ),
        ),
    ]  # fmt: skip


def _mean(values: Any) -> Any:
    from adaptive_cart.operating import mean

    return mean(values.astype(float))


def _spread(values: Any, source: str) -> Line:
    from adaptive_cart.operating import quantile

    middle = Bound(_mean(values), source, "mean")
    low, high = (
        Bound(quantile(values.astype(float), percent), source, "mean") for percent in (5, 95)
    )
    ends = [f"{bound.figure.estimate:.0f}" for bound in (low, high)]
    return line(middle.number(), " (", given(ends[0], source), " to ", given(ends[1], source), ")")
