"""The README's session runs as it is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys


def session(root) -> str:
    text = (root / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    return block


def test_session_of_the_readme_runs_and_writes_its_report(root, tmp_path):
    code = session(root).replace('"data/sample"', repr(str(root / "data" / "sample")))
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "reports" / "2026-09" / "report.html").is_file()


def test_session_of_the_readme_is_about_fifteen_lines(root):
    assert len([line for line in session(root).splitlines() if line.strip()]) <= 16


def test_make_targets_of_the_readme_exist(root):
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`?make (\w+)", (root / "README.md").read_text(encoding="utf-8")):
        if target not in ("", "and"):
            assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
