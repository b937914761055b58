"""The code of the documentation's pages runs as it is printed, page by page, from top to bottom."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest

PRELUDE = 'import ketaoutcomes as ko\ncohort = ko.load_cohort("data/sample")\n'
PAGES = [
    "how_to_paper_tables",
    "mixed_models",
    "quality_charts",
    "report_json",
    "side_effects",
    "timing_and_durability",
    "tutorial",
]
# What a page takes to be there already.
BEFORE = {"report_json": 'ko.monthly_report(cohort).save("reports/sample", formats=["json"])\n'}
COMMANDS = ["how_to_export_to_report", "how_to_paper_tables"]


def blocks(root, page: str, language: str) -> list[str]:
    text = (root / "docs" / f"{page}.md").read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, flags=re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


@pytest.fixture
def place(root, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sample").symlink_to(root / "data" / "sample")
    return tmp_path


def run(words: list[str], place, root) -> None:
    env = {**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": str(root)}
    ran = subprocess.run(words, cwd=place, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("page", PAGES)
def test_python_of_the_page_runs(page, root, place):
    code = "\n".join(blocks(root, page, "python"))
    assert code
    run(
        [sys.executable, "-W", "error::FutureWarning", "-c", PRELUDE + BEFORE.get(page, "") + code],
        place,
        root,
    )


@pytest.mark.parametrize("page", COMMANDS)
def test_commands_of_the_page_run_in_their_order(page, root, place):
    lines = [line for block in blocks(root, page, "sh") for line in block.splitlines() if line.strip()]
    assert lines
    for line in lines:
        words = shlex.split(line, comments=True)
        assert words[0] == "ketaoutcomes"
        run([sys.executable, "-m", "ketaoutcomes", *words[1:]], place, root)


def test_every_page_with_code_is_run(root):
    with_python = {path.stem for path in (root / "docs").glob("*.md") if "```python" in path.read_text()}
    assert with_python == set(PAGES)


def test_links_between_the_pages_lead_somewhere(root):
    for path in [root / "README.md", *(root / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (path.parent / target).exists(), f"{path.name}: {target}"
