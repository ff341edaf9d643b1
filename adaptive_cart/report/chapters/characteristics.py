"""Operating characteristics: error, power, stopping, size, time, estimation, Bayesian measures."""

from __future__ import annotations

from typing import Any

from adaptive_cart.report.document import (
    Block,
    Heading,
    Line,
    Number,
    Paragraph,
    Reference,
    Row,
    Table,
    cells,
    code,
    line,
    prose,
    row,
)
from adaptive_cart.report.evidence import REASON_WORDS, ROLE_WORDS, Evidence, per_scenario
from adaptive_cart.report.grid import null_and_power
from adaptive_cart.report.numbers import Bound, given, rounded
from adaptive_cart.report.pictures import figures_for

GROUPS = {"null": "Nulls", "alternative": "Alternatives", "robustness": "Robustness"}


def characteristics(evidence: Evidence) -> list[Block]:
    """All of it, the main table first."""
    blocks: list[Block] = [
        Heading(text="Operating characteristics", key="characteristics"),
        *_main(evidence),
        *_null(evidence),
        *figures_for(evidence, "F4", "F5"),
        *_stopping(evidence),
        *_size(evidence),
        *_estimation(evidence),
        *_bayesian(evidence),
    ]
    return blocks


def _headed(evidence: Evidence, rows: dict[str, list[Row]], columns: int) -> tuple[Row, ...]:
    found: list[Row] = []
    for role, members in rows.items():
        found.append(row(GROUPS[role], *("",) * (columns - 1), heading=True))
        found += members
    return tuple(found)


# ── T3 ────────────────────────────────────────────────────────────────────────────────────────
def _main(evidence: Evidence) -> list[Block]:
    size = "n_analysed" if evidence.exact else "n_randomised"
    rows: dict[str, list[Row]] = {}
    stops = [s for s in ("futility", "safety")
             if any(evidence.has(n, f"stop_{s}") for n in evidence.scenarios)]  # fmt: skip
    for role, names in per_scenario(evidence):
        rows[role] = []
        for name in names:
            success = evidence.cell(name, "success")
            cells_: list[Line] = [line(code(name)), line(success.number())]
            if not evidence.exact:
                cells_.append(success.interval(" – "))
            early = sum(
                evidence.cell(name, "stop_success", look=k).figure.estimate
                for k in list(evidence.looks)[:-1]
            )
            cells_.append(line(_share(evidence, early, success)))
            cells_ += [line(evidence.cell(name, f"stop_{s}").number()) for s in stops]
            cells_.append(line(evidence.cell(name, "no_success").number()))
            cells_.append(
                line(evidence.cell(name, f"{size}_mean").number(), " (",
                     evidence.cell(name, f"{size}_sd").number(), ")")
            )  # fmt: skip
            middle = [evidence.cell(name, f"{size}_{p}") for p in ("p50", "p05", "p95")]
            cells_.append(line(middle[0].number(), " (", middle[1].number(), "–",
                               middle[2].number(), ")"))  # fmt: skip
            if not evidence.exact:
                cells_ += [
                    line(evidence.cell(name, "months_mean").number()),
                    line(evidence.cell(name, "reversal").number()),
                ]
            rows[role].append(Row(cells=tuple(cells_)))
    interval = [] if evidence.exact else [line("MC interval")]
    last = [] if evidence.exact else [line("Months"), line("Reversal")]
    noun = "N analysed" if evidence.exact else "N"
    head = (
        line("Scenario"), line("Success"), *interval, line("Early success"),
        *(line(s.capitalize()) for s in stops), line("No success"), line(f"{noun}: mean (SD)"),
        line(f"{noun}: median (", given("5th–95th", "percentiles"), ")"), *last,
    )  # fmt: skip
    evidence.trace.reported(47, "t-main", "t-stopping")
    evidence.trace.reported(48, "t-main", "t-size")
    return [
        Heading(text="Main results", key="main", level=2),
        Paragraph(
            line=prose(
                "{table} is what a reviewer opens first. Success is the type I error in a null "
                "scenario and the power elsewhere. Success, futility, safety and no success add "
                "up to all trials.",
                table=Reference("t-main"),
            )
        ),
        Table(
            key="t-main",
            title=line("Operating characteristics (", evidence.trials_words, ")"),
            head=head,
            rows=_headed(evidence, rows, len(head)),
            align=("left", *("right",) * (len(head) - 1)),
            widths=(2.0, 0.75, *((1.3,) if interval else ()), *(0.85,) * (len(stops) + 2), 1.0,
                    1.25, *((0.75, 0.8) if last else ())),
            notes=(_main_note(evidence),),
            wide=True,
        ),
        *_by_target(evidence),
    ]  # fmt: skip


