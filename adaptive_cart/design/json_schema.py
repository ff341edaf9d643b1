"""The JSON Schema of a design file, for editors: of the classes, and of what no class says."""

from __future__ import annotations

from typing import Any

from adaptive_cart.courses.tables import COMMON, ArmCourse, Hazard
from adaptive_cart.design.accrual import Accrual
from adaptive_cart.design.correlations import CORRELATION
from adaptive_cart.design.design import Design
from adaptive_cart.design.look_scales import NUMBERS, SCALES
from adaptive_cart.design.mixtures import MIXTURE
from adaptive_cart.design.products import PRODUCTS
from adaptive_cart.design.scenario_frame import SAME_AS
from adaptive_cart.design.trends import KEYS, TIME_TREND
from adaptive_cart.endpoints import KINDS as ENDPOINTS
from adaptive_cart.nouns.distributions import EventTime
from adaptive_cart.nouns.mixture import Share
from adaptive_cart.nouns.parts import Part
from adaptive_cart.nouns.roles import ROLES
from adaptive_cart.nouns.time_trend import TimeTrend

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """JSON Schema of a design file, for editors: keys, types, ranges and what each key means."""
    document: dict[str, Any] = _without_null(Design.model_json_schema(by_alias=True))
    definitions = document["$defs"]
    for part in (ArmCourse, Hazard):
        inner = part.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
        definitions.update(_without_null(inner.pop("$defs", {})))
        definitions.setdefault(part.__name__, _without_null(inner))
    for name, keys in _EXACTLY_ONE.items():
        definitions[name]["allOf"] = [
            {"oneOf": [{"required": [key]} for key in choice]} for choice in keys
        ]
    _looks_together(definitions["Looks"])
    definitions["Arm"]["properties"]["product"]["enum"] = list(PRODUCTS)
    _add_truth(document)
    for name, least in (("arms", 1), ("strata", 1), ("endpoints", 1), ("scenarios", 1)):
        document["properties"][name]["minProperties"] = least
    # an arm alone is nobody's control
    document["properties"]["arms"]["if"] = {"maxProperties": 1}
    alone = {"properties": {"control": {"const": False}}}
    document["properties"]["arms"]["then"] = {"additionalProperties": alone}
    document["properties"]["rules"]["minItems"] = 1
    for place, text in _HOVER.items():
        name, _, key = place.rpartition(".")
        (definitions[name] if name else document)["properties"][key]["description"] = text
    document = _told_apart(document, document["$defs"])
    document["$schema"] = DIALECT
    document["title"] = "adaptive_cart design"
    return document


def schema_of_part(part: type[Part], title: str) -> dict[str, Any]:
    """JSON Schema of another file that is read as tables, its unions told apart as a design's."""
    document: dict[str, Any] = _without_null(part.model_json_schema(by_alias=True))
    document = _told_apart(document, document["$defs"])
    return document | {"$schema": DIALECT, "title": title}


def _looks_together(looks: dict[str, Any]) -> None:
    """Make it one scale alone, or a number and months with the word that says which decides."""

    def without(*keys: str) -> dict[str, Any]:
        return {"not": {"anyOf": [{"required": [key]} for key in keys]}}

    alone = [
        {"required": [scale], **without(*(key for key in SCALES if key != scale), "whichever")}
        for scale in SCALES
    ]
    numbers = [{"required": [scale]} for scale in NUMBERS]
    looks["oneOf"] = [*alone, {"required": ["months", "whichever"], "oneOf": numbers}]


