"""What the command line prints acts upon no terminal, and what ends it leaves nothing behind."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from ketaoutcomes.cli.main import main
from ketaoutcomes.cli.say import PlainOutput, print_json
from ketaoutcomes.errors import DataError, Problem, printable

# Sets a terminal's title, clears its screen (in both of the ways of writing it), turns the order of letters.
ACTS = "\x1b]0;OWNED\x07\x1b[2J\x9b31m\u202e"


def acts(text: str) -> bool:
    """Whether a text holds a sign that is not seen, ends of lines aside."""
    return not text.replace("\n", "").replace("\u2009", "").replace("\xa0", "").isprintable()


def test_a_sign_that_is_not_seen_is_written_as_its_number():
    assert printable("a\x1bb\x9bc\u202ed\U000e0041") == "a\\u001bb\\u009bc\\u202ed\\U000e0041"
    assert printable("Größe 5\u2009mg\xa0日本") == "Größe 5\u2009mg\xa0日本"
    assert printable("a\nb\tc", keep="\n") == "a\nb\\u0009c"


def test_no_problem_tells_a_name_that_acts_upon_a_terminal():
    error = DataError(Problem(f"about '{ACTS}'", ACTS, ACTS, n_rows=1))
    assert acts(ACTS)
    assert not acts(str(error))
    assert "OWNED" in str(error)


def test_json_is_the_same_json_behind_the_filter(monkeypatch):
    content = {ACTS: ["\U000e0041", "ü", "\x7f"]}
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", PlainOutput(stream))
    print_json(content)
    assert not acts(stream.getvalue())
    assert json.loads(stream.getvalue()) == content


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """A folder of a cohort, an export, a mapping and an SDTM folder, with such names all over."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "clinic"
    folder.mkdir()
    pd.DataFrame({"patient_id": ["A1", "A2"], f"{ACTS}notes": "x", f"{ACTS}cov": "y"}).to_csv(
        folder / "patients.csv", index=False
    )
    pd.DataFrame({"patient_id": ["A1", "A2"], "hour": 0, "route": "IV"}).to_csv(
        folder / "sessions.csv", index=False
    )
    rows = {"grp": ["P1", "P2"], "v": [0, 0], "r": ["IV", "IV"], f"{ACTS}left": ["1", "2"]}
    pd.DataFrame(rows).to_csv(tmp_path / "export.csv", index=False)
    (tmp_path / "m.toml").write_text(
        '[patient]\nid="grp"\n[[rows]]\ntable="sessions"\ncolumns={hour="v",route="r"}\n', encoding="utf-8"
    )
    (tmp_path / "wrong.toml").write_text(
        '[patient]\nid="grp"\n"\\u001b]0;OWNED\\u0007" = 1\n', encoding="utf-8"
    )
    sdtm = tmp_path / "sdtm"
    sdtm.mkdir()
    pd.DataFrame({"DOMAIN": ["EX"], "USUBJID": ["P1"], f"{ACTS}NOTE": ["a"]}).to_csv(
        sdtm / "ex.csv", index=False
    )
    pd.DataFrame({"USUBJID": ["P1"]}).to_csv(sdtm / f"{ACTS}dm.csv".replace("/", ""), index=False)
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "clinic"],
        ["check", "clinic", "--json"],
        ["check", "export.csv"],
        ["check", f"{ACTS}nothing"],
        ["report", f"{ACTS}nothing"],
        ["import", "export.csv", "--mapping", "m.toml", "--out", "out"],
        ["import", "export.csv", "--mapping", "m.toml", "--out", "out", "--json"],
        ["import", "export.csv", "--mapping", "m.toml", "--out", "out", "--key", f"{ACTS}.csv"],
        ["import", "export.csv", "--mapping", "wrong.toml", "--out", "out"],
        ["import", "sdtm", "--format", "sdtm", "--out", "out"],
        ["import", "--suggest", "export.csv"],
    ],
    ids=str,
)
def test_no_command_prints_a_sign_that_acts_upon_a_terminal(hostile, capsys, arguments):
    code = main(arguments)
    out = capsys.readouterr()
    assert code != 1, out.err
    assert out.out + out.err
    assert not acts(out.out)
    assert not acts(out.err)


def test_memory_that_is_not_there_is_an_error_of_the_data(monkeypatch, capsys):
    def none_left(options):
        raise MemoryError

    monkeypatch.setattr("ketaoutcomes.cli.parser.run_check", none_left)
    assert main(["check", "clinic"]) == 10
    assert "not enough memory" in capsys.readouterr().err


SLOW = """
import sys, tempfile, time
from ketaoutcomes.cli import parser
from ketaoutcomes.cli.main import main

def run(options):
    with tempfile.TemporaryDirectory(dir=".") as staged:
        print("staged", flush=True)
        time.sleep(30)

parser.run_check = run
sys.exit(main(["check", "clinic"]))
"""


def test_a_program_told_to_end_takes_away_what_it_had_begun(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", SLOW],
        cwd=tmp_path,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout.readline() == b"staged\n"
        assert len(list(tmp_path.iterdir())) == 1
        began = time.monotonic()
        running.send_signal(signal.SIGTERM)
        told = running.stderr.read()
    assert running.returncode == 143
    assert time.monotonic() - began < 20
    assert told == b"ketaoutcomes: terminated; an earlier report is still whole\n"
    assert list(tmp_path.iterdir()) == []
