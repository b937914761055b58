"""The README's session runs as it is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields

from ketaoutcomes.readers.mapping import Block, parse_mapping


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


def test_three_commands_of_the_readme_lead_from_an_export_to_the_monthly_report(root, tmp_path):
    text = (root / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    (commands,) = [block.strip().splitlines() for block in blocks if "import --suggest" in block]
    assert len(commands) == 3
    ketaoutcomes = [sys.executable, "-m", "ketaoutcomes"]
    env = {**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": str(root)}

    def run(*words, where):
        ran = subprocess.run([*ketaoutcomes, *words], cwd=where, env=env, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr + ran.stdout
        return ran.stdout

    run("simulate", "try", "--layout", "redcap", "--patients", "60", "--seed", "3", where=tmp_path)
    printed = [run(*command.split()[1:], where=tmp_path / "try") for command in commands]
    n_rows = len((tmp_path / "try" / "export.csv").read_text(encoding="utf-8").splitlines()) - 1
    read, kept, aside, unmapped = (
        int(number.replace(",", ""))
        for number in re.search(
            r"([\d,]+) rows read = ([\d,]+) kept \+ ([\d,]+) set aside \+ ([\d,]+) not mapped", printed[1]
        ).groups()
    )
    assert read == n_rows == kept + aside + unmapped
    assert aside + unmapped < 0.01 * read
    (page,) = (tmp_path / "try" / "reports").glob("my_clinic-*/report.html")
    assert "The tables were made from an export" in page.read_text(encoding="utf-8")


def test_the_mapping_of_the_page_on_importing_is_one(root):
    text = (root / "docs" / "importing.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)
    mapping = parse_mapping(tomllib.loads(block))
    assert [one.table for one in mapping.blocks] == ["sessions", "scores", "side_effects"]
    known = {field.name for field in fields(Block)}
    told = re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)
    assert known == set(told)
