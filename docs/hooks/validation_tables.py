"""The tables of ``validation.md`` and ``machines.md``, from what the studies in ``sims`` wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd
from mkdocs.structure.pages import Page

SIMS = Path(__file__).parents[2] / "sims"
STUDIES = SIMS / "validation"
MANY = 20  # comparisons of a rule
ONCE = "a scenario, once"  # what growth.csv calls the true values
MARK = re.compile(r"^<!-- table: (\w+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Put each table where its mark stands; mkdocs calls this for every page."""
    return MARK.sub(lambda mark: "\n".join(TABLES[mark[1]]()), markdown)


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterable[str]:
    """Lines of a table."""
    head = list(head)
    yield line(head)
    yield line("---" for _ in head)
    yield from (line(row) for row in rows)


def line(cells: Iterable[object]) -> str:
    """Write one line of a table."""
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def published() -> Iterable[str]:
    """How many published numbers of each source were found again."""
    found = pd.read_csv(STUDIES / "published_designs.csv", keep_default_na=False)
    by_source = found.assign(yes=found["agrees"] == "yes").groupby("source", sort=False)["yes"]
    rows = ((source, len(own), own.sum()) for source, own in by_source)
    total = ("**all**", len(found), (found["agrees"] == "yes").sum())
    return table(("published in", "numbers", "agree"), [*rows, total])


def disagreeing() -> Iterable[str]:
    """Published numbers that were not found again, with what is said of them."""
    found = pd.read_csv(STUDIES / "published_designs.csv", keep_default_na=False)
    columns = ["source", "quantity", "published", "found", "remark"]
    return table(columns, found.loc[found["agrees"] != "yes", columns].itertuples(index=False))


def priors() -> Iterable[str]:
    """Published facts of priors beside what is found here."""
    found = pd.read_csv(STUDIES / "published_priors.csv", dtype=str)
    columns = ["quantity", "published", "found", "within"]
    return table(columns, found[columns].itertuples(index=False))


def calibration() -> Iterable[str]:
    """For each model and face: quantities inside their bands, and the score farthest from 0."""
    files = sorted((STUDIES / "results").glob("calibration_*.csv"))
    read = pd.concat([pd.read_csv(path, dtype=str, keep_default_na=False) for path in files])
    rows = []
    for (model, face), own in read.groupby(["model", "face"]):  # those of early series have none
        judged = own[own["inside_bands"] != ""]  # which of several is the best has no bands
        inside = f"{(judged['inside_bands'] == 'true').sum()} of {len(judged)}"
        score = pd.to_numeric(own["score"]).abs().max()
        farthest = "–" if pd.isna(score) else f"{score:.2f}"
        sets = f"{pd.to_numeric(judged['datasets']).max():,.0f}"
        rows.append((f"`{model}`", face, sets, inside, farthest))
    return table(("model", "face", "data sets", "inside the bands", "farthest score"), rows)


def calibration_of_evidence() -> Iterable[str]:
    """The same of the model of early series, by outcome and face."""
    rows = []
    for path in sorted((STUDIES / "results").glob("calibration_evidence_*.csv")):
        own = pd.read_csv(path, dtype=str)
        inside = f"{(own['inside_bands'] == 'true').sum()} of {len(own)}"
        rows.append((*own.loc[0, ["outcome", "face"]], f"{int(own.loc[0, 'tables']):,}", inside))
    return table(("outcome", "face", "tables drawn", "inside the bands"), rows)


def adjustment_without_trend() -> Iterable[str]:
    """What adjustment for the calendar loses where nothing drifts, beside theory."""
    found = pd.read_csv(STUDIES / "results" / "adjustment_without_trend.csv", dtype=str)
    head = ("controls", "RMSE, to pooling", "theory", "power less that of pooling", "theory")
    rows = (
        (
            row["model"], f"{row['rmse_ratio']} ({row['rmse_ratio_mcse']})",
            row["rmse_ratio_theory"],
            f"{row['power_less_pooled']} ({row['power_less_pooled_mcse']})",
            row["power_less_pooled_theory"],
        )
        for row in found.to_dict("records")
        if row["model"] != "pooled"
    )  # fmt: skip
    return table(head, rows)


