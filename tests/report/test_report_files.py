"""Files that a spreadsheet cannot be tricked with, and a folder that is never half a report."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.cohort import folder_write
from ketaoutcomes.report.files import csv_text, save_folder, sha256


def contents(tag, n_files=3):
    content = {f"tables/part_{number}.csv": f"{tag},{number}\n".encode() * 2000 for number in range(n_files)}
    content["report.html"] = f"<p>{tag}</p>".encode() * 2000
    hashes = {name: sha256(body) for name, body in content.items()}
    manifest = {"kind": "ketaoutcomes report", "tag": tag, "files": hashes}
    return content | {"manifest.json": json.dumps(manifest).encode()}


def tag_of_whole_report(folder):
    """The report's tag, once every file of its manifest is there with the right content."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, digest in manifest["files"].items():
        assert sha256((folder / name).read_bytes()) == digest
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {*manifest["files"], "manifest.json"}
    return manifest["tag"]


@pytest.mark.parametrize("start", ["=1+1", "+1+1", "-1+cmd", "@SUM(A1)", "\tx", "\rx", "\nx", "\0x", "＝1"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(start):
    text = csv_text(pd.DataFrame({"group": [start], start: ["a"]}))
    parsed = pd.read_csv(io.StringIO(text), dtype=str)
    assert parsed["group"].item().startswith("'")
    assert parsed.columns[1].startswith("'")
    assert "\0" not in text


def test_negative_numbers_stay_numbers():
    text = csv_text(pd.DataFrame({"a": [-8.125], "b": ["-8.1"], "c": ["+1"], "d": ["1e-3"]}))
    assert text == "a,b,c,d\n-8.125,-8.1,+1,1e-3\n"


def test_missing_is_empty_and_floats_have_ten_digits():
    frame = pd.DataFrame(
        {"a": [1 / 3, np.nan, np.inf], "n": pd.array([3, None, 1], dtype="Int64"), "b": [True, False, True]}
    )
    assert csv_text(frame) == "a,n,b\n0.3333333333,3,true\n,,false\ninf,1,true\n"


def test_quotes_commas_and_line_feeds_in_text_are_quoted():
    assert csv_text(pd.DataFrame({"a": ['x,"y"\nz']})) == 'a\n"x,""y""\nz"\n'


def test_a_report_replaces_an_earlier_one_whole_and_leaves_nothing_beside_it(tmp_path):
    target = tmp_path / "deep" / "report"
    save_folder(target, contents("first", 5))
    save_folder(target, contents("second", 2))
    assert tag_of_whole_report(target) == "second"
    assert os.listdir(target.parent) == ["report"]


def test_an_empty_folder_may_become_a_report(tmp_path):
    (tmp_path / "report").mkdir()
    save_folder(tmp_path / "report", contents("first"))
    assert tag_of_whole_report(tmp_path / "report") == "first"


@pytest.mark.parametrize("manifest", [None, "{}", "not json", '{"kind": "other"}', "[]"])
def test_a_folder_that_is_not_a_report_is_left_alone(tmp_path, manifest):
    (tmp_path / "thesis.txt").write_text("ten years of work")
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(FileExistsError, match="not a report of ketaoutcomes"):
        save_folder(tmp_path, contents("first"))
    assert (tmp_path / "thesis.txt").read_text() == "ten years of work"


def test_a_file_in_the_reports_place_is_left_alone(tmp_path):
    (tmp_path / "report").write_text("mine")
    with pytest.raises(FileExistsError, match="is a file"):
        save_folder(tmp_path / "report", contents("first"))
    assert (tmp_path / "report").read_text() == "mine"


def test_a_second_run_at_the_same_time_is_refused(tmp_path):
    target = tmp_path / "report"
    with folder_write._only_writer(target, "report"), pytest.raises(FileExistsError, match="another run"):
        save_folder(target, contents("second"))
    save_folder(target, contents("third"))
    assert tag_of_whole_report(target) == "third"


def test_without_an_exchange_of_names_the_folder_is_still_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_write, "_exchange", lambda first, second: False)
    save_folder(tmp_path / "report", contents("first"))
    save_folder(tmp_path / "report", contents("second"))
    assert tag_of_whole_report(tmp_path / "report") == "second"
    assert os.listdir(tmp_path) == ["report"]


def test_an_earlier_report_that_a_killed_run_left_aside_is_put_back(tmp_path):
    target = tmp_path / "report"
    save_folder(target, contents("first"))
    target.rename(tmp_path / ".report.old")
    (tmp_path / ".report.new").mkdir()
    (tmp_path / ".report.new" / "half").write_text("")
    folder_write._recover(target)
    assert tag_of_whole_report(target) == "first"
    assert os.listdir(tmp_path) == ["report"]


def test_a_failed_write_leaves_the_earlier_report_and_no_rest(tmp_path, monkeypatch):
    target = tmp_path / "report"
    save_folder(target, contents("first"))

    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_write.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        save_folder(target, contents("second"))
    assert tag_of_whole_report(target) == "first"
    assert os.listdir(tmp_path) == ["report"]


WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_report_files import contents
from ketaoutcomes.cohort import folder_write
from ketaoutcomes.report.files import save_folder
if sys.argv[4] == "renames":
    folder_write._exchange = lambda first, second: False
print("ready", flush=True)
number = 0
while True:
    save_folder(Path(sys.argv[3]), contents(f"run {number}", 8))
    number += 1
"""


@pytest.mark.parametrize(("way", "n_kills"), [("exchange", 20), ("renames", 10)])
def test_a_run_killed_at_any_moment_leaves_a_whole_report(tmp_path, root, way, n_kills):
    """Kills at random moments; the way without an exchange may need the next run to put it back."""
    script = tmp_path / "writer.py"
    script.write_text(textwrap.dedent(WRITER))
    target = tmp_path / "out" / "report"
    save_folder(target, contents("earliest"))
    moments = random.Random(20260101)
    tests = str(root / "tests" / "report")
    whole = 0
    for _ in range(n_kills):
        command = [sys.executable, str(script), str(root), tests, str(target), way]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout.readline() == "ready\n"
            time.sleep(moments.uniform(0.0, 0.12))
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
        if way == "renames":
            folder_write._recover(target)
        whole += tag_of_whole_report(target) is not None
    assert whole == n_kills
    save_folder(target, contents("last"))
    assert os.listdir(target.parent) == ["report"]
