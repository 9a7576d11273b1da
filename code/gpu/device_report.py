"""Run all parts one after another, and store each measurement immediately."""

from __future__ import annotations

import argparse
import json
import platform
import re
import shlex
import sys
from pathlib import Path
from typing import Any

from all_parts import PARTS
from chapter_settings import DCGAN_SETTINGS, DCGAN_WIDTH, STYLE, UNET, UNET_SETTINGS
from part_process import run_part
from scale_page import write_page
from task_rows import ROOT, Row, failed, find_results


def about_device() -> dict[str, Any]:
    """Describe the device and its precision."""
    import torch

    from upconv.device import pick_device, resolve_precision

    where = pick_device()
    found = {
        "kind": "processor",
        "precision": resolve_precision("auto", where),
        "system": platform.system(),
    }
    if where.type == "cuda":
        capability = torch.cuda.get_device_capability()
        about = torch.cuda.get_device_properties(where)
        found |= {
            "kind": torch.cuda.get_device_name(),
            "capability": ".".join(map(str, capability)),
            "GiB": round(about.total_memory / 2**30, 1),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    return found


def slug(kind: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", kind.lower()).strip("_")


def in_short(row: Row) -> str:
    """Summarize a row in one line."""
    if "error" in row or "left out" in row:
        return row.get("error") or f"left out: {row['left out']}"
    if row["part"] == "tests":
        return f"{row['passed']} passed, {row['skipped']} skipped"
    if "table" in row:
        times = (f"{kind} {found['times faster']:.2f} ×" for kind, found in row["table"].items())
        return ", ".join(times)
    if "rates" in row:
        return ", ".join(f"{name} {rate:.0f}" for name, rate in row["rates"].items())
    said = [f"{row['steps']} steps", f"{row['images a second']:.1f} images/s"]
    said += [f"loss {row['losses'][0]:.3f} → {row['losses'][-1]:.3f}"]
    said += [f"{row['MiB']} MiB"] if "MiB" in row else []
    said += [f"mean IoU {row['mean_iou']:.3f}"] if "mean_iou" in row else []
    return ", ".join(said)


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "smallest": options.smallest,
        "unet": UNET | UNET_SETTINGS,
        "dcgan": {"base_channels": DCGAN_WIDTH} | DCGAN_SETTINGS,
        "style": {name: list(v) if isinstance(v, tuple) else v for name, v in STYLE.items()},
    }


def resumed(path: Path, made: dict[str, Any], anew: bool) -> list[Row]:
    """Return the rows that a file holds for the same device."""
    if not path.exists():
        return []
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = found["runs"]
    except (ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"gpu: {path}: not a stored result; move it away ({error})") from error
    same = found["device"] == made["device"] and found["settings"] == made["settings"]
    return rows if same and not anew else []


def measure(options: argparse.Namespace) -> int:
    """Run the requested parts that are not stored; return 0 on success, otherwise 1."""
    from upconv.files import atomic_write

    results = find_results()
    device = about_device()
    made = results.provenance("each run names its own")
    if device["kind"] == "processor" and not options.smallest:
        hint = "--smallest runs everything in its smallest form"
        print(f"gpu: PyTorch {made['versions']['torch']} finds no GPU; {hint}", file=sys.stderr)
        return 2
    words = ", ".join(f"{name} {value}" for name, value in device.items() if name != "kind")
    print(f"{made['device']}: {words}; {', '.join(map(' '.join, made['versions'].items()))}")
    made |= {
        "about": device,
        "commit": options.commit or made["commit"] or "unknown",
        "command": command(options),
        "settings": settings_of(options),
    }
    path = options.out
    if path is None:
        folder = ROOT / "build" if options.smallest else ROOT / "results"
        path = folder / f"gpu_{'smallest' if options.smallest else slug(device['kind'])}.json"
    rows, complaints = resumed(path, made, options.anew), []

    def keep() -> None:
        order = list(PARTS)
        result = made | {"runs": sorted(rows, key=lambda row: order.index(row["part"]))}
        text = json.dumps(result, indent=1, ensure_ascii=True) + "\n"
        atomic_write(path, lambda file: file.write_text(text, encoding="utf-8"))

    for name in options.only or PARTS:
        old = [row for row in rows if row["part"] == name]
        about = {"commit": made["commit"], "minutes": options.minutes}
        same = all(row[key] == value for row in old for key, value in about.items())
        whole = same and not failed(old)
        if old and whole and made["commit"] != "unknown" and "with changes" not in made["commit"]:
            print(f"{name}: already stored")
            continue
        seconds = 60 * options.minutes * PARTS[name][1]
        new = [row | about for row in run_part(name, seconds, options)]
        rows = [row for row in rows if row["part"] != name] + new
        keep()
        for row in new:
            print(f"{name}: {row['name']}: {in_short(row)} ({row['seconds']:.0f} s)", flush=True)
        complaints += failed(new)
    print(path)
    if path.parent == ROOT / "results":
        write_page()
    for complaint in complaints:
        print(f"gpu: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


def command(options: argparse.Namespace) -> str:
    """Return the command to repeat this, without this machine's paths."""
    words = ["python", "code/gpu"]
    words += ["--data", "FOLDER"] * bool(options.data)
    words += ["--minutes", f"{options.minutes:g}"] + ["--smallest"] * options.smallest
    return shlex.join(words)
