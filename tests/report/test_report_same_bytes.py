"""The same input gives the same bytes, whatever the machine's clock, language and folder."""

import hashlib
import json
import os
import re
import subprocess
import sys

import pytest

from ketaoutcomes.cohort.simulate import simulate_cohort

ENVIRONMENTS = (
    {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "0"},
    {"TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"},
    {"TZ": "America/New_York", "LC_ALL": "de_DE.UTF-8", "PYTHONHASHSEED": "4711", "USER": "somebody"},
)


@pytest.fixture(scope="module")
def reports(root, tmp_path_factory):
    """Folders of one clinic's report, each made by a process of its own."""
    base = tmp_path_factory.mktemp("same")
    folder = simulate_cohort(n_patients=40, deidentification="limited-data-set").save(base / "clinic")
    made = []
    for number, environment in enumerate(ENVIRONMENTS):
        cwd = base / f"cwd{number}" / ("deep" * number or "d")
        cwd.mkdir(parents=True)
        out = cwd / "report"
        command = [sys.executable, "-m", "ketaoutcomes", "report", str(folder), "--out", str(out), "--quiet"]
        clean = {name: value for name, value in os.environ.items() if name not in ("TZ", "LANG", "LC_ALL")}
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**clean, **environment, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        made.append(out)
    return made


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_every_file_is_the_same_in_every_environment(reports):
    first, *others = [digests(folder) for folder in reports]
    assert {"report.html", "report.pdf", "report.json", "tables.xlsx", "manifest.json"} <= set(first)
    assert len(first) > 20
    for other in others:
        assert other == first


def test_no_file_holds_a_path_a_user_or_a_moment(reports):
    for path in (path for path in reports[2].rglob("*") if path.is_file()):
        # The drawings of a PDF are packed; its own tests look at the fields that could hold a moment.
        content = path.read_bytes().decode("latin-1" if path.suffix in (".pdf", ".xlsx") else "utf-8")
        assert str(reports[2].parent) not in content
        assert "/tmp" not in content
        assert "somebody" not in content
        # A date of today or a time of day would be one of making.
        if path.suffix not in (".pdf", ".xlsx"):
            assert not re.search(r"\b\d\d:\d\d:\d\d\b", content)


def test_the_manifest_gives_the_hash_of_every_file(reports):
    manifest = json.loads((reports[0] / "manifest.json").read_text(encoding="utf-8"))
    found = digests(reports[0])
    del found["manifest.json"]
    assert manifest["files"] == found
    assert manifest["kind"] == "ketaoutcomes report"
