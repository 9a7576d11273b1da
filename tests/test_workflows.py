"""GitHub Actions as they are written: what they call exists, and they may do what they try."""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SYSTEMS = {"ubuntu", "macos", "windows"}
# What an action or a command needs to be allowed.
NEEDS = {
    "actions/checkout": ("contents", "read"),
    "actions/deploy-pages": ("pages", "write"),
    "gh issue": ("issues", "write"),
    "git push": ("contents", "write"),
}


def read() -> dict[str, dict]:
    """Every workflow, by the name of its file."""
    files = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    return {file.name: yaml.safe_load(file.read_text(encoding="utf-8")) for file in files}


def events(workflow: dict) -> set[str]:
    return set(workflow[True])  # to YAML 1.1, `on` is a truth value


def called(job: dict) -> str | None:
    """The file of the workflow that a job calls."""
    where = job.get("uses", "")
    return Path(where).name if where.startswith("./") else None


def steps(job: dict) -> list[dict]:
    return job.get("steps", [])


def targets(job: dict) -> set[str]:
    """What a job makes."""
    lines = "\n".join(step.get("run", "") for step in steps(job)).splitlines()
    words = [line.split()[1:] for line in lines if line.split()[:1] == ["make"]]
    return {word for line in words for word in line if "=" not in word}


def makes(workflows: dict, job: dict) -> set[str]:
    """What a job makes, also by a workflow that it calls."""
    found = targets(job)
    if name := called(job):
        found |= {target for each in workflows[name]["jobs"].values() for target in targets(each)}
    return found


def before(workflow: dict, job: dict) -> list[dict]:
    """The jobs that a job waits for, near and far."""
    names = job.get("needs", [])
    found = [workflow["jobs"][name] for name in ([names] if isinstance(names, str) else names)]
    return found + [far for near in found for far in before(workflow, near)]


def does(job: dict) -> str:
    return "\n".join(step.get("uses", "") + step.get("run", "") for step in steps(job))


def allowed(workflow: dict, job: dict) -> dict[str, str]:
    """A job's own permissions stand instead of the workflow's."""
    return job.get("permissions", workflow.get("permissions", {}))


def enough(have: str, need: str) -> bool:
    return have in (need, "write")


def faults(workflows: dict, known: set[str]) -> list[str]:
    """What is wrong with workflows, for a Makefile that knows some targets."""
    found = []
    for name, workflow in workflows.items():
        for label, job in workflow["jobs"].items():
            have, where = allowed(workflow, job), f"{name}, {label}"
            found += [f"{where}: no target {each}" for each in targets(job) - known]
            for what, (right, need) in NEEDS.items():
                if what in does(job) and not enough(have.get(right, ""), need):
                    found.append(f"{where}: may not {what}")
            if called(job) in workflows:  # a called workflow has no more than its caller
                other = workflows[called(job)]
                for inner in other["jobs"].values():
                    for right, need in allowed(other, inner).items():
                        if not enough(have.get(right, ""), need):
                            found.append(f"{where}: may not {right}: {need}")
            elif called(job):
                found.append(f"{where}: no workflow {called(job)}")
            if "deploy-pages" in does(job):
                chain = [job, *before(workflow, job)]
                made = {target for each in chain for target in makes(workflows, each)}
                found += [f"{where}: not after {each}" for each in {"check", "test"} - made]
                if any("if" in each for each in chain):
                    found.append(f"{where}: a condition may let it pass")
        if "schedule" in events(workflow):
            jobs = workflow["jobs"].items()
            reports = [job for _, job in jobs if called(job) == "report.yml"]
            reported = [each for job in reports for each in before(workflow, job)]
            for label, job in jobs:
                if job not in reports and job not in reported:
                    found.append(f"{name}, {label}: nobody hears of a failure")
            for job in reports:
                condition = job.get("if", "")
                if not all(word in condition for word in ("always()", "failure", "cancelled")):
                    found.append(f"{name}: reported when all is well, or not when a job fails")
    return found


def known_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))


