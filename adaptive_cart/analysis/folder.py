"""The folder of an analysis: ``analysis.json``, ``analysis.md``, the page, figures, posteriors.

    analysis.json        look, date, numbers, rules, decision, digests, versions, seed
    analysis.md          the same in words
    analysis.html        one page with its figures inside
    posterior.nc         the primary endpoint's reference posterior; ArviZ opens it
    posterior_NAME.nc    another endpoint's
    figures/             each as SVG and PNG, with its numbers as CSV

Every file is written whole. The folder of an earlier analysis is replaced file by file, and what
this analysis does not have is removed from it, so that nothing of another look is left behind. That
is so of what an analysis wrote there and nobody has changed since: other files stay as they are.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from adaptive_cart.analysis.page import page
from adaptive_cart.analysis.pictures import Picture, figures_of
from adaptive_cart.analysis.text import markdown_text
from adaptive_cart.errors import InputError
from adaptive_cart.nouns.owned_folder import OwnedFolder
from adaptive_cart.nouns.whole_files import telling

if TYPE_CHECKING:
    from adaptive_cart.analysis.flow import Analysis

FIGURES = "figures"
JSON = "analysis.json"
LONGEST = 60  # letters of an endpoint's name in the name of a file
WRITES = re.compile(r"analysis\.(json|md|html)|posterior[^/]*(/.*)?|figures/[a-z_]+\.(svg|png|csv)")
METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": "adaptive_cart"},
    "png": {"Software": None},
}


def write_folder(analysis: Analysis, folder: Path, say: Callable[[str], None]) -> Path:
    """Write everything; return the folder.

    Raises
    ------
    InputError
        If the folder holds something else, or somebody's file stands where one is to be written.
    """
    require_ours(folder)
    owned = OwnedFolder(folder)
    owned.sweep()
    say("drawing the figures")
    pictures = figures_of(analysis)
    files = [f"{FIGURES}/{name}.{kind}" for name in pictures for kind in ("svg", "png", "csv")]
    owned.require_free([*files, *(f"{stem}.nc" for stem in _stems(analysis).values())])
    owned.remove(JSON)  # written last, so that a folder with this file is whole
    inline = {
        name: (_write_picture(owned, f"{FIGURES}/{name}", picture), picture)
        for name, picture in pictures.items()
    }
    captions = [(f"{FIGURES}/{name}", picture.caption) for name, picture in pictures.items()]
    owned.write("analysis.md", markdown_text(analysis.findings, captions))
    owned.write("analysis.html", page(analysis.findings, inline))
    posteriors = {}
    for endpoint, names in _write_posteriors(analysis, owned):
        posteriors[endpoint] = names[0].split("/")[0]
        files += names
    owned.keep_only([*files, "analysis.md", "analysis.html"])
    tables = analysis.findings.as_json() | {
        "posteriors": posteriors,
        "figures": {name: picture.caption for name, picture in pictures.items()},
    }
    owned.write(JSON, json.dumps(_plain(tables), indent=2, ensure_ascii=False) + "\n")
    return folder


def require_ours(folder: Path) -> None:
    """Raise an :class:`InputError` if the folder holds something else than an analysis."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; a folder is expected")
    with telling("be read", folder):
        empty = not folder.exists() or not any(folder.iterdir())
    owned = OwnedFolder(folder)
    # what the list tells of may be a run's, or a report's
    an_analysis = owned.names and all(WRITES.fullmatch(name) for name in owned.names)
    if not empty and not an_analysis:
        raise InputError(f"{folder}: holds something else than an analysis; choose another one")
    owned.require_free([JSON, "analysis.md", "analysis.html"])


def _write_picture(owned: OwnedFolder, stem: str, picture: Picture) -> str:
    """Write one figure with its numbers; return its SVG."""
    from matplotlib import rc_context

    from adaptive_cart.figures.style import RC

    svg, png = io.StringIO(), io.BytesIO()
    with rc_context(RC):
        picture.figure.savefig(svg, format="svg", metadata=METADATA["svg"])
        picture.figure.savefig(png, format="png", metadata=METADATA["png"], dpi=200)
    owned.write(f"{stem}.svg", svg.getvalue())
    owned.write(f"{stem}.png", png.getvalue())
    text = io.StringIO()
    columns = list(dict.fromkeys(key for row in picture.rows for key in row))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(picture.rows)
    owned.write(f"{stem}.csv", text.getvalue())
    return svg.getvalue()


def _write_posteriors(analysis: Analysis, owned: OwnedFolder) -> Iterator[tuple[str, list[str]]]:
    """Write each endpoint's reference posterior; yields the endpoint and the files."""
    if analysis.reference is None:
        return
    stems = _stems(analysis)
    for endpoint, fit in analysis.reference.fits().items():
        stem = stems[endpoint]
        with TemporaryDirectory() as aside:
            with telling("be written", owned.path(stem)):
                saved = fit.save(Path(aside) / "posterior")
            name = f"{stem}{saved.suffix}"
            parts = sorted(path for path in saved.rglob("*") if path.is_file())
            found = {f"{name}/{part.relative_to(saved).as_posix()}": part for part in parts}
            found = found or {name: saved}
            for file, part in found.items():
                owned.write(file, part.read_bytes())
        yield endpoint, list(found)


def _stems(analysis: Analysis) -> dict[str, str]:
    """By endpoint with a posterior: a name for its file, whatever letters the endpoint's has."""
    found: dict[str, str] = {}
    if analysis.reference is None:
        return found
    for endpoint in analysis.reference.fits():
        stem = "posterior"
        if endpoint != analysis.plan.design.primary:
            stem += "_" + re.sub(r"[^A-Za-z0-9_.-]", "_", endpoint)[:LONGEST]
        number, unique = 2, stem
        while unique in found.values():
            unique, number = f"{stem}_{number}", number + 1
        found[endpoint] = unique
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
