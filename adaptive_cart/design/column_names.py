"""Names that would stand above two columns of one table, where one would overwrite the other.

Columns of the tables that a run writes, and of the participants of a real trial, are named after
arms, strata, endpoints and rules: ``success_ARM_STRATUM`` is that of arm ``a`` in stratum ``b``,
and of an arm ``a_b``. The fixed names are those of the writers; a test holds both together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from adaptive_cart.design.validation import path_to

if TYPE_CHECKING:
    from adaptive_cart.design.checks import Pieces
    from adaptive_cart.endpoints import EndpointBase

OF_PARTICIPANTS = (
    "participant", "arm", "stratum", "randomised_month", "infused_month", "remission_month",
    "relapse_month", "rescue_month", "death_month", "withdrawn_month", "last_contact_month",
    "remission_on_drugs_month", "crossover_month", "remission_after_crossover_month",
    "relapse_after_crossover_month", "missed_visits",
)  # fmt: skip
# months at which spells begin, by state, number and whether after crossover; they end at relapses
SPELL = re.compile(r"remission(_on_drugs)?(_[2-9]|_[1-9]\d+)?(_after_crossover)?_month")
# months of infusions after the first, by number
INFUSION = re.compile(r"infused_([2-9]|[1-9]\d+)_month")
COUNTED = ("randomised", "analysed", "infused", "analysed_final")  # n_… beside n_ARM
OF_COUNTS = (
    "events", "analysed", "missing", "months", "years", "total", "squares", "baseline", "change",
    "score",
)  # fmt: skip

Column = tuple[str, str, str]  # the column, the path of what it is named after, and that in words


def part_names(rule: str, asked: int) -> tuple[str, ...]:
    """What the comparisons of a rule are called: as the rule, or by their numbers from 1."""
    return (rule,) if asked == 1 else tuple(f"{rule}_{n}" for n in range(1, asked + 1))


def doubled_columns(pieces: Pieces) -> Iterator[tuple[str, str]]:
    """Names that give a column the name of another one: the path, and what is wrong."""
    for table, columns in (
        ("trials.parquet", [*_of_trials(pieces)]),
        ("looks.parquet", [*_of_looks(pieces)]),
        ("the participants table", [*_of_participants(pieces)]),
    ):
        taken: dict[str, str] = {}
        for column, path, words in columns:
            if path and column in taken and taken[column] != words:
                yield (
                    path,
                    (
                        f"the column '{column}' of {table} would be that of {words} and of "
                        f"{taken[column]}; choose another name"
                    ),
                )
            taken.setdefault(column, words)


def _of_trials(pieces: Pieces) -> Iterator[Column]:
    for name in COUNTED:
        yield f"n_{name}", "", f"all participants {name.replace('_', ', ')}"
    for arm in pieces.arm_names:
        yield f"n_{arm}", path_to("arms", arm), f"arm '{arm}'"
    several = len(pieces.experimental_names) > 1
    estimated = [*(_places(pieces) if several else _strata(pieces))]
    if pieces.adjusted_estimates is not None:  # both ends of the interval of each
        whole = [] if several else [("", "", "all participants")]
        for suffix, path, words in [*whole, *((f"_{s}", p, w) for s, p, w in estimated)]:
            for end in ("lower", "upper"):
                yield f"estimate_{end}{suffix}", path, f"the {end} end of {words}"
    for ending in ("", "_final"):  # of an estimate; coverage likewise
        after = " after follow-up" if ending else ""
        for suffix, path, words in estimated:
            yield f"estimate_{suffix}{ending}", path, f"{words}{after}"
    for suffix, path, words in _places(pieces):
        yield f"success_{suffix}", path, words
    for utility in pieces.utility:
        for arm in pieces.experimental_names if several else ("",):
            of = f"_{arm}" if arm else ""
            words = f"utility '{utility}'" + (f" in arm '{arm}'" if arm else "")
            for side in ("benefit", "harm"):
                yield f"{side}_{utility}{of}", path_to("utility", utility), words
    yield from _borrowed(pieces)
    for place, rule in pieces.rules_read.items():
        if rule.decision.at_the_end:
            path, words = f"{place}.name", f"claim '{rule.name}'"
            yield f"claimed_{rule.name}", path, words
            yield f"false_claim_{rule.name}", path, words
            if rule.followed_up:
                yield f"claimed_final_{rule.name}", path, f"{words} after follow-up"
                yield f"false_claim_final_{rule.name}", path, f"{words} after follow-up"


def _borrowed(pieces: Pieces) -> Iterator[Column]:
    """What arms borrow from external data, at each look and at the end."""
    looks = range(1, (pieces.number_of_looks or 0) + 1)
    for endpoint, analysis in pieces.analysis.items():
        for arm, prior in (
            analysis.borrowed(pieces.arm_names).items() if analysis is not None else ()
        ):
            path = path_to("arms", arm)
            strata = pieces.stratum_names if prior.of_a_stratum else ()
            for stratum in ("", *(f"_{name}" for name in strata)):
                for ending in ("", *(f"_{look}" for look in looks)):
                    where = f"{stratum.replace('_', ' in ', 1)}{ending.replace('_', ' at ')}"
                    words = f"what arm '{arm}' borrows of '{endpoint}'{where}"
                    for of in ("borrowed", "conflict"):
                        yield f"{of}_{endpoint}_{arm}{stratum}{ending}", path, words


def _places(pieces: Pieces) -> Iterator[Column]:
    """Arms, and arms in a stratum."""
    for arm in pieces.experimental_names:
        yield arm, path_to("arms", arm), f"arm '{arm}'"
        for stratum in pieces.stratum_names:
            path = path_to("strata", stratum)
            yield f"{arm}_{stratum}", path, f"arm '{arm}' in stratum '{stratum}'"


def _strata(pieces: Pieces) -> Iterator[Column]:
    for stratum in pieces.stratum_names:
        yield stratum, path_to("strata", stratum), f"stratum '{stratum}'"


def _of_looks(pieces: Pieces) -> Iterator[Column]:
    for endpoint in pieces.endpoints:
        kind = pieces.endpoints[endpoint]
        for name in (*OF_COUNTS, *(() if kind is None else kind.category_names())):
            words = f"endpoint '{endpoint}' ({name})"
            yield f"{endpoint}_{name}", path_to("endpoints", endpoint), words
    for place, rule in enumerate(pieces.rules):
        called = pieces.rule_names[place]
        asked = 1 if rule is None else len(rule.comparisons)
        for number, column in enumerate(part_names(str(called), asked), start=1):
            of = f"question {number} of rule" if asked > 1 else "rule"
            yield f"p_{column}", f"rules[{place}].name", f"the probability of {of} '{called}'"


def _of_participants(pieces: Pieces) -> Iterator[Column]:
    for name in OF_PARTICIPANTS:
        yield name, "", "every participant"
        if name.endswith("_month"):
            yield f"{name.removesuffix('_month')}_date", "", "every participant"
    for endpoint in pieces.endpoints:
        spell = SPELL.fullmatch(endpoint.replace("relapse", "remission"))
        if spell and spell[2]:
            yield endpoint, "", "a further remission"
        if INFUSION.fullmatch(endpoint):
            yield endpoint, "", "a further infusion"
        for column in columns_of(endpoint, pieces.endpoints[endpoint]):
            yield column, path_to("endpoints", endpoint), f"endpoint '{endpoint}'"


def columns_of(name: str, endpoint: EndpointBase | None) -> tuple[str, ...]:
    """Columns of the participants table that are an endpoint's own."""
    if endpoint is None or endpoint.direct is None:
        return (name,)
    return tuple(endpoint.direct.columns(name, endpoint))