def time_trends() -> Iterable[str]:
    """An arm that enters late, by trend and model: type I error, power, and error of estimates."""
    read = pd.read_csv(STUDIES / "results" / "time_trends.csv", dtype=str)
    of = {(r["trend"], r["model"], r["late product"]): r for r in read.to_dict("records")}
    rows = []
    for trend, model in dict.fromkeys((trend, model) for trend, model, _ in of):
        null, works = (of[trend, model, truth] for truth in ("does not work", "works"))
        shares = [f"{own['success']} ({own['success_mcse']})" for own in (null, works)]
        rows.append((trend, f"`{model}`", *shares, null["bias"], null["rmse"]))
    rows.sort(key=lambda row: list(dict.fromkeys(read["trend"])).index(row[0]))
    head = ("trend", "model", "type I error", "power", "bias", "root mean squared error")
    return table(head, rows)


def time_trends_by_endpoint() -> Iterable[str]:
    """The same of a rate, a time and a score, with what theory says without a trend."""
    read = pd.read_csv(STUDIES / "results" / "time_trends_by_endpoint.csv", dtype=str)
    of = {
        (row["endpoint"], row["model"], row["trend"], row["late product"]): row
        for row in read.fillna("").to_dict("records")
    }
    none, line = "none", "a line in all arms"
    null = "does not work"
    rows = []
    for endpoint, model in dict.fromkeys(key[:2] for key in of):
        own = {key[2:]: row for key, row in of.items() if key[:2] == (endpoint, model)}
        plain, pooled = own[none, null], of[endpoint, "pooled", none, null]
        ratio = f"{float(plain['rmse']) / float(pooled['rmse']):.3f}"
        theory = plain["rmse_theory"]
        both = f"{ratio} ({float(theory):.3f})" if theory else ratio
        shares = [
            f"{one['success']} ({one['success_mcse']})" if one else "–"
            for one in (plain, own.get((none, "works")), own.get((line, null)))
        ]
        rows.append((endpoint, f"`{model}`", *shares, both))
    head = ("endpoint", "model", "type I error", "power", "type I error under a line",
            "root mean squared error over that of pooling (theory)")  # fmt: skip
    return table(head, rows)


def verification() -> Iterable[str]:
    """The fast posterior against PyMC, a line a design and rule that many looks were taken of."""
    found = pd.read_csv(STUDIES / "results" / "verification.csv")
    found = found[found["probabilities"] >= MANY]
    columns = {
        "design": "design", "rule": "rule", "probabilities": "compared",
        "largest_difference": "largest difference", "median_mcse": "PyMC's own MCSE",
        "decisions_differing": "decisions that differ",
        "differing_within_4_mcse_of_threshold": "of these within 4 MCSE of the threshold",
    }  # fmt: skip
    return table(columns.values(), found[list(columns)].itertuples(index=False))


def verified_designs() -> Iterable[str]:
    """Which designs were verified, a line a design: also those that were not."""
    found = pd.read_csv(STUDIES / "results" / "verified_designs.csv", dtype=str).fillna("")
    of_rules = pd.read_csv(STUDIES / "results" / "verification.csv").groupby("design")["looks"]
    before = of_rules.max().to_dict()
    runs = {own["design"]: own for own in found.to_dict("records")}
    rows = []
    for folder in (SIMS.parent / "designs", STUDIES / "designs"):
        for name in (path.stem for path in sorted(folder.glob("*.toml"))):
            if name in runs:
                own = runs[name]
                seldom = [part for part in own["compared_seldom_or_never"].split("; ") if part]
                rows.append((name, own["looks"], own["probabilities"], own["estimates"],
                             own["largest_difference"], own["rms_difference_in_mcse"],
                             own["too_large"], len(seldom) or "none", own["verdict"]))  # fmt: skip
            elif name in before:
                rows.append((name, before[name], *[""] * 6, "of an earlier run, by rule"))
            else:
                rows.append((name, *[""] * 7, "not run"))
    head = ("design", "looks", "probabilities", "estimates", "largest difference",
            "in standard errors", "too large", "compared seldom or never", "verdict")  # fmt: skip
    return table(head, rows)