def _share(evidence: Evidence, value: float, like: Bound) -> Number:
    from adaptive_cart.operating import exact, proportion

    n = like.figure.n
    figure = exact(value) if n is None else proportion(round(value * n), n)
    return Bound(figure, f"{like.source}, before the last look").number()


def _main_note(evidence: Evidence) -> Line:
    if evidence.exact:
        return prose("N analysed: participants in the primary analysis at the end.")
    return prose(
        "MC interval: {level} Monte Carlo interval. Early success: before the last look. N and "
        "months at the look that ended the trial, the pipeline counted in. Reversal: a success "
        "that the pipeline turned into a failure, among all trials. SD: standard deviation over "
        "trials.",
        level=evidence.level(),
    )


def _by_target(evidence: Evidence) -> list[Block]:
    """Success by arm and stratum, where it belongs to them."""
    design = evidence.design
    if not design.by_target:
        return []
    rows: dict[str, list[Row]] = {}
    places = [(arm, stratum) for arm in design.arm_names[1:]
              for stratum in (None, *design.stratum_names)]  # fmt: skip
    for role, names in per_scenario(evidence):
        rows[role] = []
        for name in names:
            for arm, stratum in places:
                success = evidence.cell(name, "arm_success", arm=arm, stratum=stratum)
                if not success.known:
                    continue
                own = arm if evidence.several else None
                true = evidence.cell(name, "estimand", arm=own, stratum=stratum)
                rows[role].append(
                    row(
                        code(name),
                        ", ".join(part for part in (arm, stratum) if part),
                        true.number(),
                        success.with_interval(),
                        evidence.cell(name, "bias", arm=own, stratum=stratum).number(),
                        evidence.cell(name, "coverage", arm=own, stratum=stratum).number(),
                    )
                )
    head = cells("Scenario", "Arm or stratum", "True", "Success", "Bias", "Coverage")
    false = [
        row(code(name), "any", "", evidence.cell(name, "false_success").with_interval(), "", "")
        for name in evidence.scenarios
        if evidence.has(name, "false_success")
    ]
    found = _headed(evidence, rows, len(head))
    false_head = row("False success of any arm or stratum", *("",) * 5, heading=True)
    return [
        Table(
            key="t-targets",
            title=line("Success by arm and stratum"),
            head=head,
            rows=(*found, false_head, *false),
            align=("left", "left", "right", "right", "right", "right"),
            widths=(2.0, 1.2, 0.7, 1.8, 0.8, 0.9),
        )
    ]


# ── T4 ────────────────────────────────────────────────────────────────────────────────────────
def _null(evidence: Evidence) -> list[Block]:
    nulls = evidence.of_role("null")
    blocks: list[Block] = [Heading(text="Type I error over the null region", key="null", level=2)]
    if nulls:
        worst = evidence.worst_null
        control = evidence.design.arm_names[0]
        rows = []
        for name in nulls:
            true = evidence.cell(name, f"true_{evidence.design.primary}", "true", arm=control)
            cell = evidence.cell(name, "success")
            rows.append(
                row(
                    line(code(name), " (largest)" if name == worst else ""),
                    true.number(),
                    cell.number(),
                    cell.interval() or "exact",
                    cell.mcse(),
                    given(cell.figure.n, cell.source) if cell.figure.n is not None else "–",
                    strong=name == worst,
                )
            )
        blocks.append(
            Table(
                key="t-null",
                title=line("Type I error in each null scenario"),
                head=cells("Scenario", "True rate of control", "Type I error", "MC interval",
                           "MCSE", "Trials"),
                rows=tuple(rows),
                align=("left", *("right",) * 5),
                widths=(2.4, 1.2, 1.0, 1.5, 0.9, 0.8),
                notes=(
                    prose(
                        "The largest of several estimates is biased upwards; its interval is "
                        "that of the one scenario."
                    ),
                ),
            )
        )  # fmt: skip
        evidence.trace.reported(45, "t-null")
    blocks += null_and_power(evidence)
    if len(nulls) > 1:
        evidence.trace.reported(28, "t-null")
    return blocks


