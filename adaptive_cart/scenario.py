"""From ``[truth]`` and ``[scenarios.NAME]`` to one complete truth, or to every reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from adaptive_cart.distributions import TimeDistribution
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.errors import Problem, nearest, one_of, shown
from adaptive_cart.parts import NonNegative, Probability
from adaptive_cart.products import PRODUCTS
from adaptive_cart.truth import (
    COMMON,
    DISEASE,
    ArmCourse,
    DiseaseCourse,
    Durability,
    GroupCourse,
    Hazard,
    Remission,
    Truth,
    merged,
    per_month,
)
from adaptive_cart.validation import problems_of_error

ROLES = ("null", "alternative", "robustness")
_VALUE: dict[str, Any] = {
    "probability": Probability,
    "rate": NonNegative,
    "time": TimeDistribution,
}


@dataclass
class Frame:
    """What of a design a scenario is read against.

    Attributes
    ----------
    products
        By arm, control first; nothing where the arm has no product, or an unknown one.
    endpoints
        By name; nothing where the endpoint's own table is wrong.
    """

    arms: tuple[str, ...]
    products: Mapping[str, str | None]
    strata: tuple[str, ...]
    shares: tuple[float, ...]
    endpoints: Mapping[str, EndpointBase | None]
    truth: Mapping[str, Any]
    scenarios: Mapping[str, Any]
    problems: list[Problem] = field(default_factory=list)

    def report(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message))


def role_of(name: str, scenario: Mapping[str, Any]) -> str:
    """Role of a scenario: as written, else ``null`` for the one so called."""
    written = scenario.get("role")
    return str(written) if written is not None else ("null" if name == "null" else "alternative")


def check_names(frame: Frame, where: str, table: Mapping[str, Any]) -> None:
    """Report keys of ``[truth]`` or of a scenario that are neither an arm nor an endpoint."""
    extra = ("role",) if where.startswith("scenarios.") else ()
    known = (*frame.arms, *frame.endpoints, *COMMON, *extra)
    for key, value in table.items():
        if key not in known:
            frame.report(
                f"{where}.{key}",
                f"neither an arm nor an endpoint of this design{nearest(key, known)}; "
                f"arms: {one_of(frame.arms)}; endpoints: {one_of(frame.endpoints)}; "
                f"also allowed: {one_of((*COMMON, *extra))}",
            )
        elif key == "role":
            if value not in ROLES:
                hint = nearest(str(value), ROLES)
                frame.report(
                    f"{where}.role", f"found {shown(value)}{hint}; allowed: {one_of(ROLES)}"
                )
        elif not isinstance(value, dict):
            frame.report(f"{where}.{key}", f"found {shown(value)}; a table is expected")
        elif key in frame.arms:
            _check_arm(frame, f"{where}.{key}", value)
        elif key in COMMON and key not in frame.endpoints:
            _validate(frame, Hazard, value, f"{where}.{key}")
        else:
            _check_direct(frame, f"{where}.{key}", key, value)


def _validate(frame: Frame, kind: Any, value: Any, where: str) -> Any:
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        frame.problems.extend(problems_of_error(error, value, where, root=kind))
        return None


@lru_cache(maxsize=32)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _check_arm(frame: Frame, where: str, table: Mapping[str, Any]) -> None:
    course = _validate(frame, ArmCourse, table, where)
    if course is None:
        return
    if course.same_as is not None:
        if course.same_as not in frame.arms:
            frame.report(
                f"{where}.same_as",
                f"found {shown(course.same_as)}{nearest(course.same_as, frame.arms)}; "
                f"the arms are {one_of(frame.arms)}",
            )
        elif where.endswith(f".{course.same_as}"):
            frame.report(f"{where}.same_as", "an arm cannot be the same as itself")
        both = [key for key in DISEASE if getattr(course, key) is not None]
        if both:
            frame.report(
                where,
                f"'same_as' takes {one_of(both)} from the other arm; leave one of the two out",
            )
    for stratum in course.strata or {}:
        if stratum not in frame.strata:
            frame.report(
                f"{where}.strata.{stratum}",
                f"no stratum of this design{nearest(stratum, frame.strata)}; "
                f"the strata are {one_of(frame.strata) or 'none'}",
            )


def _check_direct(frame: Frame, where: str, endpoint: str, table: Mapping[str, Any]) -> None:
    kind = frame.endpoints[endpoint]
    if kind is None:
        return
    if kind.direct_truth is None:
        frame.report(
            where,
            f"an endpoint of type '{kind.type}' takes its truth from the participants' course "
            f"([truth.ARM]) and not directly",
        )
        return
    expected = _VALUE[kind.direct_truth]
    for arm, value in table.items():
        if arm not in frame.arms:
            frame.report(
                f"{where}.{arm}",
                f"no arm of this design{nearest(arm, frame.arms)}; "
                f"the arms are {one_of(frame.arms)}",
            )
            continue
        if isinstance(value, dict) and "dist" not in value and kind.direct_truth != "time":
            by_stratum = value
        elif isinstance(value, dict) and "dist" not in value and set(value) <= set(frame.strata):
            by_stratum = value
        else:
            _validate(frame, expected, value, f"{where}.{arm}")
            continue
        for stratum, inner in by_stratum.items():
            if stratum not in frame.strata:
                frame.report(
                    f"{where}.{arm}.{stratum}",
                    f"no stratum of this design{nearest(stratum, frame.strata)}; "
                    f"the strata are {one_of(frame.strata) or 'none'}",
                )
            else:
                _validate(frame, expected, inner, f"{where}.{arm}.{stratum}")


def resolve(frame: Frame, name: str) -> Truth | None:
    """Make a scenario complete; problems are added to the frame.

    Call it after :func:`check_names` found nothing wrong in ``[truth]`` and in the scenario.
    """
    scenario = frame.scenarios[name]
    before = len(frame.problems)
    reader = _Reader(frame, name, merged(dict(frame.truth), dict(scenario)))
    courses = reader.courses()
    direct = reader.direct(courses)
    dropout = reader.dropout(courses)
    if len(frame.problems) > before:
        return None
    return Truth(
        name=name,
        role=role_of(name, scenario),
        arms=frame.arms,
        strata=frame.strata or ("",),
        shares=frame.shares,
        courses=courses,
        direct=direct,
        dropout=dropout,
        sources=reader.sources,
    )


class _Reader:
    """Reads one merged scenario; knows where each of its values was written."""

    def __init__(self, frame: Frame, name: str, table: Mapping[str, Any]) -> None:
        self.frame = frame
        self.name = name
        self.table = table
        self.sources: dict[str, str] = {}

    def where(self, *path: str) -> str:
        """Path in the file at which a value stands: the scenario if it is there, else [truth]."""
        inner: Any = self.frame.scenarios[self.name]
        for key in path:
            if not isinstance(inner, dict) or key not in inner:
                inner = None
                break
            inner = inner[key]
        top = f"scenarios.{self.name}" if inner is not None else "truth"
        return ".".join((top, *path))

    def missing(self, arm: str, *path: str, why: str = "") -> None:
        """Report a value that the course of an arm needs and nothing gives."""
        self.frame.report(
            f"truth.{arm}.{'.'.join(path)}", f"missing (scenario '{self.name}' needs it){why}"
        )

    # ── the course ────────────────────────────────────────────────────────────────────────
    def _has_course(self) -> bool:
        keys = {*DISEASE, "infusion", "events", "rates", "same_as", "strata"} - set(COMMON)
        return any(keys & set(self.table.get(arm, {})) for arm in self.frame.arms)

    def courses(self) -> tuple[tuple[GroupCourse, ...], ...] | None:
        if not self._has_course():
            return None
        groups = self.frame.strata or ("",)
        arms = {
            (arm, stratum): self._arm_course(arm, stratum)
            for arm in self.frame.arms
            for stratum in groups
        }
        if any(course is None for course in arms.values()):
            return None
        complete = {key: course for key, course in arms.items() if course is not None}
        result = [
            [self._group(arm, stratum, complete) for stratum in groups] for arm in self.frame.arms
        ]
        if any(group is None for strata in result for group in strata):
            return None
        return tuple(tuple(g for g in strata if g is not None) for strata in result)

    def _arm_course(self, arm: str, stratum: str) -> ArmCourse | None:
        """The merged table of an arm in a stratum, typed."""
        table = dict(self.table.get(arm, {}))
        for key in COMMON:
            if key in self.table and key not in self.frame.endpoints and key not in table:
                table[key] = self.table[key]
        by_stratum = table.pop("strata", {})
        if stratum in by_stratum:
            table = merged(table, by_stratum[stratum])
        if "same_as" in table:
            table = {key: value for key, value in table.items() if key not in DISEASE}
        where = self.where(arm)
        course: ArmCourse | None = _validate(self.frame, ArmCourse, table, where)
        return course

    def _group(
        self, arm: str, stratum: str, courses: Mapping[tuple[str, str], ArmCourse]
    ) -> GroupCourse | None:
        own = courses[arm, stratum]
        disease_arm = own.same_as or arm
        disease = courses[disease_arm, stratum]
        if disease.same_as is not None:
            self.frame.report(
                self.where(arm, "same_as"), f"'{disease_arm}' is itself the same as another arm"
            )
            return None
        product = PRODUCTS.get(self.frame.products.get(arm) or "")
        infused = product.infused if product is not None else own.infusion is not None
        failure, delay = 0.0, None
        if infused:
            given = own.infusion
            source = f"product {self.frame.products[arm]}" if product is not None else "file"
            failure_value = None if given is None else given.failure
            delay_value = None if given is None else given.delay
            self.sources[f"{arm}.infusion.failure"] = "file" if failure_value is not None else source
            self.sources[f"{arm}.infusion.delay"] = "file" if delay_value is not None else source
            if failure_value is None:
                failure_value = 0.0 if product is None else product.failure
            if delay_value is None and product is not None:
                delay_value = product.delay
            if delay_value is None:
                self.missing(arm, "infusion", "delay")
                return None
            failure, delay = failure_value, delay_value
        elif own.infusion is not None:
            self.frame.report(
                self.where(arm, "infusion"),
                f"arm '{arm}' has product '{self.frame.products[arm]}', which is not infused",
            )
            return None
        control = self.frame.arms[0]
        own_disease = self._disease(disease_arm, disease)
        never = self._disease(control, courses[control, stratum]) if infused else own_disease
        if own_disease is None or never is None:
            return None
        drugs = disease.remission_on_drugs or Remission(probability=0.0)
        if drugs.probability is None:
            self.missing(disease_arm, "remission_on_drugs", "probability")
            return None
        if drugs.probability > 0.0 and drugs.onset is None:
            self.missing(disease_arm, "remission_on_drugs", "onset")
            return None
        return GroupCourse(
            infused=infused,
            failure=failure,
            delay=delay,
            own=own_disease,
            never_infused=never,
            from_randomisation=not infused or own.same_as is not None,
            on_drugs=drugs.probability,
            on_drugs_onset=drugs.onset,
            dropout=per_month(disease.dropout),
            death=per_month(disease.death),
            events=own.events or {},
            rates=own.rates or {},
            crossover=0.0 if own.crossover is None else own.crossover.probability,
        )

    def _disease(self, arm: str, course: ArmCourse) -> DiseaseCourse | None:
        fed = any(e is not None and e.fed_by == "remission" for e in self.frame.endpoints.values())
        remission = course.remission
        if remission is None:
            if fed and not self._all_direct("remission"):
                self.missing(arm, "remission")
                return None
            remission = Remission(probability=0.0)
        if remission.probability is None:
            self.missing(arm, "remission", "probability")
            return None
        durability = course.durability or Durability(cured=1.0)
        if remission.probability > 0.0:
            if remission.onset is None:
                self.missing(arm, "remission", "onset")
                return None
            if course.durability is None:
                self.missing(
                    arm,
                    "durability",
                    why="; write { cured = 1.0 } if remission is for ever",
                )
                return None
            if durability.relapse is None and durability.cured != 1.0:
                self.missing(arm, "durability", "relapse")
                return None
        return DiseaseCourse(
            remission=remission.probability,
            onset=remission.onset,
            cured=durability.cured or 0.0,
            relapse=durability.relapse,
            rescue=per_month(course.rescue),
        )

    # ── direct truth ──────────────────────────────────────────────────────────────────────
    def _all_direct(self, feed: str) -> bool:
        return all(
            name in self.table
            for name, endpoint in self.frame.endpoints.items()
            if endpoint is not None and endpoint.fed_by == feed
        )

    def direct(
        self, courses: tuple[tuple[GroupCourse, ...], ...] | None
    ) -> dict[str, tuple[tuple[Any, ...], ...]]:
        found = {}
        for name, endpoint in self.frame.endpoints.items():
            if endpoint is None:
                continue
            fed_by_course = self._fed_by_course(name, endpoint)
            if name not in self.table:
                if not fed_by_course:
                    self._unfed(name, endpoint)
            elif fed_by_course:
                self.frame.report(
                    self.where(name),
                    f"the truth of '{name}' is given both ways: directly here, and by the course "
                    f"of [truth.{self.frame.arms[0]}] and its like; keep one of the two "
                    f"(scenario '{self.name}')",
                )
            else:
                values = self._direct_values(name, endpoint)
                if values is not None:
                    found[name] = values
        return found

    def _fed_by_course(self, name: str, endpoint: EndpointBase) -> bool:
        for arm in self.frame.arms:
            table = self.table.get(arm, {})
            if endpoint.fed_by == "remission" and ({"remission", "same_as"} & set(table)):
                return True
            if endpoint.fed_by in ("events", "rates") and name in table.get(endpoint.fed_by, {}):
                return True
        return False

    def _unfed(self, name: str, endpoint: EndpointBase) -> None:
        ways = []
        if endpoint.direct_truth is not None:
            arms = ", ".join(f"{arm} = …" for arm in self.frame.arms)
            ways.append(f"directly as `{name} = {{ {arms} }}`")
        if endpoint.fed_by == "remission":
            ways.append("by a course with `remission` and `durability` in [truth.ARM]")
        elif endpoint.fed_by is not None:
            ways.append(f"by `{endpoint.fed_by} = {{ {name} = … }}` in [truth.ARM]")
        self.frame.report(
            f"scenarios.{self.name}",
            f"no truth feeds endpoint '{name}'; give it {' or '.join(ways)}, here or in [truth]",
        )

    def _direct_values(
        self, name: str, endpoint: EndpointBase
    ) -> tuple[tuple[Any, ...], ...] | None:
        assert endpoint.direct_truth is not None
        adapter = _adapter(_VALUE[endpoint.direct_truth])
        result = []
        strata = self.frame.strata or ("",)
        for arm in self.frame.arms:
            value = self.table[name].get(arm)
            if value is None:
                self.frame.report(
                    f"{self.where(name)}.{arm}", f"missing (scenario '{self.name}' needs it)"
                )
                return None
            by_stratum = isinstance(value, dict) and "dist" not in value
            lacking = [s for s in strata if by_stratum and s not in value]
            if lacking:
                self.frame.report(
                    f"{self.where(name, arm)}", f"no value for stratum {one_of(lacking)}"
                )
                return None
            result.append(
                tuple(
                    adapter.validate_python(value[stratum] if by_stratum else value)
                    for stratum in strata
                )
            )
        return tuple(result)

    def dropout(
        self, courses: tuple[tuple[GroupCourse, ...], ...] | None
    ) -> tuple[tuple[float, ...], ...]:
        if courses is not None:
            return tuple(tuple(group.dropout for group in strata) for strata in courses)
        strata = self.frame.strata or ("",)
        result = []
        for arm in self.frame.arms:
            table = self.table.get(arm, {}).get("dropout")
            if table is None and "dropout" not in self.frame.endpoints:
                table = self.table.get("dropout")
            hazard = None if table is None else Hazard.model_validate(table)
            result.append((per_month(hazard),) * len(strata))
        return tuple(result)


__all__ = ["Frame", "check_names", "resolve", "role_of"]
