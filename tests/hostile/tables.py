"""Participants tables, most wrong somewhere: those of a simulated trial with cells changed."""

from __future__ import annotations

import csv
import io

from hypothesis import strategies as st

CELLS = ["", " ", "0", "-1", "1e9", "1e308", "nan", "inf", "-inf", "12", "12,5", "0x10", "NA",
         "null", "yes", "no", "true", "2026-11-29", "2026-13-45", "29/11/2026", "1.5e", "cart",
         "soc", "=1+1", "\x1b[31m", "9" * 5_000, "\u0000", '"', "a\nb", "ß", "365"]  # fmt: skip
ENDS = ["\n", "\r\n", "\r"]


@st.composite
def tables(draw: st.DrawFn, text: str) -> bytes:
    """Bytes of a table that was ``text``."""
    rows = list(csv.reader(io.StringIO(text)))
    for _ in range(draw(st.integers(0, 4))):
        row = draw(st.integers(0, len(rows) - 1))
        cells = rows[row]
        how = draw(st.sampled_from(["cell", "cell", "drop", "double", "row", "column", "head"]))
        place = draw(st.integers(0, max(len(cells) - 1, 0)))
        if how == "cell" and cells:
            cells[place] = draw(st.sampled_from(CELLS))
        elif how == "drop" and cells:
            del cells[place]
        elif how == "double":
            rows.append(list(cells))
        elif how == "row" and len(rows) > 1:
            del rows[row]
        elif how == "column":
            for one in rows:
                if place < len(one):
                    del one[place]
        elif how == "head" and rows[0]:
            rows[0][place % len(rows[0])] = draw(st.sampled_from([*CELLS, *rows[0]]))
        if not rows:
            rows = [[]]
    out = io.StringIO()
    mark = draw(st.sampled_from([",", ",", ";", "\t", "|"]))
    csv.writer(out, delimiter=mark, lineterminator=draw(st.sampled_from(ENDS))).writerows(rows)
    whole = out.getvalue()
    first = draw(st.sampled_from(["", "", "\ufeff", f"sep={mark}\n"]))
    code = draw(st.sampled_from(["utf-8", "utf-8", "utf-16", "latin-1"]))
    raw = (first + whole).encode(code, "replace")
    cut = draw(st.sampled_from([None, None, None, 0.5]))
    return raw if cut is None else raw[: int(len(raw) * cut)]
