"""Compare a long training that is killed and resumed every few minutes with an undisturbed one.

    python benchmarks/endurance.py [--minutes 60] [--every 5] [--out FOLDER] [--json | --store]

Both run at once, on one thread each: a U-Net on generated membranes, with warped crops. Twelve
times an hour one of them is killed as by a power cut and resumes from its checkpoint. In the end
losses and weights must be equal bit for bit, and memory must be constant: its mean over the last
fifth of a process's life within 2 % of that over the second fifth.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from tables import HERE, origin, store

from upconv import results

STORED, MARK = HERE / "endurance.json", "<!-- endurance -->"
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


def train(out: Path, steps: int, resume: bool) -> float:
    """Run the training; return its seconds."""
    import torch

    from upconv import data, zoo
    from upconv.training import Settings
    from upconv.training import train as run

    found = data.with_border_weights(data.membranes(30), 10.0)
    torch.manual_seed(0)
    network = zoo.build("unet", 2, base_in_channels=16, in_channels=1)
    settings = Settings(
        steps=steps, batch=4, crop=96, learning_rate=2e-3, rotate=180, elastic_sigma=10,
        brightness_contrast_jitter=0.1, vertical_flip=True,
    )  # fmt: skip
    history = run(
        network, found, settings, checkpoint=out, resume=resume, save_every=50, progress=False
    )
    return history.seconds


@dataclass
class Run:
    """One training, in one process or in several successive ones."""

    out: Path
    steps: int
    lives: list[list[float]] = field(default_factory=list)  # memory of each process, MiB per second
    process: psutil.Popen | None = None

    def start(self) -> None:
        command = [sys.executable, __file__, "--train", self.out, "--steps", self.steps]
        self.process = psutil.Popen([*map(str, command)], env=ENVIRONMENT)
        self.lives.append([])

    def watch(self) -> bool:
        """Record the memory in use; return whether the process is still running."""
        code = self.process.poll()
        if code is not None:
            if code:
                raise SystemExit(f"{self.out.stem}: exit status {code}")
            return False
        self.lives[-1].append(self.process.memory_info().rss / 2**20)
        return True

    def drifts(self) -> list[float]:
        """Return the memory drift in percent of each process that lived at least a minute."""
        found = []
        for life in self.lives:
            if len(life) < 60:
                continue
            fifth = len(life) // 5
            early, late = np.mean(life[fifth : 2 * fifth]), np.mean(life[-fifth:])
            found.append(100 * float(late / early - 1))
        return found


def same_end(first: Path, second: Path) -> tuple[bool, int]:
    """Return whether two checkpoints are bit-identical, and the number of losses compared."""
    import torch

    states = [torch.load(path, weights_only=True) for path in (first, second)]
    losses = [state["history"]["losses"] for state in states]
    weights = [state["network"] for state in states]
    equal = all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    return equal and losses[0] == losses[1], len(losses[0])


def measure(minutes: float, every: float, folder: Path) -> dict[str, Any]:
    """Run both and compare them."""
    trial = 60
    calibrated = [Run(folder / f"trial{number}.pt", trial) for number in range(2)]
    for run in calibrated:
        run.start()
    while any([run.watch() for run in calibrated]):
        time.sleep(0.5)
    step = max(json.loads(run.out.with_suffix(".json").read_text()) for run in calibrated) / trial
    steps = max(trial, round(60 * minutes / step))
    alone, killed = Run(folder / "alone.pt", steps), Run(folder / "killed.pt", steps)
    began = since = time.monotonic()
    alone.start()
    killed.start()
    running = True
    while running:
        time.sleep(1)
        # Not `or`: both must be watched.
        running = any([alone.watch(), killed.watch()])
        if time.monotonic() - since > 60 * every and killed.process.poll() is None:
            killed.process.kill()
            killed.process.wait()
            killed.start()
            since = time.monotonic()
    equal, losses = same_end(alone.out, killed.out)
    return {
        "minutes": round((time.monotonic() - began) / 60, 1),
        "steps": steps,
        "kills": len(killed.lives) - 1,
        "equal to the bit": equal,
        "losses compared": losses,
        "memory alone, MiB": round(float(np.mean(alone.lives[0][len(alone.lives[0]) // 5 :]))),
        "drift alone, %": [round(drift, 2) for drift in alone.drifts()],
        "drift killed, %": [round(drift, 2) for drift in killed.drifts()],
    }


def report(stored: dict[str, Any]) -> str:
    """Format the stored figures as Markdown."""
    found, made = stored["table"], stored["provenance"]
    drifts = [found["drift alone, %"], found["drift killed, %"]]
    most = max(abs(drift) for part in drifts for drift in part)
    equal = "equal bit for bit" if found["equal to the bit"] else "**not equal**"
    return "\n".join(
        [
            f"{found['minutes']:.0f} minutes, {found['steps']} steps, {found['kills']} kills: "
            f"losses and weights {equal}. Memory: {found['memory alone, MiB']} MiB; it changed by "
            f"{drifts[0][0]:+.2f} % in the process left alone and by at most {most:.2f} % in any "
            f"of {len(drifts[1]) + 1} processes.",
            "",
            f"{made['device']}, one thread each; {origin(made)}",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=5, help="minutes between kills")
    parser.add_argument("--out", type=Path, help="folder for the checkpoints")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--store", action="store_true", help="write endurance.json and README.md")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        seconds = train(options.train, options.steps, resume=True)
        options.train.with_suffix(".json").write_text(json.dumps(seconds))
        return
    with tempfile.TemporaryDirectory() as spare:
        folder = options.out or Path(spare)
        folder.mkdir(parents=True, exist_ok=True)
        made = results.provenance("membranes made on the spot")
        found = measure(options.minutes, options.every, folder)
    if options.store:
        stored = {"provenance": made, "table": found}
        store(STORED, MARK, stored, report(stored))
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:20}{value}")


if __name__ == "__main__":
    main()