def _without_null(document: Any) -> Any:
    """Leave out ``null``, which TOML has not."""
    if isinstance(document, list):
        return [_without_null(item) for item in document]
    if not isinstance(document, dict):
        return document
    result = {key: _without_null(value) for key, value in document.items() if value is not None}
    choices = [choice for choice in result.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        del result["anyOf"]
        return {**choices[0], **result}
    return {**result, "anyOf": choices} if choices else result


_TAGS = ("type", "model", "dist", "method")  # keys that say which of several tables is meant


def _told_apart(part: Any, definitions: dict[str, Any]) -> Any:
    """Choose among tables by the key that tells them apart.

    An editor then underlines the wrong key of the table that is meant; of "one of these" it could
    only say that none fits.
    """
    if isinstance(part, list):
        return [_told_apart(item, definitions) for item in part]
    if not isinstance(part, dict):
        return part
    result = {key: _told_apart(value, definitions) for key, value in part.items()}
    for key in ("oneOf", "anyOf"):
        names = [str(item.get("$ref", "")).rpartition("/")[2] for item in part.get(key, ())]
        tagged = _by_tag(names, definitions)
        if tagged is not None:
            return {**{k: v for k, v in result.items() if k != key}, **tagged}
    return result


def _by_tag(names: list[str], definitions: dict[str, Any]) -> dict[str, Any] | None:
    """The choice among tables as ``if`` and ``then``; nothing where no key tells them apart."""

    def words_of(name: str, tag: str) -> str | None:
        property_ = definitions.get(name, {}).get("properties", {}).get(tag, {})
        word = property_.get("const")
        return word if isinstance(word, str) else None

    for tag in _TAGS:
        words = {name: words_of(name, tag) for name in names}
        known = {name: word for name, word in words.items() if word is not None}
        others = [name for name in names if name not in known]
        if len(known) < 2 or len(others) > 1:
            continue
        whole: dict[str, Any] = {
            "type": "object",
            "properties": {tag: {"enum": list(known.values())}},
            "allOf": [
                {
                    "if": {"properties": {tag: {"const": word}}, "required": [tag]},
                    "then": {"$ref": f"#/$defs/{name}"},
                }
                for name, word in known.items()
            ],
        }
        usual = [n for n in known if tag not in definitions[n].get("required", ())] + others
        if usual:  # the one that does not have to say which it is
            rest = {"if": {"not": {"required": [tag]}}, "then": {"$ref": f"#/$defs/{usual[0]}"}}
            whole["allOf"].append(rest)
        else:
            whole["required"] = [tag]
        return whole
    return None


_EXACTLY_ONE = {
    "PosteriorQuestion": (("endpoint", "utility"),),
    **{kind.__name__: (kind.either,) for kind in EventTime.__subclasses__() if kind.either},
    **dict.fromkeys(
        ("Rule", "Condition"),
        (
            ("posterior", "predictive", "jointly", "all", "any"),
            ("at_least", "below", "all", "any"),
        ),
    ),
}


def _add_truth(document: dict[str, Any]) -> None:
    """Say what ``[truth]`` and a scenario may hold: courses by arm, or values of an endpoint.

    Names are free, so a table is taken for a course if any key of a course is in it.
    """
    definitions = document["$defs"]
    course_keys = list(definitions["ArmCourse"]["properties"])
    onset = definitions["Remission"]["properties"]["onset"]
    distribution = {"oneOf": onset["oneOf"]}
    parameters: dict[str, Any] = {}
    for choice in onset["oneOf"]:
        parameters |= definitions[choice["$ref"].rpartition("/")[2]]["properties"]
    parameters.pop("dist")
    definitions["Parameters"] = {
        "description": "Some parameters of the distribution that this table is laid over.",
        "type": "object",
        "properties": parameters,
        "additionalProperties": False,
        "minProperties": 1,
    }
    _add_changes(definitions)
    number = {"type": "number", "minimum": 0}
    tables = _add_tables_of_endpoints(definitions)
    taken = [*course_keys, "dist", "probability", "onset", "per_year", "failure", "delay"]
    taken += [key for table in tables for key in definitions[table]["properties"]]
    value = [number, distribution, *({"$ref": f"#/$defs/{table}"} for table in tables)]
    shares = {
        "type": "object",
        "minProperties": 2,
        "propertyNames": {"not": {"enum": [key for key in taken if key not in course_keys]}},
        "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1},
    }
    by_stratum = {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"not": {"enum": taken}},
        "additionalProperties": {"anyOf": [*value, shares]},
    }
    alike = {
        "type": "object",
        "properties": {
            SAME_AS: {"type": "string", "description": "Arm in which the same is true."}
        },
        "required": [SAME_AS],
        "additionalProperties": False,
    }
    definitions["EndpointTruth"] = {
        "description": "An endpoint's truth by arm: a probability, a yearly rate, a distribution "
        "of the time, a table of scores, a probability of each category; a table of these by "
        "stratum; or the arm that it is the same as.",
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"not": {"enum": course_keys}},
        "additionalProperties": {"anyOf": [*value, shares, by_stratum, alike]},
    }
    hazards = {key: {"$ref": "#/$defs/Hazard"} for key in COMMON}
    for name, course in (("Truth", "ArmCourse"), ("Scenario", "ArmCourseChange")):
        definitions[name] = {
            "type": "object",
            "properties": dict(hazards),
            "additionalProperties": {
                "type": "object",
                "if": {"anyOf": [{"maxProperties": 0}, *({"required": [k]} for k in course_keys)]},
                "then": {"$ref": f"#/$defs/{course}"},
                "else": {"$ref": "#/$defs/EndpointTruth"},
            },
        }
        definitions[name]["properties"][CORRELATION] = {
            "description": "How two scores of a participant correlate, by the names of both: "
            "mgadl.qmg = 0.6; independent if left out.",
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {
                    "type": "number",
                    "exclusiveMinimum": -1,
                    "exclusiveMaximum": 1,
                },
            },
        }
        definitions[name]["properties"][TIME_TREND] = {
            "description": "How the probability, the rate or the mean change of an endpoint, said "
            "directly, drifts with the month of randomisation: one trend for all arms, or one an "
            "arm.",
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "if": {"anyOf": [{"required": [key]} for key in KEYS]},
                "then": {"$ref": "#/$defs/TimeTrend"},
                "else": {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": {"$ref": "#/$defs/TimeTrend"},
                },
            },
        }
        definitions[name]["properties"][MIXTURE] = {
            "description": "Parts of the participants who fare otherwise, by name: the share that "
            "belongs to each, and what differs in it, written as in a scenario.",
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"$ref": "#/$defs/MixturePart"},
        }
    shared = Share.model_json_schema(ref_template="#/$defs/{model}")
    definitions.update({key: _without_null(of) for key, of in shared["$defs"].items()})
    definitions["MixturePart"] = {
        "description": "Participants who fare otherwise: how many they are, and what differs.",
        "type": "object",
        "properties": {**hazards, **shared["properties"]},
        "additionalProperties": definitions["Scenario"]["additionalProperties"],
    }
    definitions["TimeTrend"] = _without_null(TimeTrend.model_json_schema())
    definitions["Truth"]["description"] = "The participant course that every scenario starts from."
    definitions["Scenario"]["description"] = "What differs from [truth] in this scenario."
    definitions["Scenario"]["properties"]["role"] = {"enum": list(ROLES)}
    accrual = Accrual.model_json_schema(ref_template="#/$defs/{model}")
    accrual.pop("$defs")
    definitions["Accrual"] = _without_null(accrual)
    definitions["Scenario"]["properties"]["enrolment"] = {"$ref": "#/$defs/Accrual"}
    visits = definitions["FollowUp"]
    definitions["FollowUpChange"] = {  # the window is the protocol's
        **visits,
        "properties": {key: v for key, v in visits["properties"].items() if key != "window"},
    }
    definitions["Scenario"]["properties"]["follow_up"] = {"$ref": "#/$defs/FollowUpChange"}
    properties = document["properties"]
    properties["truth"] = {"$ref": "#/$defs/Truth"}
    properties["scenarios"] = {
        "type": "object",
        "additionalProperties": {"$ref": "#/$defs/Scenario"},
    }


