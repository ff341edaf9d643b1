"""A real trial at a look, in words: what the terminal shows and ``analysis.md`` holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import isfinite, prod

from adaptive_cart.analysis.findings import (
    BorrowedFrom,
    ConditionalAssurance,
    Corrections,
    Findings,
    Group,
    MissingTip,
    PriorTipFound,
    Quantity,
    RuleFinding,
    ShiftTip,
    WhatIf,
)
from adaptive_cart.decisions import DECISIONS
from adaptive_cart.nouns.questions import written
from adaptive_cart.running.adjusted import CONDITIONAL

Table = tuple[list[str], list[list[str]]]
MOST_LINES = 60  # of outcomes of the missing


def terminal_text(findings: Findings) -> str:
    """Everything a committee asks for, on a terminal."""
    lines = [findings.design, title(findings), ""]
    for heading, table in tables(findings):
        lines += [heading, *(f"  {line}" for line in _aligned(table)), ""]
    lines += ["Rules"]
    lines += [f"  {line}" for line in rule_lines(findings)]
    if findings.diagnoses:
        lines += ["", "Chains of the reference posterior (PyMC)"]
        lines += [f"  {line}" for line in diagnosis_lines(findings)]
    if findings.earlier:
        lines += ["", "Earlier looks, held anew on this table"]
        lines += [f"  {line}" for line in earlier_lines(findings)]
    if findings.tipping is not None and findings.tipping.notes:
        lines += ["", "No tipping points"]
        lines += [f"  - {note}" for note in findings.tipping.notes]
    if findings.notes:
        lines += ["", "Notes", *(f"  - {note}" for note in findings.notes)]
    lines += ["", *decision_lines(findings)]
    return "\n".join(lines)


def markdown_text(findings: Findings, figures: Sequence[tuple[str, str]] = ()) -> str:
    """The same as Markdown, with its figures (file name and caption)."""
    decision = findings.decision
    lines = [f"# {findings.design}", "", title(findings), ""]
    lines += ["## Decision", "", f"**{decision.words}** ({decision.basis})", ""]
    lines += [f"- {reason}" for reason in decision.reasons]
    lines += ["", "## Rules", "", *_piped(rule_table(findings)), ""]
    lines += [f"- {line}" for line in change_lines(findings)]
    for heading, table in tables(findings):
        lines += ["", f"## {heading}", "", *_piped(table)]
    if findings.diagnoses:
        lines += ["", "## Chains of the reference posterior", ""]
        lines += [f"- {line}" for line in diagnosis_lines(findings)]
    if findings.earlier:
        lines += ["", "## Earlier looks, held anew on this table", ""]
        lines += [f"- {line}" for line in earlier_lines(findings)]
    if findings.notes:
        lines += ["", "## Notes", "", *(f"- {note}" for note in findings.notes)]
    if figures:
        lines += ["", "## Figures"]
        for name, caption in figures:
            lines += ["", f"![{caption}]({name}.svg)", "", caption]
    lines += ["", "## Where this comes from", ""]
    lines += [f"- {line}" for line in provenance_lines(findings)]
    return "\n".join(lines) + "\n"


def title(findings: Findings) -> str:
    """Which look, on which date, on how many."""
    last = ", the last" if findings.last else ""
    which = f"Look {findings.look} of {findings.looks}{last}"
    if findings.between:
        which = f"Between looks, before look {findings.look} of {findings.looks}"
    due = f" (due at month {findings.due:.2f})" if abs(findings.due - findings.date) > 0.005 else ""
    due = due if isfinite(findings.due) else " (not due yet)"
    day = f", {findings.day}" if findings.day else ""
    return (
        f"{which}; data of month {findings.date:.2f}{day}{due}: {findings.randomised} randomised "
        f"of the {findings.participants} in the table"
    )


# ── tables ────────────────────────────────────────────────────────────────────────────────────
def tables(findings: Findings) -> Iterator[tuple[str, Table]]:
    """Participants, what is analysed of each endpoint, and the posteriors."""
    yield "Participants", participants_table(findings.numbers)
    for endpoint in findings.numbers[0].endpoints:
        label = findings.provenance.get("labels", {}).get(endpoint, endpoint)
        heads = findings.provenance.get("heads", {}).get(endpoint, {})
        yield label, endpoint_table(findings.numbers, endpoint, heads)
    if findings.quantities:
        yield "Posterior means and 95% credible intervals", quantity_table(findings.quantities)
    if findings.borrowed:
        yield "Borrowed from external data", borrowed_table(findings.borrowed)
    if findings.conditional_assurance:
        heading = "Conditional assurance: success at the end, given what is seen, by design prior"
        yield heading, assurance_table(findings.conditional_assurance)
    if findings.corrections is not None:
        yield corrections_heading(findings.corrections), corrections_table(findings.corrections)
    if findings.tipping is not None:
        for tip in findings.tipping.missing:
            yield missing_heading(tip), what_if_table(tip)
        if findings.tipping.shifts:
            yield "Tipping points of what is missing", shifts_table(findings.tipping.shifts)
        if findings.tipping.priors:
            yield "Tipping points of the priors", prior_tips_table(findings.tipping.priors)
    for found in findings.what_if:
        yield what_if_heading(found, findings), what_if_table(found)


def participants_table(groups: Sequence[Group]) -> Table:
    """Randomised, infused, died, withdrawn and last seen early, by arm and stratum."""
    strata = any(group.stratum for group in groups)
    infused = any(group.infused for group in groups)
    head = ["arm", *(["stratum"] if strata else []), "randomised"]
    unseen = any(group.unseen for group in groups)
    head += [*(["infused"] if infused else []), "died", "withdrawn"]
    head += ["last seen before the cut"] if unseen else []
    rows = []
    for group in groups:
        row = [group.arm, *([group.stratum or ""] if strata else []), str(group.randomised)]
        row += [*([str(group.infused)] if infused else []), str(group.died), str(group.lost)]
        row += [str(group.unseen)] if unseen else []
        rows.append(row)
    return head, rows


def endpoint_table(groups: Sequence[Group], endpoint: str, heads: Mapping[str, str]) -> Table:
    """What is analysed of an endpoint, by arm and stratum; ``heads`` has words for its columns."""
    strata = any(group.stratum for group in groups)
    columns = list(groups[0].endpoints[endpoint])
    head = ["arm", *(["stratum"] if strata else []), *(heads.get(c, c) for c in columns)]
    rows = []
    for group in groups:
        cells = [number(group.endpoints[endpoint][column]) for column in columns]
        rows.append([group.arm, *([group.stratum or ""] if strata else []), *cells])
    return head, rows


def quantity_table(quantities: Sequence[Quantity]) -> Table:
    """Posterior means and intervals, by both posteriors."""
    reference = any(quantity.reference is not None for quantity in quantities)
    head = ["endpoint", "quantity", "fast mean", "95% interval"]
    head += ["reference mean", "95% interval"] if reference else []
    rows = []
    for quantity in quantities:
        fast = quantity.fast
        row = [quantity.endpoint, quantity.words, f"{fast.mean:.3f}"]
        row.append(f"{fast.lower:.3f} to {fast.upper:.3f}")
        if reference:
            draws = quantity.reference
            shown = ["", ""]
            if draws is not None:
                shown = [f"{draws.mean:.3f}", f"{draws.lower:.3f} to {draws.upper:.3f}"]
            row += shown
        rows.append(row)
    return head, rows


def borrowed_table(borrowed: Sequence[BorrowedFrom]) -> Table:
    """Participants borrowed, and whether the arm's own data contradict the external ones."""
    head = ["endpoint", "arm", "external data", "participants borrowed", "prior predictive p"]
    rows = []
    for one in borrowed:
        told = f"{one.p_value:.4f}" + (" (conflict)" if one.conflict else "")
        for place, source in enumerate(one.external):
            first = [one.endpoint, one.arm] if place == 0 else ["", ""]
            last = [f"{one.participants:.1f}", told] if place == 0 else ["", ""]
            rows.append([*first, source, *last])
    return head, rows