# ── T5 ────────────────────────────────────────────────────────────────────────────────────────
def _stopping(evidence: Evidence) -> list[Block]:
    from adaptive_cart.operating import exact, proportion

    rows: dict[str, list[Row]] = {}
    reasons = [r for r in ("success", "futility", "safety")
               if any(evidence.has(n, f"stop_{r}") for n in evidence.scenarios)]  # fmt: skip
    for role, names in per_scenario(evidence):
        rows[role] = []
        for name in names:
            reached = 1.0
            n = evidence.cell(name, "success").figure.n
            cumulative = dict.fromkeys(reasons, 0.0)
            for look in evidence.looks:
                here = {r: evidence.cell(name, f"stop_{r}", look=look) for r in reasons}
                shown: list[Line] = []
                for reason in reasons:
                    bound = here[reason]
                    cumulative[reason] += bound.figure.estimate
                    of_reached: Line = line("–")
                    if reached > 1e-12:
                        events = round(bound.figure.estimate * (n or 0))
                        those = round(reached * (n or 0))
                        figure = (
                            exact(bound.figure.estimate / reached)
                            if n is None
                            else proportion(events, those)
                        )
                        source = f"{bound.source} / reached"
                        of_reached = line(Bound(figure, source).number())
                    total = cumulative[reason]
                    sum_ = exact(total) if n is None else proportion(round(total * n), n)
                    shown += [
                        line(bound.number()),
                        of_reached,
                        line(Bound(sum_, f"{bound.source}, cumulative").number()),
                    ]
                ended = sum(bound.figure.estimate for bound in here.values())
                rows[role].append(
                    row(
                        code(name) if look == 1 else "",
                        given(look, "looks"),
                        rounded(max(reached, 0.0), 3, f"{name}: reached look {look}"),
                        *shown,
                    )
                )
                reached -= ended
    heads = [f"{r.capitalize()}: {part}" for r in reasons for part in ("all", "reached", "so far")]
    head = cells("Scenario", "Look", "Reached", *heads)
    evidence.trace.reported(22, "t-main", "t-overrun")
    return [
        Heading(text="When and why trials stop", key="stopping", level=2),
        Table(
            key="t-stopping",
            title=line("Stopping by look and reason, as shares of the trials"),
            head=head,
            rows=_headed(evidence, rows, len(head)),
            align=("left", *("right",) * (len(head) - 1)),
            widths=(2.1, 0.5, 0.8, *(0.85,) * len(heads)),
            notes=(
                line("All: of all trials. Reached: of those that reached the look. So far: at "
                     "this look or before, of all trials."),
            ),
            wide=True,
        ),
        *figures_for(evidence, "F6"),
        *_overrun(evidence),
    ]  # fmt: skip


def _overrun(evidence: Evidence) -> list[Block]:
    if evidence.exact:
        evidence.trace.not_applicable(22, "an enumerated run knows no pipeline")
        return []
    from adaptive_cart.operating import mean, proportion

    trials = evidence.trials
    rows = []
    for name in evidence.scenarios:
        here = trials[trials["scenario"] == name]
        won = here[here["reason"] == "success"]
        pipeline = (here["n_analysed_final"] - here["n_analysed"]).to_numpy().astype(float)
        reversal = proportion(int(won["reversal"].sum()), len(won))
        source = f"trials.parquet: {name}"
        given_success = Bound(reversal, f"{source}, reversal given success")
        rows.append(
            row(
                code(name),
                Bound(mean(pipeline), f"{source}, pipeline", "mean").number(),
                given(len(won), source),
                evidence.cell(name, "reversal").number(),
                given_success.with_interval() if len(won) else "–",
            )
        )
    return [
        Table(
            key="t-overrun",
            title=line("Overrun: who is still to be seen when the trial ends, and what it changes"),
            head=cells("Scenario", "Mean pipeline", "Successes", "Reversal, of all",
                       "Reversal, of the successes"),
            rows=tuple(rows),
            align=("left", *("right",) * 4),
            widths=(2.2, 1.0, 0.9, 1.2, 2.0),
        )
    ]  # fmt: skip


