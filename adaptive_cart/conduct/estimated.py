"""What the estimand of a design is called: as a noun, above a column, on an axis."""

from __future__ import annotations

from adaptive_cart.conduct.comparison import wording_of
from adaptive_cart.conduct.plan import compared_by, estimand_of
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.questions import Question


def alone(design: Design) -> bool:
    """Whether what is estimated is of an arm alone, and not compared with another."""
    asked = estimand_of(design)
    return asked is not None and asked.minus is None


def estimand_noun(design: Design) -> str:
    """As a noun: ``difference``, ``hazard ratio``; of an arm alone ``probability``."""
    asked = estimand_of(design)
    if asked is None or asked.minus is not None:
        return compared_by(design).comparison
    return noun_alone(design, asked)


def noun_alone(design: Design, asked: Question) -> str:
    """What is asked of an arm alone, as a noun: ``probability``, ``yearly rate``."""
    wording = wording_of(design, asked.endpoint)
    if asked.of.about_levels:
        return wording.parameter.noun
    return asked.of.noun(asked, wording.endpoint, wording.parameter).removeprefix("the ")


def estimand_pair(design: Design) -> str:
    """The arms that it is of: ``cart − soc``; with several arms ``arm − soc``, alone ``cart``."""
    asked = estimand_of(design)
    labels = [design.arm_label(name) for name in design.compared_names]
    minus = (0 if design.control else None) if asked is None else asked.minus
    own = [labels[arm] for arm in design.experimental if arm != minus]
    arm = own[0] if len(own) == 1 else "arm"
    return arm if minus is None else f"{arm} {compared_by(design).sign} {labels[minus]}"