def _add_tables_of_endpoints(definitions: dict[str, Any]) -> list[str]:
    """Add the tables that are said directly of an endpoint; a scenario may change one key of one.

    Returns their names.
    """
    kinds = [kind.direct for kind in ENDPOINTS.values() if kind.direct is not None]
    values = [value for kind in kinds for value in (kind.value, *kind.tables)]
    tables = [v for v in values if isinstance(v, type) and issubclass(v, Part)]
    for table in tables:
        described = _without_null(table.model_json_schema(ref_template="#/$defs/{model}"))
        definitions.update(described.pop("$defs", {}))
        del described["required"]
        definitions[table.__name__] = described
    return [table.__name__ for table in tables]


def _add_changes(definitions: dict[str, Any]) -> None:
    """Add the course as a scenario or a stratum may change it: one parameter is enough."""
    course = {"ArmCourse", *ArmCourse.model_json_schema()["$defs"]}
    changing = sorted(name for name in course if "required" not in definitions[name])

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(item) for item in value]
        if not isinstance(value, dict):
            return value
        result = {key: changed(item) for key, item in value.items()}
        name = str(value.get("$ref", "")).rpartition("/")[2]
        if name in changing:
            result["$ref"] = f"#/$defs/{name}Change"
        if "oneOf" in result:  # a distribution
            result["anyOf"] = [*result.pop("oneOf"), {"$ref": "#/$defs/Parameters"}]
        return result

    for name in changing:
        definitions[f"{name}Change"] = changed(definitions[name])
    definitions["ArmCourse"]["properties"]["strata"]["additionalProperties"] = {
        "$ref": "#/$defs/ArmCourseChange"
    }


