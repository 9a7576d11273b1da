"""The two promises of speed, measured on one thread in a process of their own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def ratio(case: str) -> float:
    """Our best time over the other's, of the benchmark's own case."""
    code = f"""
import sys; sys.path.insert(0, {str(BENCHMARKS)!r})
import ops as benchmark, json, torch
torch.set_num_threads(1)
print(json.dumps(benchmark.best_times(benchmark.{case}, 25)))
"""
    times = json.loads(subprocess.check_output([sys.executable, "-c", code], text=True))
    other = next(name for name in times if name != "upconv")
    return times["upconv"] / times[other]


@pytest.mark.timing
@pytest.mark.parametrize(
    ("case", "bound"),
    [("convolution_case()", 4.0), ("fft_case(512, 31)", 1.5), ("fft_case(1024, 64)", 1.5)],
)
def test_ratio_stays_within_its_bound(case, bound):
    measured = ratio(case)
    print(f"{case}: {measured:.2f}")
    assert measured < bound
