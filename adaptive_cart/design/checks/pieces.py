"""What every check reads: the tables of a design as far as they could be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.look_scales import NUMBERS, SCALES
from adaptive_cart.design.validation import Faults, meant, path_to, shown
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.errors import one_of
from adaptive_cart.models import AnalysisBase

if TYPE_CHECKING:
    from adaptive_cart.design.adjusted_estimates import AdjustedEstimates
    from adaptive_cart.design.arms import Arm, Crossover
    from adaptive_cart.design.costs import Costs
    from adaptive_cart.design.design import EarlyMonths, Enrolment
    from adaptive_cart.design.design_prior import DesignPrior
    from adaptive_cart.design.error_tables import Calibration, SharedError
    from adaptive_cart.design.first_part import FirstPart
    from adaptive_cart.design.follow_up import FollowUp
    from adaptive_cart.design.long_term import LongTermFollowUp
    from adaptive_cart.design.look_tables import Looks
    from adaptive_cart.design.randomisation import RandomisationBase, ResponseAdaptive
    from adaptive_cart.design.rule_tables import PosteriorQuestion, Rule
    from adaptive_cart.nouns.external import External

SCENARIO_KEYS = (
    "role", "dropout", "death", "enrolment", "follow_up", "correlation", "time_trend", "mixture",
)  # fmt: skip


@dataclass
class Pieces:
    """The tables of a design; nothing stands for one that cannot be read.

    Attributes
    ----------
    rule_names
        Names of the rules as far as they are written; nothing for a rule without.
    faults
        Paths of the faults that the tables have in themselves.
    renamed
        Path to a key as it is written, by path to the key it was taken for.
    """

    arms: Mapping[str, Arm | None] = field(default_factory=dict)
    strata: Mapping[str, float | None] | None = None
    randomisation: RandomisationBase | None = None
    endpoints: Mapping[str, EndpointBase | None] = field(default_factory=dict)
    analysis: Mapping[str, AnalysisBase | None] = field(default_factory=dict)
    external: Mapping[str, External | None] = field(default_factory=dict)
    prediction: Mapping[str, EarlyMonths | None] = field(default_factory=dict)
    utility: Mapping[str, Mapping[str, float] | None] = field(default_factory=dict)
    enrolment: Enrolment | None = None
    looks: Looks | None = None
    rules: Sequence[Rule | None] = ()
    rule_names: Sequence[str | None] = ()
    claims: SharedError | None = None
    first_part: FirstPart | None = None
    crossover: Crossover | None = None
    follow_up: FollowUp | None = None
    long_term: LongTermFollowUp | None = None
    costs: Costs | None = None
    adjusted_estimates: AdjustedEstimates | None = None
    truth: Any = field(default_factory=dict)
    scenarios: Any = field(default_factory=dict)
    design_prior: Mapping[str, DesignPrior | None] = field(default_factory=dict)
    calibration: Calibration | None = None
    faults: Faults = field(default_factory=Faults)
    renamed: dict[str, str] = field(default_factory=dict)

    @property
    def rules_read(self) -> dict[str, Rule]:
        """The rules that could be read, by their paths in the file."""
        return {f"rules[{k}]": rule for k, rule in enumerate(self.rules) if rule is not None}

    @property
    def success_rules(self) -> list[Rule]:
        """Those of them that declare success."""
        return [rule for rule in self.rules_read.values() if rule.decision.ends == SUCCESS]

    @property
    def questions(self) -> list[PosteriorQuestion]:
        """All that they ask."""
        return [asked for rule in self.rules_read.values() for asked in rule.asked]

    @property
    def block(self) -> int | None:
        """Participants in a block, where that is written."""
        return None if self.randomisation is None else self.randomisation.block_given

    @property
    def by_shares(self) -> ResponseAdaptive | None:
        """The rule by which looks renew the shares of the arms, where they do."""
        return None if self.randomisation is None else self.randomisation.by_shares

    @property
    def planned_visits(self) -> bool:
        """Whether states are seen at visits, in all scenarios or in one."""
        own = (table.get("follow_up") for table in self._written if isinstance(table, dict))
        everywhere = self.follow_up is not None and self.follow_up.at_visits
        return everywhere or any(isinstance(t, dict) and "visit_every" in t for t in own)

    def said_directly(self, endpoint: str) -> bool:
        """Whether the truth of an endpoint is said directly, in all scenarios or in one."""
        tables = (self.truth, *self._written)
        return any(isinstance(table, dict) and endpoint in table for table in tables)

    @property
    def _written(self) -> tuple[Any, ...]:
        """Tables of the scenarios, as they are written."""
        return tuple(self.scenarios.values()) if isinstance(self.scenarios, dict) else ()

    @property
    def arm_names(self) -> tuple[str, ...]:
        """The control first, if there is one, then the others in the order written."""
        first = () if self.control is None else (self.control,)
        return (*first, *(name for name in self.arms if name not in first))

    @property
    def control(self) -> str | None:
        """Name of the control; nothing where no arm is one."""
        marked = (n for n, arm in self.arms.items() if arm is not None and arm.control)
        return next(marked, None)

    @property
    def experimental_names(self) -> tuple[str, ...]:
        """Names of the experimental arms, in the order written."""
        return tuple(name for name in self.arms if name != self.control)

    @property
    def comparators(self) -> tuple[str, ...]:
        """External data that a rule compares an arm with, in the order written."""
        others = {name for asked in self.questions for _, name in asked.others}
        return tuple(name for name in self.external if name in others)

    def comparators_of(self, endpoint: str) -> tuple[str, ...]:
        """Those that are data of an endpoint, or that a rule takes for such where it is wrong."""
        found = ((name, self.external[name]) for name in self.comparators)
        taken = {n for one in self.questions if one.about == endpoint for _, n in one.others}
        return tuple(
            name
            for name, data in found
            if (None if data is None else data.endpoint) == endpoint
            or ((data is None or data.endpoint not in self.endpoints) and name in taken)
        )

    @property
    def stratum_names(self) -> tuple[str, ...]:
        """Names of the strata, in the order written."""
        return tuple(self.strata or ())

    @property
    def primary(self) -> str | None:
        """Name of the primary endpoint, if there is any endpoint."""
        marked = [n for n, e in self.endpoints.items() if e is not None and e.primary]
        return next(iter([*marked, *self.endpoints]), None)

    def endpoints_of(self, about: str) -> tuple[str, ...]:
        """Endpoints that a question is about: those that a utility weighs, or the one named."""
        return tuple(self.utility[about] or ()) if about in self.utility else (about,)

    @property
    def number_of_looks(self) -> int | None:
        """How many looks there are, where the table of looks says it."""
        if self.looks is None or self.faults.touch("looks"):
            return None
        whole = self.looks.given and not any(wrong_scales(self.looks))
        return self.looks.number if whole and self.looks.at else None


# path, message, and the places whose faults would make the problem only follow from them
Found = Iterator[tuple[str, ...]]


def wrong_scales(looks: Looks) -> Found:
    """Whether looks are by one number, by months, or by a number and a month together."""
    given = looks.given
    places = [f"looks.{scale}" for scale in SCALES]
    together = len(given) == 2 and SCALES[given[1]].by_calendar
    if together and looks.whichever is None:
        yield (
            "looks",
            f"found {one_of(given)} together; say which of the two decides, whichever = "
            f'"later" or "earlier", or leave one out',
            *places,
            "looks.whichever",
        )
    elif len(given) != 1 and not together:
        found = one_of(given) or "none"
        yield "looks", f"found {found}; exactly one of {one_of(SCALES)} is needed", *places
    elif looks.whichever is not None and not together:
        yield (
            "looks.whichever",
            f'found "{looks.whichever}", and no second date; it is for months beside one of '
            f"{one_of(NUMBERS)}",
            *places,
        )


def unknown(value: str, kind: str, allowed: Iterable[str], also: Sequence[str] = ()) -> str:
    """Tell a name that the design does not have, and those that it has."""
    names = tuple(allowed)
    extra = f"; also allowed: {one_of(also)}" if also else ""
    hint = meant(value, (*names, *also))
    return f"found {shown(value)}{hint}; the {kind} are {one_of(names)}{extra}"


def several(number: int, what: str) -> str:
    """A number of things, in the singular where it is one."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def has_control(pieces: Pieces) -> bool:
    """Whether exactly one arm is the control."""
    return sum(arm is not None and arm.control for arm in pieces.arms.values()) == 1


def has_numbers(data: External, endpoint: EndpointBase | None) -> bool:
    """Whether external data have what an endpoint needs, and contradict nothing."""
    needed = () if endpoint is None else endpoint.gives.external_form(data).keys
    # those of a table contradict each other before there are any numbers
    return bool(needed) and not any(data.faults()) and all(map(data.has, needed))


def without_control(pieces: Pieces) -> bool:
    """Whether no arm is the control, in a design whose arms could all be read."""
    paths = (path_to("arms", name, "control") for name in pieces.arms)
    unread = None in pieces.arms.values() or any(map(pieces.faults.touch, paths))
    return pieces.control is None and bool(pieces.arms) and not unread
