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

from adaptive_cart.courses.group import DiseaseCourse, GroupCourse
from adaptive_cart.courses.scores import CourseScore
from adaptive_cart.courses.tables import (
    COMMON,
    DISEASE,
    ArmCourse,
    Durability,
    Hazard,
    Remission,
    RemissionOnDrugs,
    per_month,
    sequels_of,
)
from adaptive_cart.design.accrual import Accrual, accrual_under
from adaptive_cart.design.correlations import CORRELATION, scores_of
from adaptive_cart.design.external_truths import apart, external_sources, external_truths
from adaptive_cart.design.follow_up import FollowUp, follow_up_under
from adaptive_cart.design.mixtures import MIXTURE, mixture_of, unfit
from adaptive_cart.design.products import PRODUCTS
from adaptive_cart.design.scenario_frame import BY, NOT_INFUSED, Frame, role_of
from adaptive_cart.design.trends import TIME_TREND, trends_of
from adaptive_cart.design.truth import Truth, merged
from adaptive_cart.design.validation import (
    lies_in,
    path_to,
    read,
)
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.nouns.correlated import Correlated


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
    mixture = mixture_of(frame, reader, lambda part, own: _of_part(frame, name, part, table, own))
    if frame.reported > before:
        return None
    truth = Truth(
        name=name,
        role=role_of(name, scenario),
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
    return Truth(
        name=part,
        role=role_of(name, frame.scenarios[name]),
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


class Reader:
    """Reads one merged scenario; knows where each of its values was written."""

    def __init__(
        self, frame: Frame, name: str, table: Mapping[str, Any], part: str | None = None
    ) -> None:
        self.frame = frame
        self.name = name
        self.table = table
        self.part = part
        self.sources: dict[str, str] = {}

    def where(self, *path: str | int) -> str:
        """Path in the file at which a value stands: the scenario if it is there, else [truth].

        Of a part of the participants, in its own table first.
        """
        if self.part is not None:
            inside = (MIXTURE, self.part, *path)
            for top, table in (
                (path_to("scenarios", self.name), self.frame.scenarios[self.name]),
                ("truth", self.frame.truth),
            ):
                if _stands(table, inside):
                    return path_to(top, *inside)
        here = _stands(self.frame.scenarios[self.name], path)
        return path_to(path_to("scenarios", self.name) if here else "truth", *path)

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
        advice = write if write.startswith("0 if") else f"write {write}"
        self.report(place, f"missing{BY}; {advice}", path_to("arms", arm), place, own)

    def require_asked(self, courses: tuple[tuple[GroupCourse, ...], ...] | None) -> None:
        """Report events and rates that are asked about in an arm whose course does not say them."""
        for name, endpoint in self.frame.endpoints.items():
            if endpoint is None or courses is None:
                continue
            for key, why in endpoint.refuses_course():
                self.report(path_to("endpoints", name, key), f"{why}{BY}")
            if name in self.table:
                continue
            for score in endpoint.reads():
                if score in self.table:
                    self.report(
                        self.where(score),
                        f"'{name}' reads '{score}' beside states of the course, which then has to "
                        f"say it{BY}; write truth.ARM.scores.{score} for every arm",
                        path_to("endpoints", name, "all"),
                    )
            part_of = endpoint.named_in
            if part_of is None:
                continue
            given = [[name in group.named(part_of) for group in by] for by in courses]
            if not any(map(any, given)):
                continue  # that nothing at all feeds it is told of the endpoint
            for arm, by_stratum in zip(self.frame.arms, given, strict=True):
                whom = self.frame.arms if endpoint.drawn_always else self.frame.needed.get(name, ())
                if arm in whom and not all(by_stratum):
                    lacking = self.frame.strata[by_stratum.index(False)] if any(by_stratum) else ""
                    part = ("strata", lacking) if lacking else ()
                    write = "a table" if endpoint.drawn_always else "0 if it never happens"
                    self.missing(arm, *part, part_of, name, write=write)

    def refuse_death(self) -> None:
        """Report deaths beside a truth that is direct: they would be without effect."""
        why = "where the truth is direct nothing but dropout is simulated; leave it out"
        if "death" in self.table and "death" not in self.frame.endpoints:
            self.frame.report(self.where("death"), why)
        for arm in self.frame.arms:
            if "death" in self.table.get(arm, {}):
                self.frame.report(self.where(arm, "death"), why)

    def report_trend(self, endpoint: str, message: str) -> None:
        """Report a trend that has nothing to move."""
        self.report(self.where(TIME_TREND, endpoint), message, self.where(endpoint))

    def correlated(self) -> Correlated | None:
        """How scores correlate, where the scenario says so."""
        given = self.table.get(CORRELATION)
        return Correlated.of(given, scores_of(self.frame)) if given else None

    # ── the course ────────────────────────────────────────────────────────────────────────
    def _has_course(self) -> bool:
        keys = {*DISEASE, "infusion", "events", "rates", "scores", "same_as", "strata"} - set(
            COMMON
        )
        return any(keys & set(self.of_arm(arm)) for arm in self.frame.arms)

    def courses(self) -> tuple[tuple[GroupCourse, ...], ...] | None:
        """Courses by arm and stratum; nothing where there are none, or they are not sound."""
        if not self._has_course():
            return None
        groups = self.frame.strata or ("",)
        complete = {
            (arm, stratum): self._arm_course(arm, stratum)
            for arm in self.frame.with_courses
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
            self.report(place, f"{fault.message}{BY}")
        return None if result.faults else result.part

    def _group(
        self, arm: str, stratum: str, courses: Mapping[tuple[str, str], ArmCourse | None]
    ) -> GroupCourse | None:
        without = self.frame.never_infused
        own, uninfused = courses[arm, stratum], courses[without, stratum]
        if own is None or uninfused is None or own.same_as == arm:
            return None
        disease_arm = own.same_as or arm
        disease = courses.get((disease_arm, stratum))
        if disease is None:
            return None
        if own.same_as is not None and disease.redosing is not None:
            path = self.where(arm, "same_as")
            self.report(
                path,
                f"participants of '{disease_arm}' are infused again (`redosing`), which is no "
                f"matter of the disease alone{BY}; write what arm '{arm}' has itself",
                path,
                path_to("truth", disease_arm, "redosing"),
            )
            return None
        if disease.same_as is not None:
            path = self.where(arm, "same_as")
            self.report(path, f"'{disease_arm}' is itself the same as another arm", path)
            return None
        if own.crossover is not None and arm != self.frame.crossover_from:
            self._refuse_crossover(arm)
        elif arm == self.frame.crossover_from and not self._says_who_crosses():
            self.missing(arm, "crossover", "probability", write="0 if nobody crosses over")
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
        elif own.redosing is not None or own.washout is not None:
            for key in ("redosing", "washout"):
                if getattr(own, key) is not None:
                    message = f"nobody is infused in arm '{arm}'{BY}; give [arms.{arm}] a product"
                    self.report(self.where(arm, key), message, path_to("arms", arm))
            return None
        elif own.infusion is not None:
            self.report(
                self.where(arm, "infusion"),
                f"arm '{arm}' has product '{self.frame.products[arm]}', which is not infused",
                path_to("arms", arm),
            )
            return None
        if infused and arm == self.frame.control:
            self.report(
                self.where(arm, "infusion"),
                f"'{arm}' is the control; participants who are never infused take the control's "
                f"course, so the control cannot be infused",
                path_to("arms", arm),
            )
            return None
        self._require_counted(arm, disease_arm, disease)
        own_disease = self._disease(disease_arm, disease)
        never = own_disease
        if infused and (self.frame.control is not None or failure > 0.0):
            if without == NOT_INFUSED and without not in self.table:
                self._without_infusion(arm, failure)
                return None
            never = self._disease(without, uninfused)
        if own_disease is None or never is None:
            return None
        for key in ("redosing", "washout") if without == NOT_INFUSED else ():
            if getattr(uninfused, key) is not None:
                message = f"nobody is infused there{BY}; leave it out"
                self.report(self.where(without, key), message)
                return None
        if own.redosing is not None and arm == self.frame.crossover_from:
            self.report(
                self.where(arm, "redosing"),
                f"[crossover] lets participants of '{arm}' cross, who are not infused again "
                f"before{BY}; leave one of the two out",
                "crossover",
            )
            return None
        if infused:  # who is never infused is not infused again either
            kept = tuple(pair for pair in never.sequels if not pair[1].infuses)
            never = replace(never, sequels=kept)
        own_disease = replace(
            own_disease,
            sequels=tuple((key, sequel.beside(failure)) for key, sequel in own_disease.sequels),
        )
        if own.washout is not None and own.washout.months is None:
            self.missing(arm, "washout", "months", write=f"`months = {_EXAMPLE}`")
            return None
        drugs = disease.remission_on_drugs or RemissionOnDrugs(probability=0.0)
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
            scores=self._scores(arm, own),
            crossover=0.0 if own.crossover is None else own.crossover.probability,
            washout=None if own.washout is None else own.washout.months,
        )

    def _without_infusion(self, arm: str, failure: float) -> None:
        """Report that nothing says what becomes of participants who are never infused."""
        told = (
            f"missing{BY}; {failure:g} of '{arm}' are never infused, and there is no control whose "
            f"course they would take: write how their disease runs, remission = {{ probability = "
            f"…, onset = … }} and what follows, or {arm}.infusion.failure = 0"
        )
        self.report(path_to("truth", NOT_INFUSED), told, path_to("arms", arm))

    def _scores(self, arm: str, own: ArmCourse) -> dict[str, CourseScore]:
        """Scores of an arm; what one of them lacks is reported."""
        for name, score in (own.scores or {}).items():
            for key in score.lacking():
                self.missing(arm, "scores", name, key, write=f"`{key} = …`")
        return dict(own.scores or {})

    def _require_counted(self, arm: str, disease_arm: str, disease: ArmCourse) -> None:
        """Report hazards that an endpoint counts and that the course of an arm does not say."""
        for name, endpoint in self.frame.endpoints.items():
            if endpoint is None or name in self.table or arm not in self.frame.needed.get(name, ()):
                continue
            for word in endpoint.needs():
                if getattr(disease, word) is None:
                    write = f"`{word} = {{ per_year = … }}`, with 0.0 if it never happens"
                    self.missing(disease_arm, word, write=f"{write} ('{name}' counts it)")

    def _says_who_crosses(self) -> bool:
        """Whether the course of any arm has a probability of crossing over."""
        courses = [self.of_arm(arm) for arm in self.frame.arms]
        parts = [part for c in courses for part in (c, *(c.get("strata") or {}).values())]
        return any("crossover" in part for part in parts)

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
        fed = any(e is not None and e.from_course for e in self.frame.endpoints.values())
        remission = course.remission
        if remission is None:
            if (fed and not self._all_direct()) or course.scores:
                write = f"`remission = {{ probability = …, onset = {_EXAMPLE} }}`"
                self.missing(arm, "remission", write=write)
                return None
            remission = Remission(probability=0.0)
        if remission.probability is None:
            self.missing(arm, "remission", "probability", write="`probability = …`")
            return None
        durability = course.durability or Durability(cured=1.0)
        redosing = course.redosing
        if remission.probability > 0.0 or (redosing is not None and not redosing.after_relapse):
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
        sequels = tuple(sequels_of(course))
        lacking = [(*path, *key) for path, sequel in sequels for key in sequel.lacking()]
        taper = course.taper
        if taper is not None and taper.months is None:
            self.missing(arm, "taper", "months", write=f"`months = {_EXAMPLE}`")
            return None
        for path in lacking:
            self.missing(arm, *path, write=f"`{path[-1]} = …`")
        return DiseaseCourse(
            remission=remission.probability,
            onset=remission.onset,
            cured=durability.cured or 0.0,
            relapse=durability.relapse,
            rescue=per_month(course.rescue),
            sequels=() if lacking else tuple((path_to(*path), s) for path, s in sequels),
            taper=taper,
        )

    # ── direct truth ──────────────────────────────────────────────────────────────────────
    def _all_direct(self) -> bool:
        """Whether all that could follow from remission is given directly."""
        return all(
            name in self.table
            for name, endpoint in self.frame.endpoints.items()
            if endpoint is not None and endpoint.from_course
        )

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
            value = self.table[name].get(arm)
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

    def dropout(
        self, courses: tuple[tuple[GroupCourse, ...], ...] | None
    ) -> tuple[tuple[float, ...], ...]:
        """Hazards of dropout, a month, by arm and stratum."""
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


def _stands(table: Any, path: tuple[str | int, ...]) -> bool:
    """Whether a value stands at a path of a table."""
    for key in path:
        if not isinstance(table, dict) or key not in table:
            return False
        table = table[key]
    return table is not None


_EXAMPLE = '{ dist = "weibull", shape = 1.5, median = … }'
