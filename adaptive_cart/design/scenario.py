"""From ``[truth]`` and ``[scenarios.NAME]`` to one complete truth, or to every reason why not.

``scenario_tables.py`` has read the tables and told what is wrong with each; here they are put
together, and what is missing, or contradicts what is elsewhere in the design, is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from adaptive_cart.courses.group import GroupCourse
from adaptive_cart.design.accrual import Accrual, accrual_under
from adaptive_cart.design.correlations import CORRELATION, scores_of
from adaptive_cart.design.external_truths import apart, external_sources, external_truths
from adaptive_cart.design.follow_up import FollowUp, follow_up_under
from adaptive_cart.design.mixtures import MIXTURE, mixture_of, unfit
from adaptive_cart.design.scenario_courses import CourseReader
from adaptive_cart.design.scenario_frame import BY, SAME_AS, Frame, role_of
from adaptive_cart.design.trends import TIME_TREND, trends_of
from adaptive_cart.design.truth import Truth, merged
from adaptive_cart.design.validation import path_to
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.nouns.correlated import Correlated
from adaptive_cart.nouns.time_trend import TimeTrend


@lru_cache(maxsize=32)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def resolve(frame: Frame, name: str) -> Truth | None:
    """Make a scenario complete; problems are added to the frame.

    A scenario that ``check_scenarios`` has read is taken as it was mended; any other has to be
    sound.
    """
    scenario = frame.scenarios[name]
    before = frame.reported
    table = frame.complete.get(name)
    if table is None:
        table = merged(dict(frame.truth), dict(scenario))
    table, beside = apart(table, frame)
    reader = Reader(frame, name, table)
    courses = reader.courses()
    direct = reader.direct()
    trends = trends_of(frame, table, direct, reader.report_trend)
    external = external_truths(reader, beside)
    sources = external_sources(reader, beside)
    reader.require_asked(courses)
    if courses is None:
        reader.refuse_death()
    mixture = mixture_of(reader, lambda part, own: _of_part(frame, name, part, table, own))
    if frame.reported > before:
        return None
    truth = replace(
        _truth(reader, name, table, courses, direct, trends),
        external=external,
        external_source=sources,
        mixture=mixture,
    )
    if mixture is not None:
        unfit(frame, reader, truth)
    return truth if frame.reported == before else None


def _of_part(
    frame: Frame, name: str, part: str, table: Mapping[str, Any], own: Mapping[str, Any]
) -> Truth | None:
    """What is true of a part of the participants; problems are added to the frame."""
    before = frame.reported
    whole = {key: value for key, value in merged(dict(table), dict(own)).items() if key != MIXTURE}
    reader = Reader(frame, name, whole, part)
    courses = reader.courses()
    direct = reader.direct()
    trends = trends_of(frame, whole, direct, reader.report_trend)
    if courses is None:
        reader.refuse_death()
    if frame.reported > before:
        return None
    return _truth(reader, part, table, courses, direct, trends)


def _truth(
    reader: Reader,
    name: str,
    table: Mapping[str, Any],
    courses: tuple[tuple[GroupCourse, ...], ...] | None,
    direct: dict[str, tuple[tuple[Any, ...], ...]],
    trends: Mapping[str, tuple[TimeTrend | None, ...]],
) -> Truth:
    """What was read of the participants, or of a part of them."""
    frame = reader.frame
    return Truth(
        name=name,
        role=role_of(reader.name, frame.scenarios[reader.name]),
        arms=frame.arms,
        strata=frame.strata or ("",),
        shares=frame.shares,
        courses=courses,
        direct=direct,
        dropout=reader.dropout(courses),
        accrual=_accrual(frame, table),
        sources=reader.sources,
        correlated=reader.correlated(),
        trends=trends,
        follow_up=_follow_up(frame, table),
    )


def _accrual(frame: Frame, table: Mapping[str, Any]) -> Accrual:
    """How fast participants come: as the scenario says, else as the design plans."""
    own = table.get("enrolment", {})
    if frame.accrual is None or not isinstance(own, Mapping):
        return Accrual()  # what is wrong with it is told
    return Accrual.model_validate(accrual_under(frame.accrual, own))


def _follow_up(frame: Frame, table: Mapping[str, Any]) -> FollowUp | None:
    """Visits and delays: as the scenario says, else as the design plans."""
    own = table.get("follow_up", {})
    if not own or not isinstance(own, Mapping):
        return frame.follow_up  # what is wrong with it is told
    return FollowUp.model_validate(follow_up_under(frame.follow_up, own))


class Reader(CourseReader):
    """Reads one merged scenario: the courses, and what is said directly."""

    def direct(self) -> dict[str, tuple[tuple[Any, ...], ...]]:
        """By endpoint, arm and stratum: what is said directly."""
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
                    f"the truth of '{name}' is given both ways{BY}: directly, and by the "
                    f"`{fed_by[1]}` of arm '{fed_by[0]}'; keep one of the two",
                    path_to("endpoints", name, "type"),
                    *(path_to(top, fed_by[0], "same_as") for top in self._tops),
                    alone=directly,
                )
            elif refused := endpoint.direct_refused():
                clock = path_to("endpoints", name, "clock")
                self.report(self.where(name), f"nothing can be said directly{BY}; {refused}", clock)
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
                    if endpoint.from_course and key in part:
                        return arm, key
                if endpoint.named_in and name in (part.get(endpoint.named_in) or {}):
                    return arm, endpoint.named_in
        return None

    def _unfed(self, name: str, endpoint: EndpointBase) -> None:
        arms = ", ".join(f"{arm} = …" for arm in self.frame.arms)
        course = ""
        if endpoint.from_course:
            course = "by a course with `remission` and `durability` in [truth.ARM]"
        elif endpoint.named_in:
            course = f"by `{endpoint.named_in} = {{ {name} = … }}` in [truth.ARM]"
        said = endpoint.direct is not None and not endpoint.direct_refused()
        direct = f"directly as `{name} = {{ {arms} }}`" if said else ""
        if name in self.frame.arms:
            return  # one of the two names has to go first
        self.report(
            path_to("endpoints", name),
            f"no truth feeds it{BY}; give it {' or '.join(filter(None, (direct, course)))}",
            path_to("endpoints", name, "type"),
            *(path_to(top, key) for top in self._tops for key in (name, *self.frame.arms)),
            alone=path_to("scenarios", self.name, name),
        )

    def _direct_values(
        self, name: str, endpoint: EndpointBase
    ) -> tuple[tuple[Any, ...], ...] | None:
        direct = endpoint.direct
        assert direct is not None
        adapter, wanted = _adapter(direct.value), direct.wanted
        result = []
        strata = self.frame.strata or ("",)
        for arm in self.frame.arms:
            before = self.frame.reported
            value = self._said_of(name, arm)
            if self.frame.reported > before:
                continue
            path = path_to(self.where(name), arm)
            both = [path_to("scenarios", self.name, name, arm), path_to("truth", name, arm)]
            if value is None and self.frame.faults.cover(path_to("arms", arm)):
                continue  # perhaps no arm at all
            if value is None:
                self.report(path, f"missing{BY}; {wanted} is expected", *both)
                continue
            by_stratum = direct.by_stratum(value, strata)
            lacking = [s for s in strata if by_stratum and s not in value]
            if lacking:
                path = path_to(self.where(name, arm), lacking[0])
                message = f"missing{BY}; {wanted} for every stratum is expected"
                self.report(path, message, *both, "strata")
                continue
            own = tuple(
                adapter.validate_python(value[stratum] if by_stratum else value, strict=True)
                for stratum in strata
            )
            for stratum, one in zip(strata, own, strict=True):
                fault = direct.fault(one, endpoint) or self._untold(name, direct.tells_at(one))
                if fault:
                    part = (stratum,) if by_stratum else ()
                    self.report(path_to(path, *part), f"{fault}{BY}", *both)
            result.append(own)
        return tuple(result) if len(result) == len(self.frame.arms) else None

    def _said_of(self, name: str, arm: str) -> Any:
        """What is said directly of an arm, where it is the same as another: of that one."""
        value = self.table[name].get(arm)
        if not isinstance(value, dict) or SAME_AS not in value:
            return value
        other = value[SAME_AS]
        said = self.table[name].get(other)
        if isinstance(said, dict) and SAME_AS in said:
            path = path_to(self.where(name), arm, SAME_AS)
            self.report(path, f"'{other}' is itself the same as another arm{BY}", path)
            return None
        return said

    def _untold(self, name: str, told: tuple[float, ...]) -> str:
        """Say that a truth does not give the states that are asked for; blank where it does."""
        lacking = [month for month in self.frame.early.get(name, ()) if month not in told]
        if not lacking:
            return ""
        several = "s" if len(lacking) > 1 else ""
        months = " and ".join(f"{month:g}" for month in lacking)
        return (
            f"it does not say the states at month{several} {months}, which "
            f"[prediction.{name}] asks for; write "
            "{ chain = [{ month = …, in = …, failed = … }, …] } with "
            f"{'these months' if several else 'this month'}, give the arms a course, or leave "
            "that table out"
        )

    def report_trend(self, endpoint: str, message: str) -> None:
        """Report a trend that has nothing to move."""
        self.report(self.where(TIME_TREND, endpoint), message, self.where(endpoint))

    def correlated(self) -> Correlated | None:
        """How scores correlate, where the scenario says so."""
        given = self.table.get(CORRELATION)
        return Correlated.of(given, scores_of(self.frame)) if given else None
