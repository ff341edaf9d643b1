"""Draw the figures of every design in `designs`, and of a grid of effects, into one folder.

    .venv/bin/python sims/figures/gallery.py [FOLDER] [TRIALS]

FOLDER is `gallery` if left out, TRIALS 1,000 a scenario. The results lie in FOLDER/results and are
extended when TRIALS is larger than before; the figures lie in FOLDER/<design>, and in
FOLDER/<design>/real_trial the pictures of one of its trials as if it were a real one, judged at the
look that ended it. Besides, it writes each figure in grey into FOLDER/grey, as a printer without
colours would show it.

The designs of the project have a few scenarios each, which differ in more than one number; so their
figures of power, type I error and sample size are dot plots. The grid is the smallest design with
nine effects at three control rates, enumerated, and shows the same figures as curves.
"""

from __future__ import annotations

import sys
from pathlib import Path

import adaptive_cart as ac
from adaptive_cart.analysis.pictures import figures_of
from adaptive_cart.figures import Written, rendered, write_figures
from adaptive_cart.figures.source import main_scenario, replay
from adaptive_cart.recorded.table import participants_table
from adaptive_cart.results.result import Result

ROOT = Path(__file__).resolve().parents[2]
EFFECTS = (0.0, 0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40)
CONTROLS = (0.05, 0.10, 0.20)


def grid_design(text: str) -> str:
    """Return the smallest design with a scenario for every effect and control rate."""
    lines = [text.split("[scenarios.")[0]]
    for control in CONTROLS:
        for effect in EFFECTS:
            name = f"control_{100 * control:.0f}_effect_{100 * effect:.0f}"
            role = "null" if effect == 0.0 else "alternative"
            lines.append(f'[scenarios.{name}]\nrole = "{role}"')
            lines.append(f"dfr = {{ soc = {control}, cart = {control + effect:.2f} }}")
    return "\n".join(lines) + "\n"


def draw(design: Path, folder: Path, trials: int) -> Written:
    """Run a design and write its figures, and those of a real trial."""
    loaded = ac.load_design(design)
    results = folder / "results" / design.stem
    text = design.read_text(encoding="utf-8")
    result = ac.simulate(loaded, trials=trials, out=results, design_text=text)
    draw_real_trial(result, folder / design.stem / "real_trial")
    return write_figures(result, folder / design.stem)


def draw_real_trial(result: Result, folder: Path) -> list[Path]:
    """Write the pictures of the longest of the replayed trials, at the look that ended it."""
    import pandas as pd

    block = replay(result, main_scenario(result)).block
    assert block.population is not None
    trial = int(block.months.argmax())
    number, date = int(block.randomised[trial].sum()), float(block.months[trial])
    rows = participants_table(result.design, block.population, trial, date, number)
    look = int(block.look[trial])
    analysis = ac.analyze(result.design, pd.DataFrame(rows), look=look, fast=True)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, picture in figures_of(analysis).items():
        written.append(folder / f"{name}.png")
        written[-1].write_bytes(rendered(picture.figure, "png"))
    return written


def in_grey(written: Written, folder: Path) -> None:
    """Write every figure as a printer without colours shows it."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for names in written.drawn.values():
        for name in names:
            if name.endswith(".png"):
                Image.open(written.folder / name).convert("L").save(folder / name)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "gallery")
    trials = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000
    folder.mkdir(parents=True, exist_ok=True)
    grid = folder / "effect_grid.toml"
    hello = (ROOT / "designs" / "hello.toml").read_text(encoding="utf-8")
    grid.write_text(grid_design(hello), encoding="utf-8")
    for design in (*sorted((ROOT / "designs").glob("*.toml")), grid):
        written = draw(design, folder, trials)
        in_grey(written, folder / "grey" / design.stem)
        print(f"{design.stem}: {len(written.drawn)} figures in {written.folder}")
        if written.missing:
            print("  not drawn: " + ", ".join(written.missing))


if __name__ == "__main__":
    main()
