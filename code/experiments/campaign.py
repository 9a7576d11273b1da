"""Stored experiments: each run is stored as soon as it is finished, and never repeated."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upconv import results
from upconv.deprecated import ARGUMENTS, current_fields

# Intermediate files for later runs or the end: temporary, and ignored by Git.
ASIDE = Path(__file__).parents[2] / "build" / "experiments"

Key = dict[str, Any]


@dataclass(frozen=True)
class Experiment:
    """A study whose runs are stored in ``results/NAME.json``.

    Attributes
    ----------
    name
        Name of its file.
    data
        Description of its data.
    keys
        Maps a number of seeds to the keys of the runs, in order: what each varies, with its seed.
    run
        Maps a key to the results of its run: one row, or a list of them. Under ``"shared"`` a row
        may contain dicts for the whole file.
    about
        Returns what all runs share: the ``network``, the ``settings``, and other information.
    seeds
        Default number of seeds.
    part
        Name of the list of runs in the file.
    show
        Measures to print after a run; those in nested dicts are named like ``"test.mean_iou"``.
    finish
        Maps the whole result to dicts for the whole file, such as summaries of several runs.
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
        """Return the keys without a stored run."""
        stored = results.resume(self.name).get(self.part, [])
        keys = self.keys(self.seeds if seeds is None else seeds)
        return [key for key in keys if not any(_json(key).items() <= run.items() for run in stored)]

    def complete(self, seeds: int | None = None, jobs: int = 1) -> None:
        """Make the missing runs, ``jobs`` at a time, and store each immediately.

        Raises
        ------
        ValueError
            If the stored runs used another network or other settings: the runs of a file must be
            comparable.
        """
        missing = self.missing(seeds)
        if not missing:
            print(f"{self.name}: complete")
        else:
            about = _json(self.about())
            _compare(self.name, results.resume(self.name), about)
            made = results.provenance(self.data)
        for key, outcome, seconds in _made(self.run, missing, jobs):
            rows = outcome if isinstance(outcome, list) else [outcome]
            spent = {"seconds": round(seconds, 1)}
            result = results.resume(self.name) | made | about  # with runs of other processes
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


def _made(
    run: Callable[[Key], Any], keys: list[Key], jobs: int
) -> Iterator[tuple[Key, Any, float]]:
    """Yield each key with the outcome of its run and its duration, as soon as it is finished."""
    if jobs == 1:
        for key in keys:
            yield key, *_timed(run, key)
        return
    # A process of its own for each: a forked one could not use a GPU.
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"))
    try:
        begun = {pool.submit(_timed, run, key): key for key in keys}
        for future in as_completed(begun):
            yield begun[future], *future.result()
    finally:  # after a failure nothing more begins: what it finds would be lost
        pool.shutdown(cancel_futures=True)


def _timed(run: Callable[[Key], Any], key: Key) -> tuple[Any, float]:
    start = time.perf_counter()
    return run(key), time.perf_counter() - start


def of_seeds(**varied: Iterable[Any]) -> Callable[[int], list[Key]]:
    """Return keys that vary one thing: every value with seed 0, then with seed 1, …"""
    [(name, values)] = varied.items()
    values = list(values)
    return lambda seeds: [{name: value, "seed": seed} for seed in range(seeds) for value in values]


def _json(value: Any) -> Any:
    """Convert a value as if read from a file, where tuples become lists."""
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
    if isinstance(stored.get("settings"), dict):
        stored = stored | {"settings": _current(stored["settings"])}
    differing = []
    for part in {"network", "settings"} & stored.keys() & about.keys():
        differing += _differences(part, stored[part], about[part])
    if differing:
        differing = "; ".join(sorted(differing))
        raise ValueError(
            f"results/{name}.json: got settings that differ from those of its runs ({differing}),"
            " expected the same; move the file away to start over"
        )


def _current(settings: dict[str, Any]) -> dict[str, Any]:
    """Stored settings, of one run or by the names of several, with today's names of fields."""
    return {
        name: _current(value) if isinstance(value, dict) else value
        for name, value in current_fields(settings).items()
    }


def _differences(name: str, old: Any, new: Any) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        found = [_differences(f"{name}.{key}", old[key], new[key]) for key in old if key in new]
        return [line for lines in found for line in lines]
    return [] if old == new else [f"{name}: {old} stored, {new} now"]
