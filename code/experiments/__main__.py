"""Run the experiments that the book shows: write results/NAME.json and its pictures.

    python code/experiments                     list stored and missing runs
    python code/experiments NAME [NAME ...]     make the missing runs of these experiments
    python code/experiments all                 make all missing runs

A run is stored as soon as it is finished, and never repeated: an interrupted campaign resumes where
it was. The style experiments need a painting, and the gallery a folder of pictures, which the book
does not include: name them with --style and --pictures.
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
import your_images
from campaign import Experiment

from upconv import results


def experiments(style: Path | None, what: str, pictures: Path | None) -> list[Experiment]:
    """Return all experiments, ordered so that each reads only what earlier ones have written."""
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
        *gallery.experiments(pictures),
        playground.EXPERIMENT,
        your_images.EXPERIMENT,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python code/experiments",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seeds", type=int, help="number of seeds [each experiment's own]")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time [1]")
    parser.add_argument(
        "--style", nargs=2, metavar=("FILE", "WHAT"), help="a painting; its title, painter, year"
    )
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="pictures of the gallery")
    arguments = parser.parse_args()
    style, what = arguments.style or (None, "")
    known = experiments(style and Path(style), what, arguments.pictures)
    names = {experiment.name for experiment in known}
    if arguments.jobs < 1:
        parser.error(f"--jobs: got {arguments.jobs}, expected 1 or more")
    for name in arguments.names:
        if name != "all" and name not in names:
            parser.error(f"NAME: got {name!r}, expected all, {', '.join(sorted(names))}")
    for experiment in known:
        if {"all", experiment.name} & set(arguments.names):
            experiment.complete(arguments.seeds, arguments.jobs)
        elif not arguments.names:
            stored = len(results.resume(experiment.name).get(experiment.part, []))
            missing = len(experiment.missing(arguments.seeds))
            print(f"{experiment.name:18} {experiment.part:7} {stored:3} stored {missing:3} missing")


if __name__ == "__main__":
    main()