# ── sizes and times ───────────────────────────────────────────────────────────────────────────
def _size(evidence: Evidence) -> list[Block]:
    measures = ["n_analysed"] if evidence.exact else [
        "n_randomised", "n_analysed", "n_infused", "months"]  # fmt: skip
    words = {"n_randomised": "randomised", "n_analysed": "analysed", "n_infused": "infused",
             "months": "months"}  # fmt: skip
    rows: dict[str, list[Row]] = {}
    for role, names in per_scenario(evidence):
        rows[role] = []
        for name in names:
            first = True
            for measure in measures:
                if not evidence.has(name, f"{measure}_mean"):
                    continue
                rows[role].append(
                    row(
                        code(name) if first else "",
                        words[measure],
                        *(
                            evidence.cell(name, f"{measure}_{part}").number()
                            for part in ("mean", "sd", "p05", "p50", "p95")
                        ),
                    )
                )
                first = False
    head = (line("Scenario"), line("What"), line("Mean"), line("SD"),
            *(line(given(p, "percentile")) for p in ("5th", "50th", "95th")))  # fmt: skip
    blocks: list[Block] = [
        Heading(text="Size and duration", key="size", level=2),
        Table(
            key="t-size",
            title=line("Distribution of the numbers of participants and of the duration"),
            head=head,
            rows=_headed(evidence, rows, len(head)),
            align=("left", "left", *("right",) * 5),
            widths=(2.4, 1.2, *(0.8,) * 5),
        ),
        *figures_for(evidence, "F7", "F8"),
    ]
    if evidence.exact:
        evidence.trace.not_applicable(49, "an enumerated run knows no calendar time")
    else:
        evidence.trace.reported(49, "t-size")
        blocks += _consequences(evidence)
    return blocks


def _consequences(evidence: Evidence) -> list[Block]:
    """What happens to participants: exposed, responders, severe events."""
    design = evidence.design
    arms = design.arm_names[1:]
    harms = [n for n, e in design.endpoints.items() if e.type == "adverse_event"]
    head = ["Scenario", "Mean exposed"]
    head += [f"{design.primary}, {arm}" for arm in arms]
    head += [f"{harm}, {arm}" for harm in harms for arm in arms]
    rows = []
    for name in evidence.scenarios:
        infused = evidence.cell(name, "n_infused_mean")
        shown = infused if infused.known else evidence.cell(name, "n_randomised_mean")
        rows.append(
            row(
                code(name),
                shown.number(),
                *(
                    evidence.cell(name, f"observed_{e}", "probability", arm=arm).number()
                    for e in (design.primary, *harms)
                    for arm in arms
                ),
            )
        )
    evidence.trace.reported(50, "t-consequences")
    return [
        Table(
            key="t-consequences",
            title=line("What participants meet: mean number infused, and observed shares"),
            head=cells(*head),
            rows=tuple(rows),
            align=("left", *("right",) * (len(head) - 1)),
            notes=(
                line("Observed shares are those of the look that ended the trial, all trials "
                     "together; where nobody is infused, the number randomised is shown."),
            ),
        )
    ]  # fmt: skip


# ── T6 ────────────────────────────────────────────────────────────────────────────────────────
def _estimation(evidence: Evidence) -> list[Block]:
    if not evidence.estimands:
        return []
    rows: dict[str, list[Row]] = {}
    for role, names in per_scenario(evidence):
        rows[role] = []
        for name in names:
            for estimand in evidence.estimands:
                where: dict[str, Any] = {"arm": estimand.arm, "stratum": estimand.stratum}
                bias = evidence.cell(name, "bias", **where)
                if not bias.known:
                    continue
                label = evidence.estimand_label(estimand)
                rows[role].append(
                    row(
                        line(code(name), f", {label}" if label else ""),
                        "all trials",
                        given(bias.figure.n, bias.source) if bias.figure.n else "–",
                        evidence.cell(name, "estimand", **where).number(),
                        line(bias.number(), " (", bias.mcse(), ")"),
                        evidence.cell(name, "rmse", **where).number(),
                        evidence.cell(name, "coverage", **where).number(),
                    )
                )
            rows[role] += _given_stop(evidence, name)
            final = _after_follow_up(evidence, name)
            rows[role] += final
    head = cells("Scenario", "Trials that", "Number", "True", "Bias (MCSE)", "RMSE", "Coverage")
    evidence.trace.reported(51, "t-estimation")
    evidence.trace.reported(53, "t-estimation")
    if any(evidence.result.operating_characteristics["measure"] == "bias_given_stop"):
        evidence.trace.reported(52, "t-estimation")
    return [
        Heading(text="Estimation", key="estimation", level=2),
        Paragraph(
            line=prose(
                "The estimate is the posterior mean at the look that ended the trial. A trial that "
                "stops early for success stops because its data look good, so that its estimate "
                "is too large on average; {table} shows this by look and reason. Cells that rest "
                "on few trials are unsure, as their standard errors say.",
                table=Reference("t-estimation"),
            )
        ),
        Table(
            key="t-estimation",
            title=line("Bias, root mean squared error and coverage of the ", evidence.level(),
                       " credible interval"),
            head=head,
            rows=_headed(evidence, rows, len(head)),
            align=("left", "left", *("right",) * 5),
            widths=(2.1, 2.0, 0.85, 0.7, 1.5, 0.75, 0.95),
        ),
        *figures_for(evidence, "F9"),
    ]  # fmt: skip


