"""What the measures of the results table are called in prose, by their names in the file."""

from __future__ import annotations

from adaptive_cart.decisions import NO_SUCCESS, STOPS
from adaptive_cart.design.design import Design
from adaptive_cart.results.operating import AS_OBSERVED, CONDITIONAL

PLAIN = {
    "success": "success",
    **{ending.measure: f"the trial {ending.does}" for ending in STOPS},
    "stop_between": "ended between looks",
    NO_SUCCESS.measure: NO_SUCCESS.label,
    "reversal": "success reversed by the pipeline",
    "false_success": "false success",
    "any_false_claim": "any false claim, successes counted in",
    "any_false_claim_final": "any false claim, at the end or with the pipeline followed up",
    "arm_success": "success of the arm or stratum",
    "arm_share": "share of those randomised",
    "arm_dropped": "arm dropped",
    "stratum_closed": "stratum closed",
    "best_selected": "the best arm selected",
    "estimand": "true value of the estimand",
    "bias": "bias of the estimate",
    "rmse": "root mean squared error",
    "coverage": "coverage of the interval",
    "bias_given_stop": "bias, given the end",
    "cost_participant": "cost of a participant",
    "cost_remission_year": "cost of a year in remission",
    "cost_remission_year_gained": "cost of a year in remission gained",
    "overestimated": "estimate above the true value",
    "failed": "posterior not computed",
}
COUNTS = {
    "cost_trial": "cost of those randomised",
    "n_screened": "number screened",
    "n_randomised": "number randomised",
    "n_analysed": "number analysed",
    "n_infused": "number infused",
    "months": "months to the end",
}
PARTS = {
    "mean": "mean",
    "sd": "standard deviation",
    "p05": "percentile 5",
    "p50": "median",
    "p95": "percentile 95",
}
CLAIMS = {
    "claimed_final_": "claimed by {rule}, pipeline followed up",
    "claimed_": "claimed by {rule}",
    "false_claim_final_": "falsely claimed by {rule}, pipeline followed up",
    "false_claim_": "falsely claimed by {rule}",
    "held_": "{rule} held",
}
LONG_TERM = {
    "long_term_years_": "participant-years of long-term follow-up, year {rest}",
    "long_term_bound_": "95% bound of a yearly rate if no event is seen, year {rest}",
    "long_term_events_": "events in long-term follow-up, {rest} (event, year)",
    "long_term_any_": "any event in long-term follow-up, {rest} (event, year)",
}
BESIDE = ", less the control's"  # of a utility
UTILITIES = {
    "expected_utility_": "expected utility {name}, less the control's",
    "expected_benefit_": "expected benefit of {name}, less the control's",
    "expected_harm_": "expected harm of {name}, less the control's",
    "bias_utility_": "bias of the utility {name}",
    "utility_": "true utility {name}, less the control's",
    "benefit_": "true benefit of {name}, less the control's",
    "harm_": "true harm of {name}, less the control's",
}
BORROWED = {
    "borrowed": "participants borrowed",
    "conflict": "conflict with external data (prior predictive p below 0.05)",
}
CORRECTED = {
    "_median_unbiased": "median-unbiased estimate",
    "_conditional": "estimate less its bias given the stop",
    "_skeptical": "estimate under the skeptical prior",
}
FINAL, WITHIN = "_final", "within_error_"


def measure_words(design: Design, measure: str) -> str:
    """Say a measure in words; by its name in the file where it is of another kind."""
    if measure in PLAIN:
        return PLAIN[measure]
    if measure.endswith(FINAL) and measure.removesuffix(FINAL) in PLAIN:
        return f"{PLAIN[measure.removesuffix(FINAL)]}, pipeline followed up"
    if measure.removesuffix(AS_OBSERVED) in CONDITIONAL and measure.endswith(AS_OBSERVED):
        return f"{PLAIN[measure.removesuffix(AS_OBSERVED)]}, external data as observed"
    for suffix, said in CORRECTED.items():
        if measure.endswith(suffix) and measure.removesuffix(suffix) in PLAIN:
            return f"{PLAIN[measure.removesuffix(suffix)]}, {said}"
    for start, said in CLAIMS.items():
        if measure.startswith(start):
            return said.format(rule=measure.removeprefix(start))
    for start, said in LONG_TERM.items():
        if measure.startswith(start):
            return said.format(rest=measure.removeprefix(start).replace("_", " "))
    for start, said in UTILITIES.items():
        if measure.startswith(start) and measure.removeprefix(start) in design.utility:
            words = said.format(name=measure.removeprefix(start))
            return words.removesuffix(BESIDE) if design.control is None else words
    kind, _, rest = measure.partition("_")
    if kind == "decided":
        return f"ended by {rest}"
    if measure.startswith(WITHIN):
        return f"nearer to a threshold of {measure.removeprefix(WITHIN)} than its error"
    if kind == "true" and rest in design.utility:
        return f"true utility {rest}"
    if kind in ("true", "observed") and rest in design.endpoints:
        return f"{kind} value of {design.endpoint_label(rest)}"
    if kind in BORROWED:
        of, _, part = rest.rpartition("_")
        if rest in design.endpoints:
            return f"{BORROWED[kind]}, {design.endpoint_label(rest)}"
        if of in design.endpoints and part in PARTS:
            return f"{BORROWED[kind]}, {design.endpoint_label(of)}, {PARTS[part]}"
    of, _, part = measure.rpartition("_")
    if of in COUNTS and part in PARTS:
        return f"{COUNTS[of]}, {PARTS[part]}"
    return measure
