"""What ``adaptive-cart prior`` prints, and what it says when something is missing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from adaptive_cart.errors import DesignError, InputError
from adaptive_cart.priors.command import prior_text
from checks import DESIGNS

CONTROLS = "study,responders,participants\nA,3,40\nB,1,25\nC,6,60\n"
HELLO = DESIGNS / "hello.toml"


@pytest.fixture
def controls(tmp_path: Path) -> Path:
    file = tmp_path / "control.csv"
    file.write_text(CONTROLS, encoding="utf-8")
    return file


@pytest.fixture
def early(tmp_path: Path) -> Path:
    """Ten participants of a single arm whose outcome is given, six of them responders."""
    file = tmp_path / "early.csv"
    rows = "".join(f"{k},cart,{0.5 * k},{int(k <= 6)},{12.5}\n" for k in range(1, 11))
    header = "participant,arm,randomised_month,dfr,last_contact_month\n"
    file.write_text(header + rows, encoding="utf-8")
    return file


@pytest.mark.slow
def test_controls_with_and_without_a_design(controls: Path) -> None:
    alone = tomllib.loads(prior_text(None, None, controls))
    named = tomllib.loads(prior_text(HELLO, None, controls))
    assert (
        named["analysis"]["dfr"]["prior"]["soc"]
        == (alone["analysis"]["ENDPOINT"]["prior"]["CONTROL"])
    )
    assert "borrowed by 50 participants" in prior_text(HELLO, None, controls).replace("\n# ", " ")
    other = prior_text(None, None, controls, weight=0.5, vague_mean=0.1, endpoint="x", arm="y")
    mixture = tomllib.loads(other)["analysis"]["x"]["prior"]["y"]["mixture"]
    assert mixture[-1] == {"weight": 0.5, "a": 0.2, "b": 1.8}
    alike = prior_text(None, None, controls, between_sd=0.1)
    assert "half-normal(0.1)" in alike.replace("\n# ", " ")
    assert alike != prior_text(None, None, controls)


def test_participants_of_an_early_trial(early: Path) -> None:
    written = tomllib.loads(prior_text(HELLO, early, None))
    assert written["analysis"]["dfr"]["prior"]["cart"] == {"a": 7.0, "b": 5.0}
    doubted = tomllib.loads(prior_text(HELLO, early, None, skeptical=0.25))
    assert doubted["analysis"]["dfr"]["prior"]["cart"]["mixture"][0]["weight"] == 0.75
    # by month 14.1 four of them, all responders, have passed month 12
    sooner = tomllib.loads(prior_text(HELLO, early, None, date=14.1))
    assert sooner["analysis"]["dfr"]["prior"]["cart"] == {"a": 5.0, "b": 1.0}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, ["give DESIGN and DATA"]),
        ({"design": HELLO}, ["give DESIGN and DATA"]),
        ({"design": HELLO, "data": "early", "weight": 0.2}, ["--weight: goes with --historical"]),
        (
            {"data": "early", "historical": "controls", "date": 3.0, "between_sd": 0.0},
            ["found both", "--as-of: goes with DATA", "--between-sd: found 0"],
        ),
        (
            {"design": HELLO, "historical": "controls", "endpoint": "dfx"},
            ["--endpoint: the design has no 'dfx' (did you mean 'dfr'?)"],
        ),
        ({"historical": Path("nowhere.csv")}, ["nowhere.csv: cannot be read"]),
        ({"historical": "controls", "accuracy": 0.0}, ["--accuracy: found 0"]),
    ],
)
def test_what_is_wrong_is_told_at_once(
    given: dict[str, Any], words: list[str], controls: Path, early: Path
) -> None:
    files = {"controls": controls, "early": early}
    asked = {key: files.get(value, value) for key, value in given.items()}
    paths = [asked.pop(key, None) for key in ("design", "data", "historical")]
    with pytest.raises(InputError) as caught:
        prior_text(*paths, **asked)
    for word in words:
        assert word in str(caught.value)
    if len(words) > 1:
        assert isinstance(caught.value, DesignError)
        assert len(caught.value.problems) == len(words)


def test_priors_are_loaded_when_first_used() -> None:
    """Neither the names nor the sizes of priors cost what PyMC, pandas or SciPy's statistics do."""
    code = (
        "import sys, adaptive_cart.priors as p; p.effective_sample_sizes; p.prior_claims\n"
        "slow = {'pymc', 'arviz', 'pandas', 'matplotlib', 'scipy.stats', 'scipy.optimize'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.strip() == "[]"