def pythons() -> set[str]:
    """The Pythons that the package says it is for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [line.split(" :: ")[-1] for line in project["classifiers"] if "Python :: 3." in line]
    return set(names)


def test_workflows_are_sound():
    assert faults(read(), known_targets()) == []


def test_the_quick_checks_run_on_every_system_and_python():
    job = next(job for job in read()["test.yml"]["jobs"].values() if "check" in targets(job))
    matrix = job["strategy"]["matrix"]
    assert {system.split("-")[0] for system in matrix["os"]} == SYSTEMS
    assert set(matrix["python"]) == pythons()
    assert matrix.keys() == {"os", "python"}  # nothing excluded
    assert job["runs-on"] == "${{ matrix.os }}"


def test_every_python_has_a_full_run():
    full = [
        (job, step["with"]["python-version"])
        for workflow in read().values()
        for job in workflow["jobs"].values()
        for step in steps(job)
        if "test" in targets(job) and "python-version" in step.get("with", {})
    ]
    versions = set()
    for job, version in full:
        from_matrix = version == "${{ matrix.python }}"
        versions |= set(job["strategy"]["matrix"]["python"]) if from_matrix else {version}
    assert versions == pythons()


def lose_tests(flows):
    for name in ("build", "editions"):
        del flows["pages.yml"]["jobs"][name]["needs"]


def pass_anyway(flows):
    flows["pages.yml"]["jobs"]["build"]["if"] = "always()"


def skip_tests(flows):
    flows["test.yml"]["jobs"]["test"]["steps"][-1]["run"] = "make book"


def forbid_editions(flows):
    del flows["pages.yml"]["jobs"]["editions"]["permissions"]


def misname(flows):
    flows["nightly.yml"]["jobs"]["fuzz"]["steps"][-1]["run"] = "make fuss FUZZ=3"


def forbid_issues(flows):
    flows["nightly.yml"]["jobs"]["report"]["permissions"] = {"issues": "read"}


def forget_permissions(flows):
    del flows["links.yml"]["jobs"]["report"]["permissions"]


def forbid_reporting(flows):
    flows["report.yml"]["permissions"] = {"contents": "read"}


def forbid_checkout(flows):
    flows["test.yml"]["permissions"] = {"issues": "read"}


def forget_a_job(flows):
    flows["nightly.yml"]["jobs"]["report"]["needs"] = ["fuzz"]


def never_report(flows):
    del flows["colab.yml"]["jobs"]["report"]["if"]


def call_nobody(flows):
    flows["colab.yml"]["jobs"]["report"]["uses"] = "./.github/workflows/reports.yml"


MUTATIONS = {
    lose_tests: "not after",
    pass_anyway: "a condition",
    skip_tests: "not after test",
    forbid_editions: "may not git push",
    misname: "no target fuss",
    forbid_issues: "may not issues: write",
    forget_permissions: "may not issues: write",
    forbid_reporting: "may not gh issue",
    forbid_checkout: "may not actions/checkout",
    forget_a_job: "test: nobody hears",
    never_report: "reported when",
    call_nobody: "no workflow reports.yml",
}


@pytest.mark.parametrize(
    "mutate, complaint", MUTATIONS.items(), ids=lambda x: getattr(x, "__name__", "")
)
def test_what_is_wrong_is_found(mutate, complaint):
    flows = copy.deepcopy(read())
    mutate(flows)
    assert any(complaint in fault for fault in faults(flows, known_targets()))


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash, which runs the step on GitHub")
@pytest.mark.parametrize("open_issue", ["", "7"])
def test_a_failure_opens_one_issue(tmp_path, open_issue):
    [step] = read()["report.yml"]["jobs"]["report"]["steps"]
    gh = tmp_path / "gh"
    gh.write_text(
        '#!/bin/sh\nif test "$2" = list; then echo "$OPEN"; else printf "%s\\n" "$@" > said; fi\n'
    )
    gh.chmod(0o755)
    environment = {
        "PATH": os.pathsep.join([str(tmp_path), os.environ["PATH"]]),
        "OPEN": open_issue,
        "TITLE": "A nightly run fails",
        "RUN": "https://example.org/run",
    }
    subprocess.run(["bash", "-e", "-c", step["run"]], check=True, cwd=tmp_path, env=environment)
    said = (tmp_path / "said").read_text().splitlines()
    told = ["--body", "See https://example.org/run"]
    if open_issue:
        assert said == ["issue", "comment", "7", *told]
    else:
        assert said == ["issue", "create", "--title", "A nightly run fails", *told]
