"""Stored experiments: runs are made one by one and kept at once; what is stored is not repeated."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upconv import results
from upconv.deprecated import ARGUMENTS

# What a run leaves for a later one, or for the end: it need not be kept, and Git ignores it.
ASIDE = Path(__file__).parents[2] / "build" / "experiments"

Key = dict[str, Any]


@dataclass(frozen=True)
class Experiment:
    """A study whose runs lie in ``results/NAME.json``.

    Attributes
    ----------
    name
        Of its file.
    data
        In words, what it is run on.
    keys
        What each run varies, its seed among it, in the order of the runs; of a number of seeds.
    run
        What the run of one key has found: one row, or a list of them. Under ``"shared"`` a row
        may leave dicts for the whole file.
    about
        What all runs share: the ``network``, the ``settings``, whatever else readers need.
    seeds
        How many, if none are asked for.
    part
        The list in the file that holds the runs.
    show
        Measures that are printed after a run; those of a dict within are named ``"test.mean_iou"``.
    finish
        What is made of several runs, of the whole result: dicts for the whole file.
    """

    name: str
    data: str
    keys: Callable[[int], Iterable[Key]]
    run: Callable[[Key], dict[str, Any] | list[dict[str, Any]]]
    about: Callable[[], dict[str, Any]]
    seeds: int = 3
    part: str = "runs"
    show: tuple[str, ...] = ()
    finish: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    def missing(self, seeds: int | None = None) -> list[Key]:
        """The keys of which the file holds no run."""
        stored = results.resume(self.name).get(self.part, [])
        keys = self.keys(self.seeds if seeds is None else seeds)
        return [key for key in keys if not any(_json(key).items() <= run.items() for run in stored)]

    def complete(self, seeds: int | None = None) -> None:
        """Make the missing runs and store each at once.

        Raises
        ------
        ValueError
            If the stored runs had another network or other settings: what one file holds must be
            comparable.
        """
        missing = self.missing(seeds)
        if not missing:
            print(f"{self.name}: nothing is missing")
        else:
            about = _json(self.about())
            _compare(self.name, results.resume(self.name), about)
            made = results.provenance(self.data)
        for key in missing:
            start = time.perf_counter()
            outcome = self.run(key)
            rows = outcome if isinstance(outcome, list) else [outcome]
            spent = {"seconds": round(time.perf_counter() - start, 1)}
            result = results.resume(self.name) | made | about  # as another process has left it
            for row in rows:
                result = _merged(result, row.pop("shared", {}))
                row = key | spent | row | {name: made[name] for name in ("commit", "command")}
                result.setdefault(self.part, []).append(row)
            results.keep(self.name, result)
            self._say(key, spent | rows[-1])
        result = results.resume(self.name)
        if self.finish and not self.missing(seeds):
            results.keep(self.name, _merged(result, self.finish(result)))

    def _say(self, key: Key, outcome: dict[str, Any]) -> None:
        found = []
        for name in self.show:
            value: Any = outcome
            for part in name.split("."):
                value = value[part]
            found.append(f"{name} {value:.3f}" if isinstance(value, float) else f"{name} {value}")
        words = [self.name, *map(str, key.values()), f"{outcome['seconds']:.0f} s", *found]
        print("  ".join(words), flush=True)


def of_seeds(**varied: Iterable[Any]) -> Callable[[int], list[Key]]:
    """Keys of one thing that varies: its every value with seed 0, then with seed 1, …"""
    [(name, values)] = varied.items()
    values = list(values)
    return lambda seeds: [{name: value, "seed": seed} for seed in range(seeds) for value in values]


def _json(value: Any) -> Any:
    """As it is read from a file: tuples are lists there."""
    return json.loads(json.dumps(value))


def _merged(result: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    return result | {name: result.get(name, {}) | found for name, found in shared.items()}


def _compare(name: str, stored: dict[str, Any], about: dict[str, Any]) -> None:
    """Refuse to mix runs. Settings that are new since then have no value in the file."""
    if "network" in stored.keys() & about.keys():  # which may have the first edition's names
        tables = ARGUMENTS.values()
        new = {
            old: now for table in tables for old, now in table.items() if now in about["network"]
        }
        network = {new.get(key, key): value for key, value in stored["network"].items()}
        stored = stored | {"network": network}
    differing = []
    for part in {"network", "settings"} & stored.keys() & about.keys():
        differing += _differences(part, stored[part], about[part])
    if differing:
        differing = "; ".join(sorted(differing))
        raise ValueError(
            f"results/{name}.json: got other settings than those of its runs ({differing}),"
            " expected the same; move the file away to begin anew"
        )


def _differences(name: str, old: Any, new: Any) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        found = [_differences(f"{name}.{key}", old[key], new[key]) for key in old if key in new]
        return [line for lines in found for line in lines]
    return [] if old == new else [f"{name}: {old} there, {new} now"]
