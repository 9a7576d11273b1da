"""How much of each room of the module the tests have run: ``python code/support/rooms.py``."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import coverage

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "code" / "upconv"
FLOOR = 0.6  # far below what is usual: less says that the measurement broke
SHOWN = 10  # of the files, those least covered


def measured(folder: Path = PACKAGE) -> dict[Path, tuple[int, int]]:
    """Of each file the lines with code, and those of them that nobody ran."""
    found = coverage.Coverage(config_file=str(ROOT / "pyproject.toml"))
    found.load()
    counts = {}
    for path in sorted(folder.rglob("*.py")):
        _, lines, _, missing, _ = found.analysis2(str(path))
        counts[path.relative_to(folder)] = len(lines), len(missing)
    return counts


def table(counts: dict[Path, tuple[int, int]], shown: int = SHOWN) -> list[str]:
    """Rooms, then the files least covered, each from the least on; at last the whole."""
    rooms: dict[str, Counter[str]] = {}
    for path, (lines, missing) in counts.items():
        room = path.parts[0].removesuffix(".py")
        rooms.setdefault(room, Counter()).update(lines=lines, missing=missing)
    by_room = {room: (count["lines"], count["missing"]) for room, count in rooms.items()}
    by_file = {path.as_posix(): pair for path, pair in counts.items()}
    whole = _rows({"all": _sum(counts)}, full=True)
    return [*_rows(by_room), "", *_rows(by_file)[:shown], "", *whole]


def _sum(counts: dict[Path, tuple[int, int]]) -> tuple[int, int]:
    return sum(lines for lines, _ in counts.values()), sum(lost for _, lost in counts.values())


def _rows(counts: dict[str, tuple[int, int]], full: bool = False) -> list[str]:
    """Whoever has lines that were not run."""
    kept = {name: pair for name, pair in counts.items() if pair[1] or full}
    order = sorted(kept, key=lambda name: share(kept[name]))
    return [f"{share(kept[n]):6.1%}  {n}, {kept[n][1]} of {kept[n][0]} lines not" for n in order]


def share(pair: tuple[int, int]) -> float:
    """Of the lines, those that were run."""
    lines, missing = pair
    return 1 - missing / lines if lines else 1.0


def main() -> None:
    counts = measured()
    print(*table(counts), sep="\n")
    if share(_sum(counts)) < FLOOR:
        sys.exit(f"rooms: of all lines less than {FLOOR:.0%} were run")


if __name__ == "__main__":
    main()