def compared_seldom() -> Iterable[str]:
    """What of each design counts as not verified, by name."""
    found = pd.read_csv(STUDIES / "results" / "verified_designs.csv", dtype=str).fillna("")
    seldom = found[found["compared_seldom_or_never"] != ""]
    named = seldom["compared_seldom_or_never"].str.split("; ").str.join("`; `")
    rows = ((design, f"`{what}`") for design, what in zip(seldom["design"], named, strict=True))
    return table(("design", "compared fewer than five times, or never"), rows)


def fits_of_pymc() -> Iterable[str]:
    """What PyMC took in these runs, a line a model: compiling, and fitting the data of a look."""
    found = pd.read_csv(STUDIES / "results" / "fits_of_pymc.csv")
    rows = []
    for model, own in found.groupby("model"):
        timed = own.dropna(subset=["compiling", "sampling"]).sum(numeric_only=True)
        compiling = f"{timed['compiling'] / timed['compiled']:.1f}" if timed["compiled"] else "–"
        sampling = f"{timed['sampling'] / timed['fits']:.1f}" if timed["fits"] else "–"
        total = own.sum(numeric_only=True)
        each = (f"{total[name] / total['fits']:,.0f}" for name in ("draws", "effective"))
        rows.append((f"`{model}`", int(total["fits"]), *each, compiling, sampling))
    head = ("model", "fits", "draws a fit", "effective", "seconds to compile", "seconds a fit")
    return table(head, rows)


def round_trips() -> Iterable[str]:
    """Looks of simulated trials that were read back: of designs drawn, and of `designs/`."""
    found = pd.read_csv(STUDIES / "results" / "round_trips.csv")
    drawn = found["designs"].str.startswith("drawn ")
    columns = ["trials", "looks", "looks_that_differ", "decisions_that_differ",
               "decisions_withheld"]  # fmt: skip
    rows = [("drawn at random, a trial each", *found.loc[drawn, columns].sum())]
    own = found[~drawn]
    rows.append((f"{len(own)} of `designs/`, every scenario", *own[columns].sum()))
    head = ("designs", "trials", "looks", "looks that differ", "decisions that differ",
            "decisions withheld")  # fmt: skip
    return table(head, ((what, *(f"{n:,}" for n in numbers)) for what, *numbers in rows))


def seen_at_visits() -> Iterable[str]:
    """What it costs that states are seen at visits, a line a schedule of visits."""
    read = pd.read_csv(SIMS / "visits" / "seen_at_visits.csv", keep_default_na=False)
    of = read.set_index(["design", "scenario", "visits", "measure"])["estimate"].to_dict()
    state, times, lasts = "sle_autologous", "durability_event_driven", "sle_autologous, cart"
    measures = (
        (state, "expected", "bias_final", False),
        (times, "expected", "bias_final", False),
        (times, "expected", "success", False),
        (times, "null", "success", False),
        (lasts, "expected", "in remission after 12 months", True),
        (lasts, "expected", "cured fraction", True),
    )
    rows = []
    for visits in (name for name in dict.fromkeys(read["visits"]) if "late" not in name):
        cells = []
        for design, scenario, measure, moved in measures:
            value = of.get((design, scenario, visits, measure))
            if value is not None and moved:
                value -= of[design, scenario, "at its moment", measure]
            how = ".4f" if measure == "success" else "+.3f"
            cells.append("–" if value is None else f"{value:{how}}".replace("-", "−"))
        rows.append((visits, *cells))
    head = ("seen", "state at a month: bias", "hazard ratio: bias", "its power",
            "its type I error", "in remission after 12 months: moved",
            "cured fraction: moved")  # fmt: skip
    return table(head, rows)


