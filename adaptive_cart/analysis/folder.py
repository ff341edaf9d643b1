"""The folder of an analysis: ``analysis.json``, ``analysis.md``, the page, figures, posteriors.

    analysis.json        look, date, numbers, rules, decision, digests, versions, seed
    analysis.md          the same in words
    analysis.html        one page with its figures inside
    posterior.nc         the primary endpoint's reference posterior; ArviZ opens it
    posterior_NAME.nc    another endpoint's
    figures/             each as SVG and PNG, with its numbers as CSV

Every file is written whole. The folder of an earlier analysis is replaced file by file, and what
this analysis does not have is removed from it, so that nothing of another look is left behind.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adaptive_cart.analysis.page import page
from adaptive_cart.analysis.pictures import Picture, figures_of
from adaptive_cart.analysis.text import markdown_text
from adaptive_cart.errors import InputError
from adaptive_cart.nouns.whole_files import telling, write_text

if TYPE_CHECKING:
    from adaptive_cart.analysis.flow import Analysis

FIGURES = "figures"
JSON = "analysis.json"
KINDS = ("*.nc", "*.zarr")
METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": "adaptive_cart"},
    "png": {"Software": None},
}


def write_folder(analysis: Analysis, folder: Path, say: Callable[[str], None]) -> Path:
    """Write everything; return the folder.

    Raises
    ------
    InputError
        If the folder holds something else.
    """
    require_ours(folder)
    with telling("be made", folder):
        (folder / FIGURES).mkdir(parents=True, exist_ok=True)
    say("drawing the figures")
    pictures = figures_of(analysis)
    inline: dict[str, tuple[str, Picture]] = {}
    for name, picture in pictures.items():
        inline[name] = _write_picture(folder / FIGURES / name, picture), picture
    _sweep(folder, pictures)
    captions = [(f"{FIGURES}/{name}", picture.caption) for name, picture in pictures.items()]
    write_text(folder / "analysis.md", markdown_text(analysis.findings, captions))
    write_text(folder / "analysis.html", page(analysis.findings, inline))
    posteriors = _write_posteriors(analysis, folder)
    tables = analysis.findings.as_json() | {
        "posteriors": posteriors,
        "figures": {name: picture.caption for name, picture in pictures.items()},
    }
    # last, so that a folder with this file is whole
    write_text(folder / JSON, json.dumps(_plain(tables), indent=2, ensure_ascii=False) + "\n")
    return folder


def require_ours(folder: Path) -> None:
    """Raise an :class:`InputError` if the folder holds something else than an analysis."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; a folder is expected")
    if folder.exists() and any(folder.iterdir()) and not (folder / JSON).exists():
        known = {"analysis.md", "analysis.html", FIGURES}
        if not {path.name for path in folder.iterdir()} & known:
            raise InputError(f"{folder}: holds something else than an analysis; choose another one")


def _sweep(folder: Path, pictures: Mapping[str, Picture]) -> None:
    """Remove what an earlier analysis left and this one does not have."""
    import shutil

    (folder / JSON).unlink(missing_ok=True)
    for pattern in KINDS:
        for path in folder.glob(f"posterior{pattern}"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in (folder / FIGURES).iterdir():
        if path.is_file() and path.stem not in pictures:
            path.unlink()


def _write_picture(stem: Path, picture: Picture) -> str:
    """Write one figure with its numbers; return its SVG."""
    from matplotlib import rc_context

    from adaptive_cart.figures.style import RC

    with rc_context(RC):
        svg = io.StringIO()
        picture.figure.savefig(svg, format="svg", metadata=METADATA["svg"])
        with telling("be written", stem.with_suffix(".png")):
            picture.figure.savefig(
                stem.with_suffix(".png"), format="png", metadata=METADATA["png"], dpi=200
            )
    write_text(stem.with_suffix(".svg"), svg.getvalue())
    text = io.StringIO()
    columns = list(dict.fromkeys(key for row in picture.rows for key in row))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(picture.rows)
    write_text(stem.with_suffix(".csv"), text.getvalue())
    return svg.getvalue()


def _write_posteriors(analysis: Analysis, folder: Path) -> dict[str, str]:
    """Write each endpoint's reference posterior; return the files by endpoint."""
    if analysis.reference is None:
        return {}
    primary = analysis.plan.design.primary
    found = {}
    for endpoint, fit in analysis.reference.fits().items():
        stem = "posterior" if endpoint == primary else f"posterior_{endpoint}"
        with telling("be written", folder / stem):
            found[endpoint] = fit.save(folder / stem).name
    return found


def _plain(value: Any) -> Any:
    """JSON has no infinity and no nan: nothing stands for both."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