def missing_heading(found: MissingTip) -> str:
    """Which rule, how many outcomes are missing, and how many would turn it over."""
    missing = " and ".join(f"{n} in {a}" for a, n in zip(found.arms, found.missing, strict=True))
    missing += f"; {found.kinds}" if found.kinds else ""
    verdict = "holds" if found.holds_now else "does not hold"
    told = (
        f"Tipping points of the missing outcomes ({missing}) for {found.rule}: {found.question} "
        f"{found.comparison} {written(found.threshold)}, which {verdict}"
    )
    if found.fewest is None and found.why is not None:
        return told
    if found.fewest is None:
        return f"{told} however they came out"
    changes = [
        f"{abs(k - own)} {'more' if k > own else 'fewer'} {found.noun}"
        f"{'' if abs(k - own) == 1 else 's'} in {arm}"
        for arm, k, own in zip(found.arms, found.fewest, found.read_as, strict=True)
        if k != own
    ]
    if not changes:
        return f"{told}, and turns over where they come out as the others of their arm"
    return f"{told}, and turns over with {' and '.join(changes)} among them"


def shifts_table(found: Sequence[ShiftTip]) -> Table:
    """How far what is missing would have to differ, and the nearest values that turn it over."""
    head = ["rule", "holds", "what differs", "not seen", "turns over below", "above"]
    rows = []
    for tip in found:
        ends = [
            f"none down to {shift_value(tip, tip.reach[0])}"
            if tip.below is None
            else shift_value(tip, tip.below),
            f"none up to {shift_value(tip, tip.reach[1])}"
            if tip.above is None
            else shift_value(tip, tip.above),
        ]
        words = f"{tip.words} in {' and '.join(tip.arms)}"
        rows.append([tip.rule, "yes" if tip.holds_now else "no", words, not_seen(tip), *ends])
    return head, rows