def adjusted_estimates() -> Iterable[str]:
    """What estimates corrected for the stop gain and cost, a line a case, scenario and estimate."""
    found = pd.read_csv(
        STUDIES / "results" / "adjusted_estimates.csv", dtype=str, keep_default_na=False
    )
    rows = []
    for own in found.to_dict("records"):
        cells = []
        for measure in ("bias", "rmse", "coverage", "overestimated"):
            value, error = f"{float(own[measure]):.3f}", float(own[f"{measure}_mcse"])
            cells.append(value.replace("-", "−") + (f" ({error:.4f})" if error else ""))
        trials = f"{int(own['trials']):,} trials" if own["trials"] else ""
        case = f"{own['case']}, {trials}" if trials else own["case"]
        rows.append((case, own["scenario"], own["estimate"], *cells))
    head = ("design", "scenario", "estimate", "bias", "root mean squared error", "coverage",
            "too large")  # fmt: skip
    return table(head, rows)


def early_tells_late() -> Iterable[str]:
    """The main design without and with `[prediction]`, a line a way to use it."""
    read = pd.read_csv(
        STUDIES / "results" / "early_tells_late.csv", dtype=str, keep_default_na=False
    )
    ways = ["success_judged", "from", "counts", "prior"]
    asked = (
        ("null", ("futility", "months")),
        ("expected", ("success", "months")),
        ("broken_link", ("success", "futility", "months")),
        ("early_only", ("futility", "months")),
    )
    rows = []
    for way, own in read.groupby(ways, sort=False):
        of = own.set_index("scenario")
        cells = [
            ", ".join(
                f"{float(text):.1f}" if name == "months" else text
                for name, text in zip(names, of.loc[scenario, [*names]], strict=True)
            )
            for scenario, names in asked
        ]
        rows.append((*(part or "–" for part in way), *cells))
    head = ("success judged", "`from`", "`counts`", "`prior`", "null: futility, months",
            "expected: power, months", "broken link: power, futility, months",
            "early only: futility, months")  # fmt: skip
    return table(head, rows)


def certified_bounds() -> Iterable[str]:
    """What is stated of an error or a power beside what is enumerated."""
    found = pd.read_csv(STUDIES / "results" / "certified_bounds.csv", dtype=str).fillna("–")
    columns = {"what": "of", "over": "over", "truths": "truths", "trials": "trials each",
               "enumerated": "enumerated", "stated": "stated", "tried": "tried at random truths",
               "beyond": "of them beyond"}  # fmt: skip
    rows = found.to_dict("records")
    for own in rows:
        if own["mcse"] != "–":
            own["stated"] = f"{own['stated']} ({own['mcse']})"
    return table(columns.values(), ([own[name] for name in columns] for own in rows))


def stated_bounds() -> Iterable[str]:
    """How often bounds with confidence held, a line a case."""
    found = pd.read_csv(STUDIES / "results" / "stated_bounds.csv", dtype=str)
    head = ("over", "truths", "trials each", "repetitions", "held", "largest, enumerated",
            "median bound", "by the tilt")  # fmt: skip
    return table(head, found.itertuples(index=False))


def mutants() -> Iterable[str]:
    """Of each room, what became of the changes that were made on purpose."""
    found = pd.read_csv(STUDIES / "results" / "mutants.csv", keep_default_na=False)
    rows = []
    for room, own in found.groupby(found["module"].str.split("/").str[0]):
        left = own["outcome"] != "killed"
        alike = own["why"].str.startswith("no difference")
        rows.append((f"`{room}`", len(own), (~left).sum(), (left & alike).sum(),
                     (left & ~alike).sum()))  # fmt: skip
    total = ("**all**", *(sum(column) for column in list(zip(*rows, strict=True))[1:]))
    head = ("room", "changes", "noticed", "make no difference", "not noticed")
    return table(head, [*rows, total])


