"""The courses of the arms, as one merged scenario says them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from adaptive_cart.courses.group import DiseaseCourse, GroupCourse
from adaptive_cart.courses.scores import CourseScore
from adaptive_cart.courses.tables import (
    COMMON,
    DISEASE,
    FEEDS,
    ArmCourse,
    Durability,
    Hazard,
    Remission,
    RemissionOnDrugs,
    per_month,
    sequels_of,
)
from adaptive_cart.design.products import PRODUCTS
from adaptive_cart.design.scenario_frame import BY, NOT_INFUSED
from adaptive_cart.design.scenario_places import Places
from adaptive_cart.design.truth import merged
from adaptive_cart.design.validation import lies_in, path_to, read

_EXAMPLE = '{ dist = "weibull", shape = 1.5, median = … }'  # of a time


class CourseReader(Places):
    """Reads what happens to participants, by arm and stratum."""

    def _has_course(self) -> bool:
        keys = {*DISEASE, "infusion", *FEEDS, "same_as", "strata"} - set(COMMON)
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

    def _all_direct(self) -> bool:
        """Whether all that could follow from remission is given directly."""
        return all(
            name in self.table
            for name, endpoint in self.frame.endpoints.items()
            if endpoint is not None and endpoint.from_course
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