def shift_value(tip: ShiftTip, value: float) -> str:
    """An amount that is added, with its sign, or a factor."""
    if not tip.added:
        return f"times {value:.3g}"
    return f"{value:+.3g}{f' {tip.unit}' if tip.unit else ''}"


def not_seen(tip: ShiftTip) -> str:
    """Of how many participants something is missing, and how much."""
    numbers = " and ".join(str(number) for number in tip.missing)
    if not tip.amount:
        return numbers
    told = f"{' and '.join(f'{a:.1f}' for a in tip.amount)} {tip.amount_unit} of {numbers}"
    as_others = tip.added and tip.start != 0.0
    return told + (f" (as the others of their arm with +{tip.start:.3g})" if as_others else "")


def prior_tips_table(found: Sequence[PriorTipFound]) -> Table:
    """Each number of a prior, and the nearest values that turn the rule over."""
    head = ["rule", "holds", "number of a prior", "now", "turns over below", "above"]
    rows = []
    for tip in found:
        ends = [
            f"none down to {tip.reach[0]:g}" if tip.below is None else f"{tip.below:.4g}",
            f"none up to {tip.reach[1]:g}" if tip.above is None else f"{tip.above:.4g}",
        ]
        rows.append(
            [tip.rule, "yes" if tip.holds_now else "no", tip.words, f"{tip.now:.4g}", *ends]
        )
    return head, rows


def assurance_table(found: Sequence[ConditionalAssurance]) -> Table:
    """By design prior: the probability of success, and of each scenario now."""
    rows = []
    for one in found:
        weights = ", ".join(f"{name} {p:.3f}" for name, p in one.scenarios.items())
        value = "–" if one.value is None else f"{one.value:.4f}"
        rows.append([one.design_prior, value, one.why or weights])
    return ["design prior", "success", "how probable each scenario is now"], rows


def corrections_heading(found: Corrections) -> str:
    """Of what the estimates are that are corrected for the stop."""
    return f"Estimates of {found.of} corrected for the stop"


