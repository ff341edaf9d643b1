"""From ``[truth]`` and ``[scenarios.NAME]`` to one complete truth, or to every reason why not.

:func:`check_scenarios` reads the tables of a design file and tells every fault; :func:`resolve`
makes one scenario complete. A scenario is read as it is run, laid over ``[truth]``: one parameter
of a distribution may be changed without repeating the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from adaptive_cart.distributions import TimeDistribution
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.errors import Problem, one_of
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
from adaptive_cart.validation import (
    Fault,
    Faults,
    Read,
    at,
    closest,
    lies_in,
    meant,
    path_to,
    read,
    shown,
    with_right_keys,
)

ROLES = ("null", "alternative", "robustness")
_VALUE: dict[str, Any] = {
    "probability": Probability,
    "rate": NonNegative,
    "time": TimeDistribution,
}
_WRITE = {
    "probability": "a number from 0 to 1",
    "rate": "a number of at least 0",
    "time": "a distribution",
}


@dataclass
class Frame:
    """What of a design a scenario is read against, and what was found wrong.

    Attributes
    ----------
    products
        By arm, control first; nothing where the arm has no product, or an unknown one.
    endpoints
        By name; nothing where the endpoint's own table is wrong.
    faults
        Paths of what has been told already.
    renamed
        Path to a key as it is written, by path to the key it was taken for.
    complete
        By scenario: its tables laid over ``[truth]``, mended where they are wrong.
    crossover_from
        Arm whose participants may cross over, where the design has a crossover.
    """

    arms: tuple[str, ...]
    products: Mapping[str, str | None]
    strata: tuple[str, ...]
    shares: tuple[float, ...]
    endpoints: Mapping[str, EndpointBase | None]
    truth: Mapping[str, Any]
    scenarios: Mapping[str, Any]
    faults: Faults = field(default_factory=Faults)
    renamed: dict[str, str] = field(default_factory=dict)
    crossover_from: str | None = None
    complete: dict[str, dict[str, Any]] = field(default_factory=dict)
    reported: int = 0
    _found: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def report(
        self, path: str, message: str, *grounds: str, scenario: str = "", alone: str = ""
    ) -> None:
        """Keep a problem, unless it follows from one that was told.

        Parameters
        ----------
        grounds
            Places whose faults the problem would only follow from.
        scenario
            The scenario that has it; several that have the same are told in one line.
        alone
            Path to tell it at instead, if no other scenario has it.
        """
        self.reported += 1
        follows = any(self.faults.touch(ground) for ground in grounds)
        if not follows and not self.faults.cover(path):
            self._found.setdefault((path, message), {})[scenario] = alone or path

    def fault(self, path: str, message: str) -> None:
        """Keep a problem; what follows from it is not told any more."""
        self.report(path, message)
        self.faults.add(path)

    def take(self, where: str, key: str, right: str) -> None:
        """Keep in mind that a key is taken for another."""
        if key != right:
            self.renamed[path_to(where, right)] = path_to(where, key)

    @property
    def problems(self) -> list[Problem]:
        """Every problem once, with the scenarios that have it."""
        return [self._told(path, message, by) for (path, message), by in self._found.items()]

    def _told(self, path: str, message: str, by: Mapping[str, str]) -> Problem:
        path = path if len(by) > 1 else next(iter(by.values()))
        if len(by) == len(self.scenarios) > 1:
            names = " (every scenario)"
        elif path.startswith("scenarios."):
            names = ""
        else:
            names = f" (scenario{'s' if len(by) > 1 else ''} {one_of(by)})"
        return Problem(path, message.replace(_BY, names))


_BY = "\0"  # stands in a message for the scenarios that have the problem


def role_of(name: str, scenario: Mapping[str, Any]) -> str:
    """Role of a scenario: as written, else ``null`` for the one so called."""
    written = scenario.get("role")
    return str(written) if written is not None else ("null" if name == "null" else "alternative")


# ── what is written ───────────────────────────────────────────────────────────────────────────
def check_scenarios(frame: Frame) -> None:
    """Report every fault of ``[truth]`` and of each scenario, and what is missing in each."""
    truth = _laid_over(frame, "truth", frame.truth, {})
    for name, scenario in frame.scenarios.items():
        where = path_to("scenarios", name)
        if not name.strip() or not name.isprintable():
            frame.fault(where, "a name needs letters or digits, on one line")
        if not isinstance(scenario, dict):
            frame.fault(where, f"found {shown(scenario)}; a table is expected")
            continue
        frame.complete[name] = _laid_over(frame, where, scenario, truth)
    for name in frame.complete:
        resolve(frame, name)


def _laid_over(
    frame: Frame, where: str, written: Mapping[str, Any], base: Mapping[str, Any]
) -> dict[str, Any]:
    """Lay a table over the one it starts from, tell the faults of what is written, mend them."""
    extra = ("role",) if where != "truth" else ()
    own: dict[str, Any] = {}
    known = dict.fromkeys((*frame.arms, *frame.endpoints, *COMMON, *extra))
    for key, value in written.items():
        if key in known:
            own[key] = value
            continue
        frame.report(
            path_to(where, key),
            f"neither an arm nor an endpoint of this design{meant(key, known)}; "
            f"the arms are {one_of(frame.arms)}; the endpoints are {one_of(frame.endpoints)}; "
            f"also allowed: {one_of((*COMMON, *extra))}",
        )
        right = closest(key, known)
        if right is not None and right not in written:
            own[right] = value
            frame.take(where, key, right)
    full = {**base, **own}
    for key, value in own.items():
        path = path_to(where, key)
        start = base.get(key, {})
        if key == "role":
            if value not in ROLES:
                hint = meant(value, ROLES) if isinstance(value, str) else ""
                frame.fault(path, f"found {shown(value)}{hint}; allowed: {one_of(ROLES)}")
        elif not isinstance(value, dict):
            frame.fault(path, f"found {shown(value)}; {_table_wanted(frame, key, value)}")
            full[key] = base.get(key)
        elif key in frame.arms:
            full[key] = _course(frame, path, key, value, base)
        elif key in frame.endpoints:
            full[key] = _direct(frame, path, key, value, start)
        else:
            full[key] = _read(frame, Hazard, path, value, start).data
    return {key: value for key, value in full.items() if value is not None}


def _table_wanted(frame: Frame, key: str, value: Any) -> str:
    if key in frame.endpoints:
        arms = ", ".join(f"{arm} = …" for arm in frame.arms)
        return f"a value for each arm is expected: {{ {arms} }}"
    if key in COMMON and isinstance(value, int | float) and not isinstance(value, bool):
        return f"a table is expected: {{ per_year = {shown(value)} }}"
    return "a table is expected"


def _read(frame: Frame, kind: Any, where: str, own: Any, base: Any) -> Read:
    """Read a table laid over another, tell what is wrong in it, mend it."""
    result = read(kind, merged(base, own), own)
    _tell(frame, where, result.faults, own, base)
    own, renamed = with_right_keys(own, result.faults)
    if renamed:  # what stands under a misspelt key is read as well
        for right, key in renamed.items():
            frame.take(path_to(where, *key[:-1]), str(key[-1]), str(right[-1]))
        result = read(kind, merged(base, own), own)
        _tell(frame, where, result.faults, own, base)
    return result if result.part is not None else Read()


def _tell(frame: Frame, where: str, faults: list[Fault], own: Any, base: Any) -> None:
    for fault in faults:
        message = fault.message
        if fault.kind == "together" and at(base, fault.steps) and at(own, fault.steps):
            message += ", one of them in the table this is laid over; its own `dist` replaces that"
        frame.fault(path_to(where, *fault.steps), message)


def _course(
    frame: Frame, where: str, arm: str, own: dict[str, Any], base: Mapping[str, Any]
) -> dict[str, Any]:
    """Read the course of an arm, then what differs in its strata."""
    start = base.get(arm, {})
    strata = own.get("strata", {})
    parted = isinstance(strata, dict)  # what is no table is a fault like any other
    main = _read(frame, ArmCourse, where, _without_strata(own, parted), _without_strata(start))
    course = main.data or {}
    _same_as(frame, where, arm, own, course)
    _event_names(frame, where, own, base)
    differing = dict(start.get("strata") or {})
    for stratum, table in strata.items() if parted else ():
        path = path_to(where, "strata", stratum)
        if stratum not in frame.strata:
            _unknown_stratum(frame, path, stratum)
        elif not isinstance(table, dict):
            frame.fault(path, f"found {shown(table)}; a table is expected")
        else:
            before = differing.get(stratum, {})
            change = _stratum(frame, path, arm, table, merged(course, before), base)
            differing[stratum] = merged(before, change)
    return {**course, "strata": differing} if differing else course


def _without_strata(table: Mapping[str, Any], parted: bool = True) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key != "strata" or not parted}


def _stratum(
    frame: Frame,
    where: str,
    arm: str,
    own: dict[str, Any],
    course: dict[str, Any],
    base: Mapping[str, Any],
) -> dict[str, Any]:
    """Read what differs in one stratum, laid over the course of the arm; returns it mended."""
    if "strata" in own:
        frame.fault(path_to(where, "strata"), "there are no strata within a stratum")
    result = _read(frame, ArmCourse, where, _without_strata(own), course)
    _same_as(frame, where, arm, own, result.data or {})
    _event_names(frame, where, own, base)
    return dict(result.own or {})


def _same_as(
    frame: Frame, where: str, arm: str, own: Mapping[str, Any], full: Mapping[str, Any]
) -> None:
    """Tell a `same_as` that names no other arm, and what it would silence."""
    other = full.get("same_as")
    if other is None:
        return
    path = path_to(where, "same_as")
    if "same_as" in own and other not in frame.arms:
        hint = meant(other, frame.arms)
        frame.fault(path, f"found {shown(other)}{hint}; the arms are {one_of(frame.arms)}")
    elif "same_as" in own and other == arm:
        frame.fault(path, "an arm cannot be the same as itself")
    for key in DISEASE:
        if key in own:
            message = f"`same_as` takes it from '{other}'; leave one of the two out"
            frame.report(path_to(where, key), message)


def _event_names(frame: Frame, where: str, own: Mapping[str, Any], base: Mapping[str, Any]) -> None:
    """Tell an event that a scenario changes and nothing else knows: it would have no effect."""
    for feed in ("events", "rates"):
        courses = [base.get(arm, {}) for arm in frame.arms]
        parts = [part for c in courses for part in (c, *(c.get("strata") or {}).values())]
        known = {name for part in parts for name in part.get(feed) or {}}
        table = own.get(feed)
        if not known or not isinstance(table, dict):
            continue  # [truth] names none: this is where they are named
        known |= {name for name, e in frame.endpoints.items() if e is None or e.fed_by == feed}
        for name in table:
            if name not in known:
                frame.fault(
                    path_to(where, feed, name),
                    f"neither an endpoint nor named in [truth]{meant(name, known)}; "
                    f"known are {one_of(sorted(known))}",
                )


def _unknown_stratum(frame: Frame, path: str, stratum: str) -> None:
    if frame.strata:
        message = f"no stratum of this design{meant(stratum, frame.strata)}"
        frame.report(path, f"{message}; the strata are {one_of(frame.strata)}", "strata")
    else:
        frame.report(path, "this design has no [strata]", "strata")
    frame.faults.add(path)


def _direct(
    frame: Frame, where: str, name: str, own: dict[str, Any], base: dict[str, Any]
) -> dict[str, Any] | None:
    """Read the truth of an endpoint that is given directly, by arm."""
    endpoint, kind = frame.endpoints[name], path_to("endpoints", name, "type")
    if endpoint is not None and endpoint.direct_truth is None:
        message = (
            f"an endpoint of type '{endpoint.type}' takes its truth from the participants' course "
            f"([truth.ARM]) and not directly"
        )
        frame.report(where, message, kind)
        frame.faults.add(where)
        return None
    full = dict(base)
    for arm, value in own.items():
        right: str | None = arm
        if arm not in frame.arms:
            right = closest(arm, frame.arms)
            frame.report(
                path_to(where, arm),
                f"no arm of this design{meant(arm, frame.arms)}; the arms are {one_of(frame.arms)}",
            )
        if right is None or (right != arm and right in own):
            continue
        frame.take(where, arm, right)
        if endpoint is None or frame.faults.touch(kind):
            full[right] = value  # what it may be is not known
        else:
            path = path_to(where, right)
            full[right] = _direct_value(frame, path, endpoint, value, base.get(right))
    return {arm: value for arm, value in full.items() if value is not None}


def _direct_value(frame: Frame, where: str, endpoint: EndpointBase, own: Any, base: Any) -> Any:
    assert endpoint.direct_truth is not None
    kind = _VALUE[endpoint.direct_truth]
    if not _by_stratum(endpoint, frame.strata, merged(base, own)):
        return _read(frame, kind, where, own, base).data
    if not frame.strata and not frame.faults.touch("strata"):
        wanted = _WRITE[endpoint.direct_truth]
        frame.fault(where, f"found {shown(own)}; {wanted} is expected, as there are no [strata]")
        return None
    start = base if isinstance(base, dict) else {}
    result = dict(start)
    for stratum, value in own.items():
        right: str | None = stratum
        if stratum not in frame.strata:
            right = closest(stratum, frame.strata)
            _unknown_stratum(frame, path_to(where, stratum), stratum)
        if right is not None and (right == stratum or right not in own):
            frame.take(where, stratum, right)
            result[right] = _read(frame, kind, path_to(where, right), value, start.get(right)).data
    return {stratum: value for stratum, value in result.items() if value is not None}


def _by_stratum(endpoint: EndpointBase, strata: tuple[str, ...], value: Any) -> bool:
    """Whether a direct truth is a table by stratum, and not one value."""
    if not isinstance(value, dict) or "dist" in value:
        return False
    if endpoint.direct_truth != "time" or set(value) & set(strata):
        return True
    return bool(value) and all(isinstance(item, dict) for item in value.values())


# ── what follows ──────────────────────────────────────────────────────────────────────────────
@lru_cache(maxsize=32)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def resolve(frame: Frame, name: str) -> Truth | None:
    """Make a scenario complete; problems are added to the frame.

    A scenario that :func:`check_scenarios` has read is taken as it was mended; any other has to be
    sound.
    """
    scenario = frame.scenarios[name]
    before = frame.reported
    table = frame.complete.get(name)
    if table is None:
        table = merged(dict(frame.truth), dict(scenario))
    reader = _Reader(frame, name, table)
    courses = reader.courses()
    direct = reader.direct()
    if courses is None:
        reader.refuse_death()
    if frame.reported > before:
        return None
    return Truth(
        name=name,
        role=role_of(name, scenario),
        arms=frame.arms,
        strata=frame.strata or ("",),
        shares=frame.shares,
        courses=courses,
        direct=direct,
        dropout=reader.dropout(courses),
        sources=reader.sources,
    )


class _Reader:
    """Reads one merged scenario; knows where each of its values was written."""

    def __init__(self, frame: Frame, name: str, table: Mapping[str, Any]) -> None:
        self.frame = frame
        self.name = name
        self.table = table
        self.sources: dict[str, str] = {}

    def where(self, *path: str | int) -> str:
        """Path in the file at which a value stands: the scenario if it is there, else [truth]."""
        inner: Any = self.frame.scenarios[self.name]
        for key in path:
            if not isinstance(inner, dict) or key not in inner:
                inner = None
                break
            inner = inner[key]
        top = "truth" if inner is None else path_to("scenarios", self.name)
        return path_to(top, *path)

    def of_arm(self, arm: str) -> Mapping[str, Any]:
        """What the scenario says of an arm; nothing for an arm with the name of something else."""
        table = self.table.get(arm, {})
        return table if isinstance(table, dict) else {}

    @property
    def _tops(self) -> tuple[str, str]:
        return "truth", path_to("scenarios", self.name)

    def report(self, path: str, message: str, *grounds: str, alone: str = "") -> None:
        """Report a problem of this scenario; one of several scenarios is told once."""
        self.frame.report(path, message, *grounds, scenario=self.name, alone=alone)

    def missing(self, arm: str, *path: str, write: str) -> None:
        """Report a value that the course of an arm needs and nothing gives."""
        place = path_to("truth", arm, *path)
        own = path_to("scenarios", self.name, arm, *path)
        self.report(place, f"missing{_BY}; write {write}", path_to("arms", arm), place, own)

    def refuse_death(self) -> None:
        """Report deaths beside a truth that is direct: they would be without effect."""
        why = "where the truth is direct nothing but dropout is simulated; leave it out"
        if "death" in self.table and "death" not in self.frame.endpoints:
            self.frame.report(self.where("death"), why)
        for arm in self.frame.arms:
            if "death" in self.table.get(arm, {}):
                self.frame.report(self.where(arm, "death"), why)

    # ── the course ────────────────────────────────────────────────────────────────────────
    def _has_course(self) -> bool:
        keys = {*DISEASE, "infusion", "events", "rates", "same_as", "strata"} - set(COMMON)
        return any(keys & set(self.of_arm(arm)) for arm in self.frame.arms)

    def courses(self) -> tuple[tuple[GroupCourse, ...], ...] | None:
        if not self._has_course():
            return None
        groups = self.frame.strata or ("",)
        complete = {
            (arm, stratum): self._arm_course(arm, stratum)
            for arm in self.frame.arms
            for stratum in groups
        }
        result = [
            [self._group(arm, stratum, complete) for stratum in groups] for arm in self.frame.arms
        ]
        if any(group is None for strata in result for group in strata):
            return None
        return tuple(tuple(g for g in strata if g is not None) for strata in result)

    def _arm_course(self, arm: str, stratum: str) -> ArmCourse | None:
        """The merged table of an arm in a stratum, typed; nothing if it is not sound."""
        table = dict(self.of_arm(arm))
        for key in COMMON:
            if key in self.table and key not in self.frame.endpoints and key not in table:
                table[key] = self.table[key]
        by_stratum = table.pop("strata", {})
        if stratum in by_stratum:
            table = merged(table, by_stratum[stratum])
        if "same_as" in table:
            table = {key: value for key, value in table.items() if key not in DISEASE}
        # what can be wrong still is what two tables make together, each of them sound in itself
        result = read(ArmCourse, table)
        for fault in result.faults:
            differs = lies_in(by_stratum.get(stratum, {}), fault.steps)
            place = self.where(arm, *(("strata", stratum) if differs else ()), *fault.steps)
            self.report(place, f"{fault.message}{_BY}")
        return None if result.faults else result.part

    def _group(
        self, arm: str, stratum: str, courses: Mapping[tuple[str, str], ArmCourse | None]
    ) -> GroupCourse | None:
        own, control = courses[arm, stratum], courses[self.frame.arms[0], stratum]
        if own is None or control is None or own.same_as == arm:
            return None
        disease_arm = own.same_as or arm
        disease = courses.get((disease_arm, stratum))
        if disease is None:
            return None
        if disease.same_as is not None:
            path = self.where(arm, "same_as")
            self.report(path, f"'{disease_arm}' is itself the same as another arm", path)
            return None
        if own.crossover is not None and arm != self.frame.crossover_from:
            self._refuse_crossover(arm)
        product = PRODUCTS.get(self.frame.products.get(arm) or "")
        infused = product.infused if product is not None else own.infusion is not None
        failure, delay = 0.0, None
        if infused:
            given = own.infusion
            source = f"product {self.frame.products[arm]}" if product is not None else "file"
            failure_value = None if given is None else given.failure
            delay_value = None if given is None else given.delay
            self.sources[f"{arm}.infusion.failure"] = (
                "file" if failure_value is not None else source
            )
            self.sources[f"{arm}.infusion.delay"] = "file" if delay_value is not None else source
            if failure_value is None:
                failure_value = 0.0 if product is None else product.failure
            if delay_value is None and product is not None:
                delay_value = product.delay
            if delay_value is None:
                write = f"`delay = {_EXAMPLE}`, or give [arms.{arm}] a product"
                self.missing(arm, "infusion", "delay", write=write)
                return None
            failure, delay = failure_value, delay_value
        elif own.infusion is not None:
            self.report(
                self.where(arm, "infusion"),
                f"arm '{arm}' has product '{self.frame.products[arm]}', which is not infused",
                path_to("arms", arm),
            )
            return None
        if infused and arm == self.frame.arms[0]:
            self.report(
                self.where(arm, "infusion"),
                f"'{arm}' is the control; participants who are never infused take the control's "
                f"course, so the control cannot be infused",
                path_to("arms", arm),
            )
            return None
        own_disease = self._disease(disease_arm, disease)
        never = self._disease(self.frame.arms[0], control) if infused else own_disease
        if own_disease is None or never is None:
            return None
        drugs = disease.remission_on_drugs or Remission(probability=0.0)
        if drugs.probability is None:
            self.missing(
                disease_arm, "remission_on_drugs", "probability", write="`probability = …`"
            )
            return None
        if drugs.probability > 0.0 and drugs.onset is None:
            self.missing(disease_arm, "remission_on_drugs", "onset", write=f"`onset = {_EXAMPLE}`")
            return None
        return GroupCourse(
            infused=infused,
            failure=failure,
            delay=delay,
            disease_of=disease_arm,
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

    def _refuse_crossover(self, arm: str) -> None:
        """Report crossover that would be without effect."""
        opens = self.frame.crossover_from
        if opens is None:
            why = f'write [crossover] with from = "{arm}", to = "…" and after_month = 12'
        else:
            why = f"[crossover] lets participants of '{opens}' cross, not of '{arm}'"
        message = f"without effect; {why}, or leave it out"
        self.report(self.where(arm, "crossover"), message, "crossover")

    def _disease(self, arm: str, course: ArmCourse) -> DiseaseCourse | None:
        fed = any(e is not None and e.fed_by == "remission" for e in self.frame.endpoints.values())
        remission = course.remission
        if remission is None:
            if fed and not self._all_direct("remission"):
                write = f"`remission = {{ probability = …, onset = {_EXAMPLE} }}`"
                self.missing(arm, "remission", write=write)
                return None
            remission = Remission(probability=0.0)
        if remission.probability is None:
            self.missing(arm, "remission", "probability", write="`probability = …`")
            return None
        durability = course.durability or Durability(cured=1.0)
        if remission.probability > 0.0:
            if remission.onset is None:
                self.missing(arm, "remission", "onset", write=f"`onset = {_EXAMPLE}`")
                return None
            if course.durability is None:
                write = (
                    f"`durability = {{ cured = …, relapse = {_EXAMPLE} }}`, or {{ cured = 1.0 }} "
                    f"if remission is for ever"
                )
                self.missing(arm, "durability", write=write)
                return None
            if durability.relapse is None and durability.cured != 1.0:
                write = f"`relapse = {_EXAMPLE}`, or `cured = 1.0` if remission is for ever"
                self.missing(arm, "durability", "relapse", write=write)
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

    def direct(self) -> dict[str, tuple[tuple[Any, ...], ...]]:
        found = {}
        for name, endpoint in self.frame.endpoints.items():
            if endpoint is None or not isinstance(self.table.get(name, {}), dict):
                continue
            fed_by = self._fed_by_course(name, endpoint)
            if name not in self.table:
                if not fed_by:
                    self._unfed(name, endpoint)
            elif fed_by:
                course, directly = self.where(*fed_by), self.where(name)
                self.report(
                    directly if directly.startswith("truth.") else course,
                    f"the truth of '{name}' is given both ways{_BY}: directly, and by the "
                    f"`{fed_by[1]}` of arm '{fed_by[0]}'; keep one of the two",
                    path_to("endpoints", name, "type"),
                    *(path_to(top, fed_by[0], "same_as") for top in self._tops),
                    alone=directly,
                )
            else:
                values = self._direct_values(name, endpoint)
                if values is not None:
                    found[name] = values
        return found

    def _fed_by_course(self, name: str, endpoint: EndpointBase) -> tuple[str, str] | None:
        """Arm and key by which the course of an arm feeds an endpoint."""
        for arm in self.frame.arms:
            course = self.of_arm(arm)
            for part in (course, *(course.get("strata") or {}).values()):
                for key in ("remission", "same_as"):
                    if endpoint.fed_by == "remission" and key in part:
                        return arm, key
                if endpoint.fed_by in ("events", "rates") and name in (
                    part.get(endpoint.fed_by) or {}
                ):
                    return arm, endpoint.fed_by
        return None

    def _unfed(self, name: str, endpoint: EndpointBase) -> None:
        arms = ", ".join(f"{arm} = …" for arm in self.frame.arms)
        course = {
            None: "",
            "remission": "by a course with `remission` and `durability` in [truth.ARM]",
            "events": f"by `events = {{ {name} = … }}` in [truth.ARM]",
            "rates": f"by `rates = {{ {name} = … }}` in [truth.ARM]",
        }[endpoint.fed_by]
        direct = f"directly as `{name} = {{ {arms} }}`" if endpoint.direct_truth else ""
        if name in self.frame.arms:
            return  # one of the two names has to go first
        self.report(
            path_to("endpoints", name),
            f"no truth feeds it{_BY}; give it {' or '.join(filter(None, (direct, course)))}",
            path_to("endpoints", name, "type"),
            *(path_to(top, key) for top in self._tops for key in (name, *self.frame.arms)),
            alone=path_to("scenarios", self.name, name),
        )

    def _direct_values(
        self, name: str, endpoint: EndpointBase
    ) -> tuple[tuple[Any, ...], ...] | None:
        assert endpoint.direct_truth is not None
        adapter = _adapter(_VALUE[endpoint.direct_truth])
        wanted = _WRITE[endpoint.direct_truth]
        result = []
        strata = self.frame.strata or ("",)
        for arm in self.frame.arms:
            value = self.table[name].get(arm)
            path = path_to(self.where(name), arm)
            both = [path_to("scenarios", self.name, name, arm), path_to("truth", name, arm)]
            if value is None and self.frame.faults.cover(path_to("arms", arm)):
                continue  # perhaps no arm at all
            if value is None:
                self.report(path, f"missing{_BY}; {wanted} is expected", *both)
                continue
            by_stratum = _by_stratum(endpoint, strata, value)
            lacking = [s for s in strata if by_stratum and s not in value]
            if lacking:
                path = path_to(self.where(name, arm), lacking[0])
                message = f"missing{_BY}; {wanted} for every stratum is expected"
                self.report(path, message, *both, "strata")
                continue
            result.append(
                tuple(
                    adapter.validate_python(value[stratum] if by_stratum else value, strict=True)
                    for stratum in strata
                )
            )
        return tuple(result) if len(result) == len(self.frame.arms) else None

    def dropout(
        self, courses: tuple[tuple[GroupCourse, ...], ...] | None
    ) -> tuple[tuple[float, ...], ...]:
        if courses is not None:
            return tuple(tuple(group.dropout for group in strata) for strata in courses)
        strata = self.frame.strata or ("",)
        result = []
        for arm in self.frame.arms:
            table = self.of_arm(arm).get("dropout")
            if table is None and "dropout" not in self.frame.endpoints:
                table = self.table.get("dropout")
            hazard = None if table is None else Hazard.model_validate(table)
            result.append((per_month(hazard),) * len(strata))
        return tuple(result)


_EXAMPLE = '{ dist = "weibull", shape = 1.5, median = … }'

__all__ = ["Frame", "check_scenarios", "resolve", "role_of"]
