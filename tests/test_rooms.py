"""The table of what the tests have run."""

from pathlib import Path

from rooms import share, table


def test_rooms_and_files_come_from_the_least_on():
    counts = {
        Path("ops/a.py"): (10, 1),
        Path("ops/b.py"): (10, 0),
        Path("zoo.py"): (4, 2),
        Path("data/c.py"): (6, 0),
    }
    assert table(counts, shown=1) == [
        " 50.0%  zoo, 2 of 4 lines not",
        " 95.0%  ops, 1 of 20 lines not",
        "",
        " 50.0%  zoo.py, 2 of 4 lines not",
        "",
        " 90.0%  all, 3 of 30 lines not",
    ]
    assert share((0, 0)) == 1
