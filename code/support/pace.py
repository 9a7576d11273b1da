"""How fast the machine is now: limits on times are for one, and hold on others in proportion."""

from __future__ import annotations

import time

# How long a test waits for an event, in seconds: only what never comes is a failure, so this is
# for machines that have much else to do.
PATIENCE = 180

# What the fixed pieces of work below take, in milliseconds, where the limits were set: a machine
# for which Lighthouse's index is 2,800.
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
    """How many times longer than there the scripts of a page take now; at least 1."""
    return max(1.0, page.evaluate(WORK) / IN_PAGE)


def python_slowness() -> float:
    """How many times longer than there Python takes now, in processor time; at least 1."""
    times = []
    for _ in range(9):
        start = time.process_time()
        sum(number * number for number in range(200_000))
        times.append(1000 * (time.process_time() - start))
    return max(1.0, sorted(times)[4] / IN_PYTHON)


def wait_until(condition, patience: float = PATIENCE):
    """What a condition gives once it gives anything; what never comes is a failure."""
    end = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {patience} seconds"
        time.sleep(0.05)
    return found
