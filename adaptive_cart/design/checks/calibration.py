"""Whether a threshold can be found from a type I error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adaptive_cart.decisions import FUTILITY, SUCCESS
from adaptive_cart.design.checks.averaged_targets import averaged_targets
from adaptive_cart.design.checks.null_region import (
    calibrated_endpoint,
    never_direct,
    no_effect,
    null_region,
)
from adaptive_cart.design.checks.pieces import Found, Pieces, unknown
from adaptive_cart.design.checks.shared_success import shared_success
from adaptive_cart.design.checks.spent_by_look import spent_by_look
from adaptive_cart.design.look_scales import SCALES
from adaptive_cart.design.rule_tables import leaves, side_of
from adaptive_cart.design.scenario_frame import role_of
from adaptive_cart.design.validation import meant, path_to, shown
from adaptive_cart.errors import one_of
from adaptive_cart.nouns.roles import NULL

if TYPE_CHECKING:
    from adaptive_cart.design.rule_tables import Comparing, Rule


def calibration(pieces: Pieces) -> Found:
    """Whether a threshold to be found can be found."""
    asking = [path for path, rule in pieces.rules_read.items() if rule.to_calibrate]
    if asking and pieces.calibration is None:
        yield (
            "calibration",
            f'missing; {asking[0]} asks for "calibrate": write [calibration] with '
            f"type_one_error = 0.025, or a number as the threshold",
            "calibration",
        )
    for path, rule in pieces.rules_read.items():
        if rule.threshold == "calibrate":
            yield from _to_calibrate(pieces, rule, path)
        for inner, part in leaves(rule):
            if inner and part.threshold == "calibrate":
                yield from _one_of_several(pieces, rule, part, f"{path}.{inner}")
    yield from null_region(pieces)
    yield from _futility(pieces)
    yield from _shape(pieces)
    yield from spent_by_look(pieces)
    yield from shared_success(pieces)
    yield from _by_claim(pieces)
    yield from _false_stops(pieces)
    yield from averaged_targets(pieces)
    calibration = pieces.calibration
    asking = [path for path in asking if path not in _further(pieces)]
    if not asking or calibration is None or calibration.null_region is not None:
        return
    if calibration.type_one_error is None:
        return
    if not _has_null(pieces):
        yield (
            "scenarios",
            f'no null scenario; {asking[0]} asks for "calibrate", and its claim is not about rates '
            f"that are given directly: write one in which it is false, for example "
            f"[scenarios.null] with {no_effect(pieces)}",
            "scenarios",
            "rules",
            "endpoints",
        )


def _futility(pieces: Pieces) -> Found:
    """Whether there are rules to leave out of the search, and nothing that needs them."""
    calibration = pieces.calibration
    if calibration is None or None in pieces.rules:
        return
    rules = [*pieces.rules_read.values()]
    futility = [rule.name for rule in rules if rule.decision.ends == FUTILITY]
    if not calibration.obeys_futility:
        path = "calibration.futility"
        if not futility:
            yield path, 'found "not_binding", and no rule declares futility; leave it out', "rules"
        yield from _required(pieces, futility, path, '"not_binding"')
    named = calibration.not_binding
    if named is not None:
        path, stops = "calibration.not_binding", [r.name for r in rules if r.decision.gives_up]
        if not stops:
            found = f"found {shown(named)}, and no rule stops a trial, an arm or a stratum"
            yield path, f"{found}; leave it out", "rules"
        elif not named:
            yield path, f"names no rule; leave it out, or name one of {one_of(stops)}", "rules"
        for name in named if stops else ():
            if name not in stops:
                yield path, unknown(name, "rules that stop something", stops), "rules"
        yield from _required(pieces, named, path, shown(named))


def _required(pieces: Pieces, left: list[str], path: str, found: str) -> Found:
    """Say where a rule requires one that is left out of the search."""
    for place, rule in pieces.rules_read.items():
        for required in sorted(set(rule.requires or ()) & set(left)):
            yield (
                path,
                f"found {found}, and '{rule.name}' requires '{required}', which cannot be left "
                f"out then",
                place,
            )


def _by_claim(pieces: Pieces) -> Found:
    """Whether there are several claims that could be held one by one."""
    if pieces.calibration is None or not pieces.calibration.by_claim or None in pieces.rules:
        return
    success = pieces.success_rules
    each = any("each" in (q.arm, q.stratum) for rule in success for q in rule.asked)
    path = "calibration.held"
    if pieces.claims is not None:
        yield (
            path,
            'found "by_claim", and [claims] shares a family-wise error; leave one of them out',
        )
    elif pieces.calibration.type_one_error is None:
        yield (
            path,
            'found "by_claim", and no type_one_error is asked for; leave it out',
            "calibration",
        )
    elif len(success) < 2 and not each:
        yield (
            path,
            'found "by_claim", and success makes one claim alone, so that it has no effect; leave '
            "it out",
            "rules",
        )


def _shape(pieces: Pieces) -> Found:
    """Whether there are planned numbers that a shape follows."""
    calibration, looks = pieces.calibration, pieces.looks
    if calibration is None or calibration.shape in (None, "pocock"):
        return
    if looks is not None and looks.given and not looks.counts.of_known:
        known = " or ".join(name for name, scale in SCALES.items() if scale.of_known)
        yield (
            "calibration.shape",
            f"found {shown(calibration.shape)}; it follows the planned numbers of looks by "
            f"{known}, and these are by {looks.scale}: leave it out",
            "looks",
        )


def _further(pieces: Pieces) -> list[str]:
    """Paths of the further claims, which are false in scenarios of any role."""
    return [path for path, rule in pieces.rules_read.items() if rule.decision.at_the_end]


def _has_null(pieces: Pieces) -> bool:
    """Whether there is a truth at which a claim to be calibrated can be false."""
    if not isinstance(pieces.scenarios, dict):
        return True
    tables = {n: table for n, table in pieces.scenarios.items() if isinstance(table, dict)}
    if any(role_of(name, table) == NULL for name, table in tables.items()):
        return True
    rules = [rule for rule in pieces.rules_read.values() if rule.to_calibrate]
    asked = [question for rule in rules for question in rule.asked]
    if any(question.kind.of_several for question in asked):
        return False
    name = calibrated_endpoint(pieces) or ""
    endpoint = pieces.endpoints.get(name)
    if endpoint is None or not asked:
        return True
    levels = all(question.kind.about_levels and question.about == name for question in asked)
    rates = endpoint.binary and levels
    return rates and not never_direct(pieces, name)


def _to_calibrate(pieces: Pieces, rule: Rule, path: str) -> Found:
    """Whether a rule's threshold is one that a type I error decides."""
    key = side_of(rule)
    shares = pieces.claims is not None
    held = shares or (pieces.calibration is not None and pieces.calibration.averaged)
    success = pieces.success_rules
    if rule.decision.gives_up:
        yield from _stop_to_calibrate(pieces, rule, path, key)
    elif not (rule.decision.claims and (held or rule.decision.ends == SUCCESS)) or key == "below":
        yield (
            f"{path}.{key}",
            'found "calibrate"; it is for the `at_least` of a rule that declares success (or of a '
            "claim to which [claims] gives a share, or of which [calibration] wants an average), "
            "since its errors decide it, or of one that stops for futility or safety, drops an arm "
            "or closes a stratum; write a number",
            f"{path}.then",
        )
    elif shares and rule.decision.ends == SUCCESS and len(success) > 1:
        yield (
            f"{path}.{key}",
            'found "calibrate" for one of several rules that declare success, each for a share of '
            "its own; one threshold for success is searched: write numbers in these rules",
            "claims",
        )
    elif rule.jointly is not None and shares:
        yield (
            f"{path}.{key}",
            'found "calibrate" for several questions at once, and [claims] shares the error; '
            "write a number here",
            "claims",
        )
    elif rule.predictive is not None:
        yield (
            f"{path}.{key}",
            'found "calibrate" for a predictive rule; calibrate the rule that it predicts, and '
            "write a number here",
            f"{path}.posterior",
            f"{path}.predictive",
        )
    elif rule.every is not None:
        yield _not_between(path)


