"""The first page of a programme: the field's question, answered in words.

Every number in it is one of the measures, rounded to what its Monte Carlo error leaves.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from adaptive_cart.programmes.accounts import at_once
from adaptive_cart.programmes.measured import HOLD_UP, Key, Measures
from adaptive_cart.programmes.programme import Programme
from adaptive_cart.results.enumerated import enumerated
from adaptive_cart.results.figure import Figure
from adaptive_cart.results.percentages import with_interval

WIDTH = 96
MIDDLE = 0.9  # of a distribution that is told
ONE_ALONE = "error unknown"  # of one portfolio alone
NO_SPREAD = "no spread seen"  # in the place of an error that the spread cannot tell


def first_page(programme: Programme, measures: Measures, record: Mapping[str, Any]) -> str:
    """The page as text, in lines of at most :data:`WIDTH` characters."""
    lines: list[str] = []
    for paragraph in _paragraphs(programme, measures, record):
        lines += textwrap.wrap(paragraph, WIDTH, break_long_words=False) or [""]
        lines.append("")
    lines += _table(measures)
    return "\n".join(lines).rstrip() + "\n"


def number(figure: Figure, unit: float = 1.0, sign: str = "") -> str:
    """A mean with its Monte Carlo standard error, to the digits that the error leaves.

    Parameters
    ----------
    sign
        ``+`` for a difference, whose sign is always written.
    """
    if math.isnan(figure.estimate):
        return "unknown"
    value = figure.estimate * unit
    if figure.n is None:
        return f"{value:{sign},.4g}"
    if figure.mcse == 0.0:
        return f"{round(value, 4):{sign if value else ''},.10g} ({NO_SPREAD})"
    error = figure.mcse * unit
    digits = 1 if not error > 0.0 else max(0, min(4, -math.floor(math.log10(error))))
    return f"{value:{sign},.{digits}f} ({error_told(error, digits)})"


def error_told(error: float, digits: int) -> str:
    """The Monte Carlo standard error; where nothing varied, or could, it says so instead."""
    if math.isnan(error):
        return ONE_ALONE
    return NO_SPREAD if error == 0.0 else f"MCSE {error:.{digits}f}"


def percent(figure: Figure) -> str:
    """A probability in percent with its Monte Carlo standard error."""
    if math.isnan(figure.estimate):
        return "unknown (there were none)"
    if figure.n is None:
        return f"{100.0 * figure.estimate:.4g}%"
    if figure.estimate in (0.0, 1.0) and figure.mcse == 0.0:
        return with_interval(figure.estimate, figure.lower, figure.upper)
    error = 100.0 * figure.mcse
    digits = 1 if not error > 0.0 else max(0, min(3, -math.floor(math.log10(error))))
    return f"{100.0 * figure.estimate:.{digits}f}% ({error_told(error, digits)})"


def points(figure: Figure) -> str:
    """A difference of probabilities in percentage points with its Monte Carlo standard error."""
    return f"{number(figure, 100.0)} points"


def _middle(distribution: tuple[Figure, ...]) -> tuple[int, int]:
    """The numbers between which nine portfolios of ten lie, equal tails."""
    low = high = None
    below = 0.0
    for count, figure in enumerate(distribution):
        below += figure.estimate
        if low is None and below >= (1.0 - MIDDLE) / 2.0:
            low = count
        if high is None and below >= (1.0 + MIDDLE) / 2.0:
            high = count
    return low or 0, len(distribution) - 1 if high is None else high


def _paragraphs(
    programme: Programme, measures: Measures, record: Mapping[str, Any]
) -> Iterator[str]:
    of = measures.figures
    yield programme.tables.name
    yield _how_many(programme, measures)
    if programme.early is not None:
        yield _by_the_go_rule(of)
        if _known(of, ("early_observed", "go"), ("later_observed", "go")):
            yield _what_is_left(programme, of)
    if _known(of, ("participants", "portfolio")):
        yield _at_what_cost(programme, of)
    signal = programme.tables.candidates.class_signal
    if signal is not None and ("class_stopped", "portfolio") in of:
        yield (
            f"With {signal.stop_at} of '{signal.event}' in a class, all its trials stop: a signal "
            f"comes in {number(of['classes_with_signal', 'portfolio'])} of "
            f"{len(programme.law.classes)} classes, stops "
            f"{number(of['class_stopped', 'portfolio'])} controlled trials, and takes the success "
            f"from {number(of['working_lost_to_signal', 'portfolio'])} candidates that work."
        )
    for (name, kind), found in of.items():
        if name.startswith("P(claimed_") and kind == "succeed":
            yield f"Of the successes {percent(found)} also claim '{name[10:-1]}'."
    yield _how_it_was_found(record)


def _known(of: Mapping[Key, Figure], *keys: Key) -> bool:
    return all(key in of and not math.isnan(of[key].estimate) for key in keys)


def _how_it_was_found(record: Mapping[str, Any]) -> str:
    rests = "All of it rests on what the file assumes of candidates."
    if enumerated(record):
        return f"Enumerated, without chance; what depends on the calendar is left out. {rests}"
    return (
        f"{record['portfolios']:,} portfolios, seed {record['seed']}. MCSE is the Monte Carlo "
        f"standard error, what is left of chance in the simulation; where nothing or all was seen, "
        f"the bound is that of a 95% Monte Carlo interval. True values are read between nodes; in "
        f"the middles that were looked at those of the primary were off by up to "
        f"{record['true_values_off_by']:.1g}. {rests}"
    )


def _how_many(programme: Programme, measures: Measures) -> str:
    """The answer: how many go on, succeed and hold up."""
    of, count = measures.figures, programme.law.count
    early = programme.early is not None
    between = {
        name: "{} to {}".format(*_middle(found)) for name, found in measures.distributions.items()
    }
    told = {
        name: f"{number(of[f'number_{name}', 'portfolio'])}"
        for name in ("go", "succeed", HOLD_UP, "work")
    }
    first = f"All {count} protocols go to a controlled trial."
    if early:
        first = (
            f"Of {count} protocols {told['go']} go on to a controlled trial on average "
            f"({between['go']} in nine portfolios of ten)."
        )
    lost = f"{number(of['working_lost', 'portfolio'])} of these are lost on the way"
    if early:
        lost += f", {number(of['working_not_gone', 'portfolio'])} of them by the go rule"
    return (
        f"{first} {told['succeed']} succeed there ({between['succeed']}), and {told[HOLD_UP]} hold "
        f"up: they succeed and do work as claimed ({between[HOLD_UP]}). Of all {count}, "
        f"{told['work']} work ({between['work']}); {lost}."
    )


def _by_the_go_rule(of: Mapping[Key, Figure]) -> str:
    return (
        f"A candidate goes on with probability {percent(of['P(go)', 'all'])}: "
        f"{percent(of['P(go)', 'work'])} of those that work, {percent(of['P(go)', 'not_work'])} of "
        f"those that do not. Having gone on it succeeds with {percent(of['P(succeed)', 'go'])}. A "
        f"success is true with {percent(of['P(work)', 'succeed'])}; of those stopped early "
        f"{percent(of['P(work)', 'no_go'])} work."
    )


def _what_is_left(programme: Programme, of: Mapping[Key, Figure]) -> str:
    """Regression to the mean, and what selection of participants added."""
    assert programme.early is not None
    early = programme.early.design.primary_endpoint
    later = programme.confirm.design.primary_endpoint
    same = "" if early == later else " The two trials do not ask for the same endpoint."
    return (
        f"What is left of the early effect: candidates that go on showed the early endpoint in "
        f"{percent(of['early_observed', 'go'])} of participants. In participants like those of the "
        f"controlled trial it is truly {percent(of['early_true', 'go'])}: the early result "
        f"overstates by {points(of['early_overstated', 'go'])}, against "
        f"{points(of['early_overstated', 'all'])} in all candidates and "
        f"{points(of['early_overstated', 'no_go'])} in those that were stopped. Controlled trials "
        f"then see the later endpoint in {percent(of['later_observed', 'go'])} of the experimental "
        f"arm, where {percent(of['true_level', 'go'])} is true; those that succeed overstate the "
        f"effect by {points(of['later_overstated', 'succeed'])}.{same}"
    )


def _at_what_cost(programme: Programme, of: Mapping[Key, Figure]) -> str:
    """Participants, months, and who is exposed or denied."""
    participants = f"{number(of['participants', 'portfolio'])} participants"
    if programme.early is not None:
        participants += f", {number(of['participants_early', 'portfolio'])} of them in early trials"
    decided = number(of["months_until_decision", "go"])
    if of["months_waited", "go"].estimate > 0.0:
        decided += f", {number(of['months_waited', 'go'])} of them spent waiting"
    told = (
        f"A portfolio takes {participants}. "
        f"{number(of['exposed_to_no_effect', 'portfolio'])} of all are given a product that does "
        f"not work, {number(of['denied_an_effect', 'portfolio'])} are controls of one that does. "
        f"{slots_told(programme)}; the last decision comes after "
        f"{number(of['months_until_all_decided', 'portfolio'])} months. A candidate that goes on "
        f"is decided after {decided}."
    )
    years = of.get(("remission_years_gained", "portfolio"))
    if years is not None:
        told += (
            f" A portfolio gains {number(years)} years in remission beyond standard of care"
            f"{_in_whom(programme)}."
        )
    cost = of.get(("cost", "portfolio"))
    return told if cost is None else f"{told} It costs {number(cost)}."


def _in_whom(programme: Programme) -> str:
    """Until when, and in whom, years in remission are counted."""
    asked = programme.tables.candidates.benefit
    if asked is None:
        return ""
    until = programme.confirm.design.endpoints[asked.endpoint].censors_after()
    told = "" if until is None else f", counted to month {until:g},"
    told += " in everybody given a candidate"
    if asked.treated_after_success:
        told += f" and in {asked.treated_after_success:,g} patients after each success"
    return told


def slots_told(programme: Programme) -> str:
    """How many controlled trials run at once, as a sentence without its full stop."""
    if programme.tables.candidates.control == "common":
        return "All controlled trials run at once beside one control (a platform)"
    slots = at_once(programme.tables.candidates, programme.confirm.design)
    if math.isinf(slots):
        return "Controlled trials run all at once"
    if slots == 1:
        return "Controlled trials run one after the other"
    return f"At most {slots:g} controlled trials run at once"


def _table(measures: Measures) -> list[str]:
    """How many of a portfolio go on, succeed and hold up, as bars of text."""
    lines = ["Portfolios of 100 in which so many"]
    names = [name for name in ("go", "succeed", HOLD_UP) if name in measures.distributions]
    head = {"go": "go on", "succeed": "succeed", HOLD_UP: "hold up"}
    lines.append("        " + "".join(f"{head[name]:>10}" for name in names))
    length = len(measures.distributions[names[0]])
    for count in range(length):
        shares = [measures.distributions[name][count].estimate for name in names]
        if max(shares) >= 0.0005:
            lines.append(f"{count:>8}" + "".join(f"{100.0 * share:>10.1f}" for share in shares))
    return lines
