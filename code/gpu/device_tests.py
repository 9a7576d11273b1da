"""The part that runs the device-dependent tests."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from task_rows import ROOT, Row, Task


class Outcomes:
    """Results of a pytest report: numbers of tests by outcome, and names of the failed ones."""

    def __init__(self, report: Path) -> None:
        cases = list(ElementTree.parse(report).iter("testcase"))
        bad = [case for case in cases if case.find("failure") is not None or _error(case)]
        self.failed = [f"{case.get('classname')}.{case.get('name')}" for case in bad]
        self.skipped = sum(case.find("skipped") is not None for case in cases)
        self.passed = len(cases) - len(bad) - self.skipped


def _error(case: ElementTree.Element) -> bool:
    return case.find("error") is not None


def tests(task: Task) -> Iterator[Row]:
    """Run the device-dependent tests."""
    if importlib.util.find_spec("pytest") is None:
        yield {"name": "tests", "left out": "pytest is not installed here"}
        return
    import pytest

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # other plugins have requirements
    if task.smallest:
        os.environ.setdefault("UPCONV_TEST_DEVICE", "cpu")  # without a GPU
    files = ["test_gpu"] if task.smallest else ["test_gpu", "test_device"]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        # The shared test configuration requires browsers and TensorFlow.
        options = ["--noconftest", "-p", "no:cacheprovider", "-q", f"--junitxml={report}"]
        code = pytest.main([*options, *(str(ROOT / "tests" / f"{name}.py") for name in files)])
        found = Outcomes(report) if report.exists() else None
    if found is None:
        raise RuntimeError(f"pytest ended with {code} and without a report")
    row = {"name": "tests", "files": files, "passed": found.passed, "skipped": found.skipped}
    if code or found.failed:
        names = ", ".join(found.failed) or "none"
        row |= {"failed": found.failed, "error": f"pytest: {int(code)}; failed: {names}"}
    yield row