def corrections_table(found: Corrections) -> Table:
    """The estimate and each corrected one with its interval, and the p-value at the margin.

    What was learned from simulated trials has its Monte Carlo standard error in brackets.
    """
    if found.why is not None and not found.estimates:
        return ["not told"], [[found.why]]
    at = None if found.margin is None else f"p at {written(found.margin)}"
    head = ["estimate", "value", "95% interval", *([] if at is None else [at, "at most"])]
    rows = []
    for one in found.estimates:
        error = ""
        if found.learned is not None and one.name.startswith(CONDITIONAL):
            per_unit = one.value if found.learned.ratio else 1.0
            error = f" (MCSE {per_unit * found.learned.mcse:.2g})"
        row = [one.words, f"{one.value:.3f}{error}", f"{one.lower:.3f} to {one.upper:.3f}"]
        if at is not None:
            p_values = (one.p_value, one.p_value_at_most)
            row += ["" if p is None else f"{p:.4f}" for p in p_values]
        rows.append(row)
    if found.why is not None:
        rows.append([f"no other: {found.why}", "", ""])
    return head, rows


def rule_table(findings: Findings) -> Table:
    """Each rule with its question, both probabilities, the threshold, and whether it holds."""
    reference = any(rule.reference is not None for rule in findings.rules)
    head = ["rule", "question", "fast", *(["reference (MCSE)"] if reference else [])]
    head += ["threshold", "holds", "then"]
    rows = []
    for rule in findings.rules:
        row = [rule.rule, rule.question, probability(rule.fast, rule)]
        if reference:
            row.append(
                ""
                if rule.reference is None or rule.mcse is None
                else f"{rule.reference:.4f} ({rule.mcse:.4f})"
            )
        verdict = "not judged" if rule.holds is None else "yes" if rule.holds else "no"
        row += [f"{rule.comparison} {written(rule.threshold)}", verdict, DECISIONS[rule.then].done]
        rows.append(row)
    return head, rows


def what_if_heading(found: WhatIf, findings: Findings) -> str:
    """Which rule would hold, at which look, with how many more participants."""
    at = "this look" if found.look == findings.look else f"look {found.look}"
    return (
        f"What the next {found.participants} participants would have to show for {found.rule}: "
        f"{found.question} {found.comparison} {written(found.threshold)}, as at {at}"
        + (f" ({found.near} outcomes lie within the error of the answer)" if found.near else "")
    )


def what_if_table(found: WhatIf | MissingTip) -> Table:
    """For each number of responders in all arms but the last, those there with which it holds."""
    if found.why is not None:
        return ["not told"], [[found.why]]
    if len(found.holds) in (0, prod(number + 1 for number in found.more)):
        among = dict(zip(found.arms, found.more, strict=True))
        each = ", ".join(f"{n} in {arm}" for arm, n in among.items())
        verdict = "it holds" if found.holds else "it does not hold"
        return [each], [[f"however many {found.whatever} there are, {verdict}"]]
    arms = list(zip(found.counted, found.more, strict=True))
    head = [f"{counted}, of {number} {found.coming}" for counted, number in arms]
    head[0] += "" if len(arms) > 1 else ": holds with"
    head[-1] += ": holds with" if len(arms) > 1 else ""
    if len(arms) == 1:
        return head, [[_runs([k for (k,) in found.holds], arms[0][1])]]
    total = prod(number + 1 for number in found.more)
    if total // (arms[-1][1] + 1) > MOST_LINES:
        return ["outcomes"], [[f"it holds with {len(found.holds)} of {total}"]]
    by_first: dict[tuple[int, ...], list[int]] = {
        first: [] for first in product(*(range(number + 1) for _, number in arms[:-1]))
    }
    for *first, last in found.holds:
        by_first[tuple(first)].append(last)
    return head, [
        [*map(str, first), _runs(numbers, arms[-1][1])] for first, numbers in by_first.items()
    ]


def _runs(numbers: Sequence[int], most: int) -> str:
    """Whole numbers as runs: ``0 to 2, 7``."""
    if not numbers:
        return "none"
    if len(numbers) == most + 1:
        return "any"
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]} to {r[-1]}" for r in runs)


