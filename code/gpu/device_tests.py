"""The part that runs the tests of what depends on the device."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from task_rows import ROOT, Row, Task


class Outcomes:
    """What pytest is asked to tell: how many tests came out how, and which of them failed."""

    def __init__(self, report: Path) -> None:
        cases = list(ElementTree.parse(report).iter("testcase"))
        bad = [case for case in cases if case.find("failure") is not None or _error(case)]
        self.failed = [f"{case.get('classname')}.{case.get('name')}" for case in bad]
        self.skipped = sum(case.find("skipped") is not None for case in cases)
        self.passed = len(cases) - len(bad) - self.skipped


def _error(case: ElementTree.Element) -> bool:
    return case.find("error") is not None


def tests(task: Task) -> Iterator[Row]:
    """The tests of what depends on the device."""
    if importlib.util.find_spec("pytest") is None:
        yield {"name": "tests", "left out": "pytest is not installed here"}
        return
    import pytest

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # others' plugins have needs of their own
    if task.smallest:
        os.environ.setdefault("UPCONV_TEST_DEVICE", "cpu")  # where there is no GPU
    files = ["test_gpu"] if task.smallest else ["test_gpu", "test_device"]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        # The settings shared by all tests want browsers and TensorFlow.
        options = ["--noconftest", "-p", "no:cacheprovider", "-q", f"--junitxml={report}"]
        code = pytest.main([*options, *(str(ROOT / "tests" / f"{name}.py") for name in files)])
        found = Outcomes(report) if report.exists() else None
    if found is None:
        raise RuntimeError(f"pytest ended with {code} and no report")
    row = {"name": "tests", "files": files, "passed": found.passed, "skipped": found.skipped}
    if code or found.failed:
        names = ", ".join(found.failed) or "none"
        row |= {"failed": found.failed, "error": f"pytest: {int(code)}; failed: {names}"}
    yield row