# What an editor shows for a key, where the class of its table does not say it.
_HOVER = {
    "name": "The design in one line, for tables and reports.",
    "description": "More about the design, in free text.",
    "arms": "The arms by name; exactly one has `control = true`.",
    "strata": "Optional: strata by name with their share of enrolment; the shares sum to 1.",
    "randomisation": "Permuted blocks (default) or response-adaptive randomisation.",
    "endpoints": "The endpoints by name; the first is primary unless one says `primary = true`.",
    "analysis": "Analysis by endpoint; a binary one without it has a Beta(1, 1) in every arm.",
    "external": "Data of participants whom nobody randomised here, by name.",
    "utility": "Weights by endpoint: what one unit of it is worth, an event rate's a year.",
    "prediction": "Months before the one analysed whose states tell what will be seen at it.",
    "enrolment": "How many participants, and how fast they come.",
    "looks": "When data are looked at: observed, enrolled, events or months; or with months.",
    "rules": "Rules, judged at every look in the order written; write each as [[rules]].",
    "multiarm": "When a trial of several experimental arms ends.",
    "first_part": "A lead-in or dose-finding part, before participants are randomised against the "
    "control.",
    "crossover": "Participants of one arm who take the other arm's treatment later.",
    "adjusted_estimates": "Estimates corrected for the stop, told beside the estimate.",
    "costs": "Costs as an outcome: of a participant and of a year in remission, by arm.",
    "follow_up": "Visits at which states are seen, and how late what is seen is known.",
    "long_term_follow_up": "Years of follow-up after the trial, and what is counted in them.",
    "truth": "The participant course, or truth by endpoint, that every scenario starts from.",
    "scenarios": "Truths to simulate: what differs from [truth] in each.",
    "design_prior": "How probable each scenario is held to be: what averages are taken over.",
    "sensitivity": "By key: values that `adaptive-cart sweep` sets it to, one at a time.",
    "claims": "How success and further claims share the family-wise error, and pass it on.",
    "calibration": 'What thresholds that are "calibrate" are set for.',
    "simulation": "Number of simulated trials, and the seed.",
    "Arm.control": "True for the control, one arm at most; without one, arms against numbers.",
    "Arm.product": "Kind of treatment; brings default delay to infusion and loss before it.",
    "Arm.allocation": "Allocation ratio: participants in this arm for each share (default 1).",
    "Arm.label": "Name for tables and figures.",
    "PermutedBlocks.method": "Permuted blocks, within strata.",
    "PermutedBlocks.block": "Participants in a block; else the smallest that fits the ratio.",
    "ResponseAdaptive.method": "Weights by P(the arm is the best of the experimental arms)^power.",
    "ResponseAdaptive.power": "Exponent of P(best): 0 keeps the shares equal, 1 follows it.",
    "ResponseAdaptive.minimum": "Least share of an arm that is still enrolling.",
    "ResponseAdaptive.control": "The control's share, if any: that of the largest arm, or fixed.",
    "ResponseAdaptive.burn_in": "Equal shares until this many are randomised.",
    "Enrolment.max_n": "Most participants randomised, all arms together.",
    "Enrolment.per_month": "Participants a month, a ramp { ramp_months, plateau }, or pieces "
    "[{ from, rate }, …].",
    "Accrual.per_month": "Participants a month, a ramp { ramp_months, plateau }, or pieces "
    "[{ from, rate }, …].",
    "Enrolment.arrivals": "Random arrivals (poisson, default), or the expected times (regular).",
    "Enrolment.after_closing": "Arrivals of a closed stratum go to the others, or are lost (keep).",
    "Ramp.ramp_months": "Months over which the intensity rises from zero to the plateau.",
    "Looks.observed": "Looks when so many (of a stratum) have passed the primary's month.",
    "Looks.enrolled": "Looks when so many (of a stratum) are randomised.",
    "Looks.events": "Looks when so many events (of an endpoint, a stratum) have happened.",
    "Looks.months": "Looks at these months since the trial opened.",
    "Looks.final": 'One more look, "final" in a rule, when everybody randomised is observed.',
    "Rule.name": "Name of the rule, in results and for predictive rules.",
    "Rule.then": "What follows when the rule holds; the first that ends the trial wins.",
    "Rule.posterior": "Asks for P(arm - minus > above | data), or about the arm alone.",
    "Rule.predictive": "Asks how probable it is that another rule holds at the last look.",
    "Rule.at_least": 'Holds at or above: numbers, "calibrate", or by { alpha = … }.',
    "Rule.below": 'Holds below: a number, one for each look, or "calibrate".',
    "Rule.jointly": "Asks how probable it is that several things are so at once: questions.",
    "Condition.jointly": "Asks how probable it is that several things are so at once.",
    "Rule.all": "Several questions, each with its own comparison, that must all hold; they nest.",
    "Rule.any": "Several questions, each with its own comparison, of which one must hold.",
    "Rule.requires": "Of a claim: rules that must have held before of the same target.",
    "Rule.followed_up": "Of a claim: judge it again when the pipeline has been followed up.",
    "Condition.posterior": "Asks for P(arm - minus > above | data), or about the arm alone.",
    "Condition.predictive": "Asks how probable it is that another rule holds at the last look.",
    "Condition.at_least": "Holds at or above: a number, or one for each look.",
    "Condition.below": "Holds below: a number, or one for each look.",
    "Condition.all": "Several questions that must all hold.",
    "Condition.any": "Several questions of which one must hold.",
    "Rule.looks": 'Looks it is judged at, from 1; "final" is the last. All if left out.',
    "PosteriorQuestion.endpoint": "Name of the endpoint; or write `utility`.",
    "PosteriorQuestion.arm": 'Name of an arm, or "each" for every experimental arm in turn.',
    "PosteriorQuestion.minus": "Arm that is subtracted; without it, about the arm alone.",
    "PosteriorQuestion.above": "P(quantity > this).",
    "PosteriorQuestion.below": "P(quantity < this).",
    "PosteriorQuestion.stratum": 'A stratum, "each" open one in turn, or "open": all, by shares.',
    "EarlyMonths.from": "Months before the one analysed, whose states tell.",
    "PredictiveQuestion.rule": "Name of the rule whose condition is predicted.",
    "PredictiveQuestion.with": "With max_n participants (default), or with those enrolled now.",
    "MultiArm.ends": "At the first success, or when every arm is resolved.",
    "Crossover.from": "Arm that participants leave.",
    "Crossover.to": "Arm whose treatment they take.",
    "Crossover.after_month": "Months after randomisation from which they may; a reason waits.",
    "Crossover.strategy": "Crossing over is non-response, or is ignored (treatment policy).",
    "Calibration.type_one_error": "Probability of a false success, at most, in the worst case.",
    "Calibration.design_prior": "Design prior over which the next three are averaged.",
    "Calibration.false_discovery": "P(the claim is false | success), at most.",
    "Calibration.correct_decision": "P(a correct decision), at least.",
    "Calibration.expected_loss": "What errors cost; the smallest mean loss is sought.",
    "Calibration.averages": "By rule: what is wanted of its own claim, with its own threshold.",
    "Averages.false_discovery": "P(its claim is false | it is made), at most.",
    "Averages.correct_decision": "P(it is made and true, or neither), at least.",
    "Averages.expected_loss": "What its errors cost; the smallest mean loss is sought.",
    "Losses.false_success": "A success whose claim is false.",
    "Losses.missed": "No success, although the claim is true.",
    "Calibration.null_region": "Ranges: control rates (else all), numbers of null scenarios.",
    "Calibration.confidence": "Upper 95% bound of a simulated error (default), or its estimate.",
    "Calibration.shape": "One threshold for all looks (default), or stricter at early ones.",
    "Calibration.held": "The error of any claim (default), or that of each claim by itself.",
    "Calibration.spend": "Type I error up to each look; a threshold for each is found.",
    "Calibration.shares": "By rule for success: its share, for a threshold of its own; sum to 1.",
    "Calibration.false_stop": "By rule that stops something, with `calibrate`: its false stops.",
    "FalseStop.at_most": "Probability of a stop by the rule, at most, in each of the scenarios.",
    "FalseStop.scenarios": "Scenarios in which a stop is false.",
    "Calibration.futility": "Futility rules act in the search (default), or are left out of it.",
    "Calibration.not_binding": "Other rules that may be overruled: left out of the search.",
    "Simulation.trials": "Simulated trials a scenario (default 10 000).",
    "Simulation.seed": "Seed of the random numbers.",
    "Landmark.type": "In a state at a month after randomisation.",
    "Landmark.month": "Months after randomisation.",
    "Landmark.state": "Drug-free remission (default), or remission with or without drugs.",
    "Landmark.all": "States and scores that must hold together at the month, instead of `state`.",
    "ScoreBound.score": "Name of the `continuous` endpoint.",
    "ScoreBound.at_most": "The score is this or lower (not its change).",
    "ScoreBound.at_least": "The score is this or higher (not its change).",
    "Landmark.missing": "What becomes of those who dropped out before the month.",
    "Strategies.not_infused": "Part of the arm's strategy, or only the infused are analysed.",
    "Strategies.rescue": "Non-response, ignored, or nothing counts from then on (hypothetical).",
    "Strategies.redosing": "Part of the arm's strategy (default), or composite: it is failure.",
    "Strategies.crossover": "The same; as [crossover] has it if left out.",
    "Strategies.dropout": "Said by `missing`; refused here.",
    "Strategies.death": "Non-response, always.",
    "Continuous.type": "The change of a score from baseline at a visit.",
    "Continuous.missing": "What becomes of those who left before the month.",
    "TimeToEvent.type": "Months to an event, or to the first of several that the course has.",
    "TimeToEvent.horizon": "Censored this many months after the time began, at its `clock`.",
    "TimeToRelapse.type": "Months from first drug-free remission to its loss, remitters only.",
    "TimeInRemission.type": "Months in drug-free remission within the horizon, everybody.",
    "TimeInRemission.horizon": "Months after randomisation.",
    "RestrictedMeanAnalysis.model": "Mean months of each arm, normal with unknown spread.",
    "AdverseEvent.type": "An adverse event within a window after infusion, infused participants.",
    "AdverseEvent.within_months": "Length of the window after infusion, in months.",
    "EventRate.type": "Events per patient-year of follow-up, everybody.",
    "BetaBinomialAnalysis.model": "Independent binomial arms.",
    "BetaBinomialAnalysis.prior": "A beta for every arm, or by arm a beta or a mixture of betas.",
    "BetaPrior.a": "Prior responders.",
    "BetaPrior.b": "Prior non-responders.",
    "BetaMixturePrior.mixture": "Components whose weights sum to 1.",
    "BetaComponent.weight": "Weight of the component.",
    "BetaComponent.a": "Prior responders.",
    "BetaComponent.b": "Prior non-responders.",
    "LogisticAnalysis.model": "Treatment, stratum and their interaction on the logit.",
    "HierarchicalLogisticAnalysis.model": "Log-odds ratios of strata around a common mean.",
    "PiecewiseExponentialAnalysis.model": "Proportional hazards over a baseline in pieces.",
    "StratifiedPiecewiseExponentialAnalysis.model": "Strata with baseline hazards of their own.",
    "WeibullCureAnalysis.model": "A cured fraction, and Weibull relapse times for the others.",
    "GammaPoissonAnalysis.model": "Events by patient-years in each arm.",
    "GammaPoissonAnalysis.prior": "A gamma for every arm, or by arm, a mixture, or borrowed.",
    "GammaMixturePrior.mixture": "Components whose weights sum to 1.",
    "GammaComponent.weight": "Weight of the component.",
    "GammaComponent.a": "Prior events.",
    "GammaComponent.b": "Prior years.",
    "PooledRates.a": "Prior events, without what is borrowed.",
    "PooledRates.b": "Prior years, without what is borrowed.",
    "PowerRates.a": "Prior events, without what is borrowed.",
    "PowerRates.b": "Prior years, without what is borrowed.",
    "PooledHazard.a": "Prior events, without what is borrowed.",
    "PooledHazard.b": "Prior months, without what is borrowed.",
    "PowerHazard.a": "Prior events, without what is borrowed.",
    "PowerHazard.b": "Prior months, without what is borrowed.",
    "ProportionsTestAnalysis.model": "Pooled z test of two proportions; no prior, 1 − p.",
    "LogrankTestAnalysis.model": "Logrank test and Cox's hazard ratio; no prior, 1 − p.",
    "SharedError.alpha": "By rule: its share of the family-wise error; the shares sum to it.",
    "SharedError.passes_to": "By rule: the parts of its alpha that pass to others once it holds.",
    "ByAlpha.alpha": "Amounts of alpha that the claim can come to hold, rising.",
    "ByAlpha.threshold": "The threshold for each amount.",
    "AlphaSpending.alpha": "One-sided type I error of the comparison, over all looks.",
    "AlphaSpending.spending": "O'Brien-Fleming-type spending (default), or Pocock-type.",
    "Hazard.per_year": "Events per year.",
    "Infusion.failure": "Probability of never being infused; else the product's.",
    "Infusion.delay": "Months from randomisation to infusion; else the product's.",
    "Remission.probability": "Probability of remission.",
    "Remission.onset": "Months to its onset, after infusion (after randomisation if not infused).",
    "Remission.again": "Drug-free remission that comes again after a relapse.",
    "RemissionOnDrugs.probability": "Probability of remission on background drugs.",
    "RemissionOnDrugs.onset": "Months from randomisation to its onset.",
    "Durability.cured": "Fraction of remitters who never relapse.",
    "Durability.relapse": "Months from onset to relapse, of the others.",
    "ArmCourse.infusion": "Delay to infusion, and probability of never being infused.",
    "ArmCourse.remission": "Drug-free remission: probability and onset.",
    "ArmCourse.durability": "How long drug-free remission lasts.",
    "ArmCourse.remission_on_drugs": "Remission that is not drug-free: probability and onset.",
    "ArmCourse.redosing": "Another infusion at a relapse, or where no remission has come.",
    "ArmCourse.taper": "Background drugs that end after the infusion; no remission before.",
    "ArmCourse.washout": "Background drugs that are stopped before the infusion, which waits.",
    "ArmCourse.rescue": "Rescue immunosuppression, a hazard outside drug-free remission.",
    "ArmCourse.dropout": "Dropout, a hazard from randomisation.",
    "ArmCourse.death": "Death, a hazard from randomisation.",
    "ArmCourse.events": "Probability of each adverse event within its endpoint's window.",
    "ArmCourse.scores": "Scores by the state of a participant at the visit.",
    "ArmCourse.rates": "Events per patient-year from randomisation.",
    "Truth.dropout": "Dropout in every arm that does not say its own.",
    "Truth.death": "Death in every arm that does not say its own.",
    "Scenario.enrolment": "How fast participants come in this scenario, laid over [enrolment].",
    "Scenario.follow_up": "Visits and delays in this scenario, laid over [follow_up].",
    "Scenario.role": "null, alternative (default) or robustness; one called null is a null.",
}
