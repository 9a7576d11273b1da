"""The current speed of the machine: time limits are scaled from a reference machine."""

from __future__ import annotations

import time

# Seconds that a test waits for an event: only events that never come are failures, so this allows
# for busy machines.
PATIENCE = 180

# Milliseconds of the fixed work below on the reference machine, for which Lighthouse's index is
# 2,800.
IN_PAGE, IN_PYTHON = 6.0, 8.2
WORK = """() => {
    const times = Array.from({ length: 15 }, () => {
        const start = performance.now();
        const values = new Float64Array(65536);
        for (let pass = 0; pass < 40; pass++)
            for (let i = 0; i < values.length; i++)
                values[i] = 0.5 * values[i] + Math.sqrt(i + pass);
        window.kept = values; // or nothing would have to be computed
        return performance.now() - start;
    });
    return times.sort((a, b) => a - b)[7];
}"""


def slowness(page) -> float:
    """Factor by which page scripts are slower than on the reference machine; at least 1."""
    return max(1.0, page.evaluate(WORK) / IN_PAGE)


def python_slowness() -> float:
    """Factor by which Python is slower than on the reference machine, in CPU time; at least 1."""
    times = []
    for _ in range(9):
        start = time.process_time()
        sum(number * number for number in range(200_000))
        times.append(1000 * (time.process_time() - start))
    return max(1.0, sorted(times)[4] / IN_PYTHON)


def wait_until(condition, patience: float = PATIENCE):
    """Return a condition's value once it is true; fail if it never is."""
    end = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {patience} seconds"
        time.sleep(0.05)
    return found
