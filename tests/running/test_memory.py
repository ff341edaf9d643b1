"""Memory is kept for a run, and the library is told so once, however runs are nested."""

from __future__ import annotations

import pytest

from adaptive_cart.running import memory


class Library:
    """A C library that notes what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, int]] = []

    def mallopt(self, what: int, value: int) -> int:
        self.told.append(("mallopt", what, value))
        return 1

    def malloc_trim(self, kept: int) -> int:
        self.told.append(("malloc_trim", kept, 0))
        return 1


def test_the_outermost_run_alone_says_what_is_kept_and_gives_it_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library = Library()
    monkeypatch.setattr(memory, "_library", lambda: library)
    with memory.freed_memory_kept():
        kept = list(library.told)
        with pytest.raises(ZeroDivisionError), memory.freed_memory_kept():
            1 / 0  # noqa: B018
        assert library.told == kept == [("mallopt", -3, 2**25), ("mallopt", -1, 2**29)]
    assert library.told[2:] == [
        ("mallopt", -3, 2**17),
        ("mallopt", -1, 2**17),
        ("malloc_trim", 0, 0),
    ]


def test_a_run_goes_on_where_the_library_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_library", lambda: None)
    with memory.freed_memory_kept():
        pass


def test_a_library_without_the_names_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    assert memory._library.__wrapped__() is None