def _one_of_several(pieces: Pieces, rule: Rule, part: Comparing, path: str) -> Found:
    """Whether the threshold of one of several questions can be found from the type I error."""
    key = side_of(part)
    asked = pieces.calibration
    found = 'found "calibrate" for one of several questions'
    beside = {
        "[claims] shares the error": ("claims", pieces.claims is not None),
        "`every` judges the rule between looks": (f"{path}.every", rule.every is not None),
    }
    if asked is not None:
        beside |= {
            "calibration.shares gives each rule its own": (
                "calibration.shares",
                asked.shares is not None,
            ),
            "calibration.spend spends it by look": ("calibration.spend", asked.spend is not None),
            "averages are wanted": ("calibration.design_prior", asked.averaged),
        }
    if rule.decision.ends != SUCCESS or key == "below":
        yield (
            f"{path}.{key}",
            f"{found}; there it is for the `at_least` of a rule that declares success, which its "
            f"type I error decides: write a number",
            f"{path}.then",
        )
    elif part.predictive is not None:
        yield (
            f"{path}.{key}",
            f"{found}, which is predictive; calibrate the rule that it predicts, and write a "
            f"number here",
            f"{path}.predictive",
        )
    for why, (ground, so) in beside.items():
        if so:
            yield f"{path}.{key}", f"{found}, and {why}; write a number here", ground