def _given_stop(evidence: Evidence, name: str) -> list[Row]:
    found = []
    for look in evidence.looks:
        for reason, words in REASON_WORDS.items():
            bound = evidence.cell(name, "bias_given_stop", look=look, reason=reason)
            if not bound.known:
                continue
            ended = line("stop at look ", given(look, "looks"), f": {words}")
            if reason == "no_success":
                ended = line(words)
            few = bound.figure.n is not None and bound.figure.n < 2
            error = line("one trial") if few else line(bound.mcse())
            found.append(
                row(
                    "",
                    ended,
                    given(bound.figure.n, bound.source) if bound.figure.n is not None else "–",
                    "",
                    line(bound.number(), " (", error, ")"),
                    "",
                    "",
                )
            )
    return found


def _after_follow_up(evidence: Evidence, name: str) -> list[Row]:
    first = evidence.estimands[0]
    where: dict[str, Any] = {"arm": first.arm, "stratum": first.stratum}
    bias = evidence.cell(name, "bias_final", "difference", **where)
    if not bias.known:
        return []
    return [
        row(
            "",
            "all, pipeline followed up",
            given(bias.figure.n, bias.source) if bias.figure.n else "–",
            "",
            line(bias.number(), " (", bias.mcse(), ")"),
            evidence.cell(name, "rmse_final", **where).number(),
            evidence.cell(name, "coverage_final", **where).number(),
        )
    ]


# ── Bayesian measures ─────────────────────────────────────────────────────────────────────────
PRIORS = (0.25, 0.5, 0.75)


def _bayesian(evidence: Evidence) -> list[Block]:
    null, target = evidence.worst_null, evidence.target
    heading = Heading(text="Bayesian operating characteristics", key="bayesian", level=2)
    if null is None or target is None:
        return [heading, Paragraph(line=prose("They need a null and an alternative scenario."))]
    error, power = evidence.cell(null, "success"), evidence.cell(target, "success")
    rows = []
    source = f"{null}, {target}: success"
    for prior in PRIORS:
        rows.append(row(given(prior, "design prior"), *_mixtures(prior, error, power, source)))
    evidence.trace.reported(54, "bayesian", "t-bayesian")
    return [
        heading,
        Paragraph(
            line=prose(
                "A design prior says how probable it is that the truth is that of {target} rather "
                "than that of {null}. Averaged over it, success has the probability called "
                "assurance; and among the trials that succeed, some share comes from the null. "
                "Where no null trial succeeded, the upper end of its Monte Carlo interval is used "
                "in brackets.",
                target=code(target),
                null=code(null),
            )
        ),
        Table(
            key="t-bayesian",
            title=line("Bayesian operating characteristics by design prior (at the upper Monte "
                       "Carlo limit of the type I error)"),
            head=cells("Prior probability of benefit", "Assurance", "No benefit, given success",
                       "Benefit, given no success", "Correct decision"),
            rows=tuple(rows),
            align=("right",) * 5,
        ),
        *figures_for(evidence, "F12"),
    ]  # fmt: skip


def _mixtures(prior: float, error: Bound, power: Bound, source: str) -> list[Line]:
    shown = []
    digits = min(max(error.digits, 2), 3)

    def pair(formula: str) -> Line:
        values = [_mixture(formula, prior, a, power.figure.estimate)
                  for a in (error.figure.estimate, error.figure.upper)]  # fmt: skip
        first = line(rounded(values[0], digits, source))
        if error.exact:
            return first
        return line(first, " (", rounded(values[1], digits, source), ")")

    for formula in ("assurance", "discovery", "omission", "correct"):
        shown.append(pair(formula))
    return shown


def _mixture(formula: str, prior: float, error: float, power: float) -> float:
    success = (1 - prior) * error + prior * power
    if formula == "assurance":
        return success
    if formula == "discovery":
        return (1 - prior) * error / success if success > 0 else float("nan")
    if formula == "omission":
        return prior * (1 - power) / (1 - success) if success < 1 else float("nan")
    return prior * power + (1 - prior) * (1 - error)


assert ROLE_WORDS.keys() == GROUPS.keys()
