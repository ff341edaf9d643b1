"""What the next participants would have to show, against sums that know nothing of the program."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.analysis import analyze, folder
from adaptive_cart.cli import main
from adaptive_cart.design.design import Design
from analysis.test_absence import TOML, VISITS, predictive, visit_rows
from analysis.test_real_trial_round_trip import simulated, table
from checks import raw_design
from test_designs import ready

AT: dict[str, Any] = {"look": 1, "as_of": 15.75, "fast": True}


def better(cells: int, usual: int, n_cells: int, n_usual: int) -> float:
    """P(cells > usual) with uniform priors, summed over a grid."""
    grid = (np.arange(20_000) + 0.5) / 20_000
    density = stats.beta.pdf(grid, 1 + cells, 1 + n_cells - cells) / 20_000
    return float(density @ stats.beta.cdf(grid, 1 + usual, 1 + n_usual - usual))


def test_every_outcome_of_the_next_participants_is_judged() -> None:
    found = analyze(Design(**VISITS), visit_rows(), what_if=13, **AT)
    efficacy, futility = found.findings.what_if
    # nobody is waited for: thirteen would be randomised, in turn
    assert efficacy.arms == ("usual", "cells")
    assert efficacy.more == (7, 6)
    assert (efficacy.look, efficacy.threshold) == (2, 0.99)
    ways = list(product(range(8), range(7)))
    expected = [(u, c) for u, c in ways if better(10 + c, 4 + u, 26, 27) >= 0.99]
    assert list(efficacy.holds) == expected
    assert 0 < len(expected) < len(ways)
    assert "of 6 more" in found.text
    # a prediction is judged at the same look, since it is at no later one
    assert (futility.look, futility.threshold) == (1, 0.20)
    even = analyze(Design(**VISITS), visit_rows(), what_if=8, **AT).findings.what_if[1]
    assert even.more == (4, 4)
    ways = list(product(range(5), range(5)))
    assert list(even.holds) == [(u, c) for u, c in ways if predictive(10 + c, 4 + u, 24, 40) < 0.2]
    assert 0 < len(even.holds) < len(ways)


def test_who_is_waited_for_comes_first_in_the_order_of_randomisation() -> None:
    rows = visit_rows()
    arms = ("cells", "cells", "usual", "cells")
    rows += [
        rows[0] | {"participant": 100 + k, "arm": arm, "randomised_month": 12.0 + 0.1 * k,
                   "last_contact_month": 3.0, "remission_month": "", "infused_month": ""}
        for k, arm in enumerate(arms)
    ]  # fmt: skip

    def more(number: int) -> tuple[int, ...]:
        found = analyze(Design(**VISITS), rows, what_if=number, **AT).findings.what_if[0]
        assert found.participants == sum(found.more)
        return found.more

    assert more(1) == (0, 1)
    assert more(3) == (1, 2)
    assert more(4) == (1, 3)
    assert more(6) == (2, 4)
    assert more(200) == (19, 21)  # eighty in all, forty of them analysed
    # who has died or left has nothing to show any more
    rows[40] |= {"death_month": 3.0}
    rows[42] |= {"withdrawn_month": 3.0}
    assert more(2) == (0, 2)
    assert more(3) == (1, 2)


def test_who_was_passed_over_at_infusion_is_not_waited_for() -> None:
    raw = json.loads(json.dumps(VISITS))
    raw["endpoints"]["crs"] = {"type": "adverse_event", "within_months": 1}
    raw["scenarios"]["expected"]["crs"] = {"usual": 0.1, "cells": 0.1}
    raw["rules"].insert(0, {
        "name": "safety", "then": "stop_for_safety", "at_least": 0.9,
        "posterior": {"endpoint": "crs", "arm": "cells", "above": 0.2},
    })  # fmt: skip
    rows = visit_rows(crs="")
    rows[3]["infused_month"] = ""  # the second of the arm; nineteen were infused
    rows += [
        rows[1] | {"participant": 100 + k, "randomised_month": 15.0 + 0.1 * k, "infused_month": at,
                   "last_contact_month": 0.7, "remission_month": ""}
        for k, at in enumerate((0.2, ""))
    ]  # fmt: skip
    for number, expected in ((1, 1), (2, 2), (3, 2), (4, 3)):
        found = analyze(Design(**raw), rows, what_if=number, **AT).findings.what_if[0]
        assert (found.arms, found.more) == (("cells",), (expected,))


def test_a_question_about_one_arm_is_told_in_a_line() -> None:
    raw = json.loads(json.dumps(VISITS))
    raw["rules"][0]["posterior"] = {"endpoint": "free", "arm": "cells", "above": 0.4}
    raw["rules"][0]["at_least"] = 0.95
    found = analyze(Design(**raw), visit_rows(), what_if=10, **AT)
    efficacy = found.findings.what_if[0]
    assert (efficacy.arms, efficacy.more) == (("cells",), (5,))
    expected = [(c,) for c in range(6) if stats.beta.sf(0.4, 11 + c, 16 - c) >= 0.95]
    assert list(efficacy.holds) == expected
    assert 0 < len(expected) < 6
    assert "responders in cells, of 5 more: holds with" in found.text


def test_where_every_outcome_says_the_same_it_is_said_once() -> None:
    found = analyze(Design(**VISITS), visit_rows(), what_if=1, **AT)
    assert "however many responders there are, it does not hold" in found.text


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("durability_event_driven", "what participants would show cannot be listed"),
        ("products_multiarm", "nobody is still to come in its arms"),
        ("basket_diseases", None),
    ],
)
def test_what_cannot_be_listed_says_why(name: str, why: str | None) -> None:
    design = ready(raw_design(name))
    block = simulated(design, next(iter(design.truths)), 1)
    rows = table(design, block, 0)
    found = analyze(design, rows, look=1, what_if=4, fast=True)
    told = [w.why for w in found.findings.what_if]
    if why is None:
        assert told
        assert not any(told)
    elif name == "products_multiarm":
        assert all(w is None or why in w for w in told)
    else:
        assert all(w is not None and why in w for w in told)
        assert why in found.text


def test_too_many_outcomes_are_refused_and_nobody_is_no_number() -> None:
    (efficacy, _) = analyze(Design(**VISITS), visit_rows(), what_if=1_000, **AT).findings.what_if
    assert efficacy.why is None  # forty are still to come, and no more
    raw = json.loads(json.dumps(VISITS))
    raw["enrolment"]["max_n"], raw["looks"] = 400, {"observed": [40, 400]}
    (efficacy, _) = analyze(Design(**raw), visit_rows(), what_if=100, **AT).findings.what_if
    assert efficacy.why == ("100 may come out in 2,601 ways; up to 2,000 are told: ask for fewer")
    with pytest.raises(ac.CartError, match="--what-if: found 0; from 1 to 100,000 is"):
        analyze(Design(**VISITS), visit_rows(), what_if=0, **AT)


def test_the_command_writes_it_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "figures_of", lambda analysis: {})  # drawing takes seconds
    design, data = tmp_path / "design.toml", tmp_path / "data.csv"
    design.write_text(TOML, encoding="utf-8")
    rows = visit_rows()
    lines = [",".join(rows[0]), *(",".join(str(v) for v in row.values()) for row in rows)]
    data.write_text("\n".join(lines), encoding="utf-8")
    command = ["analyze", str(design), str(data), "--fast", "--out", str(tmp_path / "o"),
               "--as-of", "15.75", "--what-if", "8"]  # fmt: skip
    run = CliRunner().invoke(main, command)
    assert run.exit_code == 0, run.output
    heading = "What the next 8 participants would have to show for futility"
    assert heading in run.output
    for name in ("analysis.md", "analysis.html"):
        assert heading in (tmp_path / "o" / name).read_text(encoding="utf-8")
    written = json.loads((tmp_path / "o" / "analysis.json").read_text(encoding="utf-8"))
    assert written["what_if"][0]["more"] == [4, 4]


# ── several endpoints ─────────────────────────────────────────────────────────────────────────
def of_two_endpoints(*more: dict[str, Any], **asked: Any) -> Design:
    """Two counts in two arms, and a rule about both."""
    return Design(
        name="two",
        arms={"soc": {"control": True}, "cart": {}},
        endpoints={
            "dfr": {"type": "landmark", "month": 6},
            "crs3": {"type": "adverse_event", "within_months": 1},
        },
        utility={"worth": {"dfr": 1.0, "crs3": -0.4}},
        enrolment={"max_n": 24, "per_month": 4},
        looks={"observed": [20, 24]},
        rules=[{"name": "both", "then": "declare_success", **asked}, *more],
        scenarios={"null": {"dfr": {"soc": 0.2, "cart": 0.2}, "crs3": {"soc": 0.1, "cart": 0.1}}},
    )


def both_known(more: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """Twenty participants, and one more in each arm where these outcomes are given."""
    had = {"soc": (2, 1, 10), "cart": (6, 2, 10)}
    rows = [
        {"participant": f"{arm}{k}", "arm": arm, "randomised_month": 0.2 * k,
         "last_contact_month": 14.0, "dfr": int(k < yes), "crs3": 0.5 if k < harm else ""}
        for arm, (yes, harm, n) in had.items() for k in range(n)
    ]  # fmt: skip
    for arm, dfr, crs3 in zip(("soc", "cart"), more[:2], more[2:], strict=False):
        rows.append(
            {"participant": f"next {arm}", "arm": arm, "randomised_month": 1.9,
             "last_contact_month": 14.0, "dfr": dfr, "crs3": 0.5 if crs3 else ""}
        )  # fmt: skip
    return rows


UTILITY = {"utility": "worth", "arm": "cart", "minus": "soc", "above": 0.0}
EFFECT = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0}


@pytest.mark.parametrize(
    ("asked", "places"),
    [
        ({"posterior": UTILITY, "at_least": 0.9}, 4),
        ({"jointly": [EFFECT, {"endpoint": "crs3", "arm": "cart", "below": 0.4}],
          "at_least": 0.85}, 3),
        ({"jointly": [UTILITY, {"endpoint": "crs3", "arm": "cart", "below": 0.4}],
          "at_least": 0.79}, 4),
    ],
)  # fmt: skip
def test_of_several_endpoints_each_outcome_is_that_of_a_table_that_has_it(
    asked: dict[str, Any], places: int
) -> None:
    """The table with the next two participants in it is judged anew, for every outcome."""
    design = of_two_endpoints(**asked)
    at = {"look": 1, "as_of": 16.0, "fast": True}
    (told,) = analyze(design, both_known(), what_if=2, **at).findings.what_if
    assert told.why is None
    assert told.more == (1,) * places
    assert set(zip(told.endpoints, told.arms, strict=True)) >= {("dfr", "soc"), ("crs3", "cart")}
    order = [(name, arm) for name in ("dfr", "crs3") for arm in ("soc", "cart")]
    where = [order.index(own) for own in zip(told.endpoints, told.arms, strict=True)]
    holds = set(told.holds)
    for more in product((0, 1), repeat=4):
        if places == 3 and more[2]:  # the control's harm is not asked about
            continue
        (rule,) = analyze(design, both_known(more), **at).rules
        assert (tuple(more[k] for k in where) in holds) == rule.holds, (more, rule.fast)
    assert 0 < len(holds) < 2**places


def test_several_endpoints_are_named_where_they_are_counted() -> None:
    design = of_two_endpoints(posterior=UTILITY, at_least=0.9)
    text = analyze(design, both_known(), look=1, as_of=16.0, fast=True, what_if=2).text
    assert "responders (dfr) in soc, of 1 more" in text
    assert "events (crs3) in cart, of 1 more: holds with" in text


@pytest.mark.parametrize("together", ["jointly", "all"])
def test_a_prediction_of_several_things_is_judged_and_told_as_such(together: str) -> None:
    """What would change it is not told of one endpoint alone, which a completed trial has not."""
    safe = {"endpoint": "crs3", "arm": "cart", "below": 0.4}
    both: dict[str, Any] = {"jointly": [EFFECT, safe], "at_least": 0.85}
    if together == "all":
        both = {"all": [{"posterior": one, "at_least": 0.98} for one in (EFFECT, safe)]}
    ahead = {"name": "ahead", "then": "declare_futility", "predictive": {"rule": "both"},
             "below": 0.05, "looks": [1]}  # fmt: skip
    at = {"look": 1, "as_of": 16.0, "fast": True}
    found = analyze(of_two_endpoints(ahead, **both), both_known(), what_if=2, tipping=True, **at)
    rule = next(rule for rule in found.rules if rule.rule == "ahead")
    assert rule.fast is not None
    assert not rule.changes
    told = next(told for told in found.findings.what_if if told.rule == "ahead")
    assert told.why == "several things are asked at once, and not how many respond"
