"""The experiments whose results the book shows: writes results/NAME.json and its pictures.

    python code/experiments                     what is stored of each, and what is missing
    python code/experiments NAME [NAME ...]     the missing runs of these
    python code/experiments all                 of all

A run is stored as soon as it is finished, and not repeated: broken off, a campaign goes on where it
was. The drawings need a painting, and the gallery a folder of pictures, which the book does not
hold: name them by --style and --pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import camvid_fcn
import dcgan_guidelines
import dcgan_mnist
import gallery
import playground
import skip_ablation
import style_sheet
import style_studies
import unet_ablation
import unet_micrographs
from campaign import Experiment

from upconv import results


def experiments(style: Path | None, what: str, pictures: Path | None) -> list[Experiment]:
    """All of them. One after another, what a later one reads has been written by an earlier one."""
    return [
        camvid_fcn.EXPERIMENT,
        skip_ablation.EXPERIMENT,
        skip_ablation.SCENES_EXPERIMENT,
        *unet_ablation.EXPERIMENTS,
        unet_micrographs.EXPERIMENT,
        dcgan_guidelines.EXPERIMENT,
        dcgan_mnist.EXPERIMENT,
        style_studies.experiment(style, what),
        style_sheet.experiment(style, what),
        gallery.experiment(pictures),
        playground.EXPERIMENT,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python code/experiments",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seeds", type=int, help="instead of each experiment's own number")
    parser.add_argument(
        "--style", nargs=2, metavar=("FILE", "WHAT"), help="a painting; its title, painter, year"
    )
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="those of the gallery")
    arguments = parser.parse_args()
    style, what = arguments.style or (None, "")
    known = experiments(style and Path(style), what, arguments.pictures)
    names = {experiment.name for experiment in known}
    for name in arguments.names:
        if name != "all" and name not in names:
            parser.error(f"NAME: got {name!r}, expected all, {', '.join(sorted(names))}")
    for experiment in known:
        if {"all", experiment.name} & set(arguments.names):
            experiment.complete(arguments.seeds)
        elif not arguments.names:
            stored = len(results.resume(experiment.name).get(experiment.part, []))
            missing = len(experiment.missing(arguments.seeds))
            print(f"{experiment.name:18} {experiment.part:7} {stored:3} stored {missing:3} missing")


if __name__ == "__main__":
    main()