def probability(value: float | None, rule: RuleFinding) -> str:
    """Four decimals, or more where they would hide on which side of the threshold it lies."""
    if value is None:
        return "–"
    text = f"{value:.4f}"
    if float(text) == round(rule.threshold, 4) and value != rule.threshold:
        return f"{value:.12g}"
    return text


def number(value: float) -> str:
    """Whole numbers whole, the others with one decimal."""
    return str(int(value)) if float(value).is_integer() else f"{value:.1f}"


# ── lines ─────────────────────────────────────────────────────────────────────────────────────
def rule_lines(findings: Findings) -> Iterator[str]:
    """Each rule, its probability by both posteriors, and what would have changed it."""
    for rule in findings.rules:
        verdict = {None: "", True: f" → {DECISIONS[rule.then].done}", False: ""}[rule.acts]
        yield f"{rule.rule}: {rule.reason}{verdict}"
        if rule.reference is not None and rule.mcse is not None:
            yield (
                f"    fast {probability(rule.fast, rule)}, reference {rule.reference:.4f} "
                f"(Monte Carlo standard error {rule.mcse:.4f})"
            )
        if rule.changes is not None:
            yield f"    {rule.changes}"


def change_lines(findings: Findings) -> Iterator[str]:
    """What would have changed each rule."""
    for rule in findings.rules:
        if rule.changes is not None:
            where = f"{rule.arm}, {rule.stratum}" if rule.stratum else rule.arm
            yield f"{rule.rule} ({where}) {rule.changes}"
        elif rule.why is not None:
            yield rule.reason


def diagnosis_lines(findings: Findings) -> Iterator[str]:
    """R-hat, effective sample sizes and divergences, an endpoint a line."""
    for found in findings.diagnoses:
        fits = f"{found.fits} fits, the worst: " if found.fits > 1 else ""
        trouble = f"; NOT TO BE TRUSTED: {found.trouble}" if found.trouble else ""
        yield (
            f"{found.endpoint} ({found.model}): {fits}R-hat {found.r_hat:.3f}, bulk ESS "
            f"{found.ess_bulk:.0f}, tail ESS {found.ess_tail:.0f}, {found.divergences} "
            f"divergences{trouble}"
        )


def earlier_lines(findings: Findings) -> Iterator[str]:
    """The looks before, one a line."""
    for look in findings.earlier:
        yield f"month {look.month:.2f}: {look.words}"


def decision_lines(findings: Findings) -> Iterator[str]:
    """The decision and its reasons."""
    decision = findings.decision
    yield f"Decision ({decision.basis}): {decision.words}"
    for reason in decision.reasons:
        yield f"  - {reason}"
    if decision.outcome == "withheld" and decision.reference not in (None, decision.fast):
        yield f"  The fast posterior alone would say: {decision.fast.replace('_', ' ')}."


def provenance_lines(findings: Findings) -> Iterator[str]:
    """Files, digests, versions and seed."""
    about = findings.provenance
    yield f"data {about['data']['source']}, SHA-256 {about['data']['digest']}"
    if about["data"].get("opened"):
        yield f"the trial opened on {about['data']['opened']}"
    yield f"design digest {about['design_digest']}"
    yield f"seed {about['seed']}"
    yield ", ".join(f"{name} {version}" for name, version in about["versions"].items())


# ── layout ────────────────────────────────────────────────────────────────────────────────────
def _aligned(table: Table) -> Iterator[str]:
    head, rows = table
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    words = [any(not _numeric(row[place]) for row in rows) for place in range(len(head))]
    for row in [head, *rows]:
        cells = [
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width, left in zip(row, widths, words, strict=True)
        ]
        yield "  ".join(cells).rstrip()


def _numeric(cell: str) -> bool:
    return cell.replace(".", "", 1).replace("-", "", 1).isdigit() or cell in ("", "–")


def _piped(table: Table) -> Iterator[str]:
    head, rows = table
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