def named_mutants() -> Iterable[str]:
    """Mistakes that an earlier review found unguarded, and the tests that fail now."""
    found = pd.read_csv(STUDIES / "results" / "mutants_named.csv")
    tests = found["killed_by"].str.replace(r"^tests/|\[.*$", "", regex=True)
    rows = zip(found["wrong"], (f"`{test}`" for test in tests), strict=True)
    return table(("mistake", "the test that fails"), rows)


def kills() -> Iterable[str]:
    """Runs that were killed, and how many ended with the same bytes."""
    found = pd.read_csv(SIMS / "robustness" / "kills.csv")
    how = {
        "random": "at random moments, typed again each time",
        "between": "right before the first, second, … file gets its name, typed again",
        "dask": "one of two dask workers every few seconds, nothing typed again",
    }
    head = ("killed", "kills", "trials a scenario", "runs", "with the same bytes")
    return table(
        head,
        (
            (how[row.how], row.kills, f"{row.trials:,}", row.runs, row.runs_with_the_same_bytes)
            for row in found.itertuples()
        ),
    )


def growth() -> Iterable[str]:
    """Time of a trial as a design grows."""
    found = pd.read_csv(SIMS / "benchmarks" / "growth.csv", comment="#", keep_default_na=False)
    head = ("design", "what grows", "to", "µs a trial", "slope of the last step", "of all")
    return table(head, found[found["grows"] != ONCE].itertuples(index=False))


def searches() -> Iterable[str]:
    """What the search of ``optimise`` and a random one find, a line a case."""
    found = pd.read_csv(STUDIES / "results" / "optimise_against_chance.csv", dtype=str).fillna("–")
    rows = []
    for own in found.to_dict("records"):
        better, seeds, worse = own["better"], own["seeds"], own["worse"]
        needs = (own["search_needs"], own["chance_needs"], own["no_design_below"])
        rows.append((own["case"], own["aim"], own["free"], f"{better} of {seeds}", worse,
                     own["chance_holds"], *needs))  # fmt: skip
    head = ("what is free", "aim", "numbers", "better", "worse", "chance found one", "search needs",
            "chance needs", "no design below")  # fmt: skip
    return table(head, rows)


def million() -> Iterable[str]:
    """What a million scenarios of a thousand trials would cost, by these times."""
    found = pd.read_csv(SIMS / "benchmarks" / "growth.csv", comment="#", keep_default_na=False)
    own = found[found["design"] == "sle_autologous"]
    trial = float(own.loc[own["value"] == 90, "microseconds"].iloc[0]) * 1e-6
    once = float(own.loc[own["grows"] == ONCE, "microseconds"].iloc[0]) * 1e-6
    scenarios, trials, cores = 10**6, 1_000, 1_000
    hours = [seconds * scenarios / 3600.0 for seconds in (trial * trials, once)]
    rows = [
        (what, f"{own:,.0f}", f"{own / cores * 60.0:,.1f}")
        for what, own in (
            ("following and judging", hours[0]),
            ("true values, once a scenario", hours[1]),
            ("together", sum(hours)),
        )
    ]
    return table(("", "hours of a core", f"minutes on {cores:,} cores"), rows)


TABLES: dict[str, Callable[[], Iterable[str]]] = {
    "searches": searches,
    "published": published,
    "disagreeing": disagreeing,
    "priors": priors,
    "calibration": calibration,
    "time_trends": time_trends,
    "time_trends_by_endpoint": time_trends_by_endpoint,
    "adjustment_without_trend": adjustment_without_trend,
    "verification": verification,
    "verified_designs": verified_designs,
    "compared_seldom": compared_seldom,
    "calibration_of_evidence": calibration_of_evidence,
    "round_trips": round_trips,
    "seen_at_visits": seen_at_visits,
    "adjusted_estimates": adjusted_estimates,
    "early_tells_late": early_tells_late,
    "certified_bounds": certified_bounds,
    "stated_bounds": stated_bounds,
    "fits_of_pymc": fits_of_pymc,
    "mutants": mutants,
    "named_mutants": named_mutants,
    "kills": kills,
    "growth": growth,
    "million": million,
}