def _stop_to_calibrate(pieces: Pieces, rule: Rule, path: str, key: str) -> Found:
    """Whether the threshold of a rule that stops can be found for its false stops."""
    wanted = (pieces.calibration.false_stop or {}) if pieces.calibration is not None else {}
    if pieces.claims is not None:
        yield (
            f"{path}.{key}",
            'found "calibrate" for a stop, and [claims] shares the error; the thresholds of claims '
            "are searched with stops that are numbers: write a number",
            "claims",
        )
    elif pieces.calibration is not None and rule.name not in wanted:
        yield (
            f"{path}.{key}",
            f'found "calibrate", and nothing says for what; write [calibration] false_stop.'
            f'{rule.name} = {{ at_most = 0.05, scenarios = ["expected"] }}: how often it may stop '
            f"a trial, and in which scenarios that is false; or a number",
            "calibration.false_stop",
        )
    if rule.posterior is None and rule.predictive is None:
        yield (
            f"{path}.{key}",
            'found "calibrate" for several questions; one number is searched, of a rule that asks '
            "a single one: write a number here",
        )
    if rule.every is not None:
        yield _not_between(path)


def _not_between(path: str) -> tuple[str, str]:
    """Say that a threshold to be found is for the looks alone."""
    return (
        f"{path}.every",
        'a threshold that is "calibrate" is found for the looks; leave `every` out, or write a '
        "number as the threshold",
    )


def _false_stops(pieces: Pieces) -> Found:
    """Whether what false stops are wanted of are rules that stop, and scenarios that are there."""
    wanted = (pieces.calibration.false_stop or {}) if pieces.calibration is not None else {}
    if None in pieces.rules:
        return
    stops = [rule.name for rule in pieces.rules_read.values() if rule.decision.gives_up]
    known = list(pieces.scenarios) if isinstance(pieces.scenarios, dict) else []
    for name, one in wanted.items():
        path = path_to("calibration.false_stop", name)
        if name not in stops:
            yield (
                path,
                f"no rule that stops a trial, an arm or a stratum{meant(name, stops)}; there are "
                f"{one_of(stops) or 'none'}",
                "rules",
            )
        if not one.scenarios:
            yield f"{path}.scenarios", "names no scenario in which a stop would be false"
        for scenario in one.scenarios:
            if known and scenario not in known:
                yield (
                    f"{path}.scenarios",
                    f"no scenario '{scenario}'{meant(scenario, known)}; there are {one_of(known)}",
                    "scenarios",
                )
