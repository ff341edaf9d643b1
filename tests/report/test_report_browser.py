"""The report's page in a real browser, without a screen: it runs, fits, sorts and enlarges."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from adaptive_cart.report.writing import rendered
from report_case import source, with_few_figures

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here; .ci/run installs it")

WATCH = (
    "<script>window.faults=[];addEventListener('error',e=>faults.push(String(e.message)));</script>"
)
ASK = """<script>
addEventListener("load", () => {
  const heads = [...document.querySelectorAll("table.sortable thead th")];
  const body = heads[0].closest("table").tBodies[0];
  const cells = () => [...body.rows].filter(row => !row.classList.contains("group"))
    .map(row => row.cells[0].textContent.trim().toLowerCase());
  heads[0].querySelector("button").click();
  const up = cells();
  heads[0].querySelector("button").click();
  const down = cells();
  const figure = document.querySelector("figure svg").closest("figure");
  const small = figure.querySelector("svg").getBoundingClientRect().width;
  figure.querySelector("svg").dispatchEvent(new MouseEvent("click", {bubbles: true}));
  const large = figure.classList.contains("large");
  document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
  const empty = [...document.querySelectorAll("figure svg")].filter(picture => {
    const box = picture.getBoundingClientRect();
    return box.width < 50 || box.height < 50;
  }).length;
  const headed = () => {  // headings that a link leads to and that the banner hides
    const banner = document.querySelector(".draft").getBoundingClientRect();
    return [...document.querySelectorAll("nav a")].filter(link => {
      const there = document.getElementById(decodeURIComponent(link.hash.slice(1)));
      there.scrollIntoView();
      return there.getBoundingClientRect().top < banner.bottom;
    }).length;
  };
  const found = {
    faults, up, down, large, small, empty,
    again: !figure.classList.contains("large"),
    heads: heads.length,
    figures: document.querySelectorAll("figure svg").length,
    tooWide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    hidden: headed(),
    silent: [...document.querySelectorAll(".wrap")]
      .filter(wrap => (wrap.scrollWidth > wrap.clientWidth + 1)
        !== getComputedStyle(wrap, "::before").content.includes("scroll sideways")).length,
    cut: [...document.querySelectorAll("caption")].filter(caption =>
      caption.getBoundingClientRect().right > document.documentElement.clientWidth + 1).length,
    fetched: performance.getEntriesByType("resource").map(entry => entry.name),
    links: [...document.querySelectorAll("a[href^='#']")]
      .filter(link => !document.getElementById(decodeURIComponent(link.hash.slice(1)))).length,
  };
  const told = document.createElement("pre");
  told.id = "found";
  told.textContent = JSON.stringify(found);
  document.body.append(told);
});
</script>"""


@cache
def page() -> str:
    return rendered(with_few_figures(source().report("restricted")), "html").decode("utf-8")


def seen(folder: Path, width: int) -> dict[str, Any]:
    """What the page says of itself in a window so many pixels wide."""
    assert CHROMIUM is not None
    text = page().replace("<head>", f"<head>{WATCH}", 1).replace("</body>", f"{ASK}</body>", 1)
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    flags = (
        "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={folder / 'profile'}", f"--window-size={width},900",
        "--virtual-time-budget=10000", "--dump-dom",
    )  # fmt: skip
    done = subprocess.run(
        [CHROMIUM, *flags, file.as_uri()], capture_output=True, timeout=120, check=True
    )
    dumped = done.stdout.decode("utf-8")
    start = dumped.index('<pre id="found">') + len('<pre id="found">')
    found: dict[str, Any] = json.loads(unescape(dumped[start : dumped.index("</pre>", start)]))
    return found


@pytest.mark.parametrize("width", [1280, 500])  # no window of a browser is narrower than that
def test_the_page_runs_and_fits(tmp_path: Path, width: int) -> None:
    found = seen(tmp_path, width)
    assert found["faults"] == []
    assert found["fetched"] == []  # one file, nothing from the network
    assert found["links"] == 0  # no reference without its target
    assert found["figures"] > 0
    assert found["empty"] == 0
    assert found["tooWide"] <= 0
    assert found["hidden"] == 0
    assert found["silent"] == 0
    assert found["cut"] == 0
    assert found["heads"] > 10
    assert sorted(found["up"]) == sorted(found["down"])
    assert found["up"] != found["down"]
    assert found["large"]
    assert found["again"]
