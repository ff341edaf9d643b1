"""Pages of a report as pictures, to be looked at.

    python sims/reports/look.py RESULT [--out FOLDER] [--facts FILE] [--paper a4] [--dots 60]

Writes the report of a results folder in every format; turns the Word document into a PDF by
LibreOffice and the page into one by Chromium, where they are installed; and puts the pages of each
into contact sheets (PNG), in colour and in grey. The page is photographed too, as wide as on a desk
and as narrow as on a telephone. What is cut off, overlaps or cannot be read is seen there. Needs
poppler's `pdftoppm`.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from adaptive_cart.report import write_report
from adaptive_cart.results.result import open_result

ACROSS, DOWN = 4, 2
WINDOWS = (1200, 420)  # dots across
TALL = 12_000  # dots down
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--no-pdf-header-footer",
)  # fmt: skip


def as_pdf(path: Path, out: Path) -> Path | None:
    made = out / f"{path.stem}_{path.suffix[1:]}.pdf"
    if path.suffix == ".pdf":
        shutil.copy(path, made)
    elif path.suffix == ".docx" and shutil.which("soffice"):
        command = ["soffice", "--headless", "--convert-to", "pdf", "--outdir", str(out), str(path)]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        (out / f"{path.stem}.pdf").replace(made)
    elif path.suffix == ".html" and shutil.which("chromium"):
        command = ["chromium", *QUIET, f"--print-to-pdf={made}", path.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    else:
        return None
    return made


def photographs(path: Path, out: Path) -> list[Path]:
    """A page in windows of several widths."""
    if path.suffix != ".html" or not shutil.which("chromium"):
        return []
    made = []
    for across in WINDOWS:
        picture = out / f"{path.stem}_{across}.png"
        window = [f"--window-size={across},{TALL}", "--hide-scrollbars"]
        command = ["chromium", *QUIET, *window, f"--screenshot={picture}"]
        subprocess.run([*command, path.resolve().as_uri()], check=True, capture_output=True,
                       timeout=300)  # fmt: skip
        made.append(picture)
    return made


def contact_sheets(pdf: Path, dots: int) -> list[Path]:
    from PIL import Image

    stem = pdf.with_suffix("")
    subprocess.run(["pdftoppm", "-r", str(dots), "-png", str(pdf), str(stem)], check=True)
    pages = sorted(pdf.parent.glob(f"{pdf.stem}-*.png"))
    pictures = [Image.open(page) for page in pages]
    wide = max(picture.width for picture in pictures)
    high = max(picture.height for picture in pictures)
    sheets = []
    for first in range(0, len(pictures), ACROSS * DOWN):
        sheet = Image.new("RGB", (wide * ACROSS, high * DOWN), "grey")
        for place, picture in enumerate(pictures[first : first + ACROSS * DOWN]):
            sheet.paste(picture, ((place % ACROSS) * wide, (place // ACROSS) * high))
        name = pdf.parent / f"{pdf.stem}_sheet{first // (ACROSS * DOWN):02d}.png"
        sheet.save(name)
        sheet.convert("L").save(name.with_name(f"{name.stem}_grey.png"))
        sheets.append(name)
    for page in pages:
        page.unlink()
    return sheets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result", type=Path)
    parser.add_argument("--out", type=Path, default=Path("report_pages"))
    parser.add_argument("--facts", type=Path)
    parser.add_argument("--paper", choices=("letter", "a4"), default="letter")
    parser.add_argument("--dots", type=int, default=60)
    parser.add_argument("--sensitivity-trials", type=int)
    asked = parser.parse_args()
    written = write_report(
        open_result(asked.result),
        asked.out,
        paper=asked.paper,
        facts=asked.facts,
        sensitivity_trials=asked.sensitivity_trials,
    )
    print(written.words())
    for path in written.files:
        pdf = as_pdf(path, asked.out)
        if pdf is None:
            print(f"{path}: not shown, the program that would is not installed", file=sys.stderr)
            continue
        for sheet in [*contact_sheets(pdf, asked.dots), *photographs(path, asked.out)]:
            print(sheet)


if __name__ == "__main__":
    main()
