"""A scheduled run: one at a time, the same bytes, whole or not at all; the documented lines work."""

from __future__ import annotations

import configparser
import errno
import os
import re
import signal
import subprocess
import sys
import time
import tomllib

import pytest

from ketaoutcomes.cli.main import main
from ketaoutcomes.cohort import folder_write
from ketaoutcomes.cohort.folder_write import content_digest, only_run, replace_folder
from ketaoutcomes.cohort.simulate import simulate_cohort
from ketaoutcomes.errors import EXIT_CODES, BusyError

PAGE = "how_to_monthly_cron.md"
FORMATS = 'formats = ["html", "csv"]\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small simulated clinic's folder."""
    place = tmp_path_factory.mktemp("data") / "clinic"
    return simulate_cohort(n_patients=40, deidentification="limited-data-set").save(place)


@pytest.fixture(scope="module")
def report(folder):
    """Its report, made once."""
    from ketaoutcomes.cohort.read import load_cohort
    from ketaoutcomes.report.monthly import monthly_report

    return monthly_report(load_cohort(folder))


@pytest.fixture
def run(folder, report, tmp_path, monkeypatch):
    """A function that runs the command on a file; the report is made already."""
    monkeypatch.setattr("ketaoutcomes.report.monthly.monthly_report", lambda cohort, **options: report)

    def call(*arguments, more=""):
        config = tmp_path / "clinic.toml"
        config.write_text(f'data = "{folder}"\nout = "report"\n{FORMATS}{more}')
        return main(["report", "--config", str(config), *arguments])

    return call


def test_a_second_run_ends_at_once_with_six_and_writes_nothing(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("ketaoutcomes.cohort.read.load_cohort", lambda folder: pytest.fail("it went on"))
    with only_run(tmp_path / "report", "report"):
        assert run("--quiet") == 6
    assert (
        capsys.readouterr().err
        == "ketaoutcomes: report: another run is making this report; it is left to it\n"
    )
    assert os.listdir(tmp_path) == ["clinic.toml"]


def test_months_of_one_place_are_made_one_after_the_other(run, tmp_path, folder):
    config = tmp_path / "months.toml"
    config.write_text(f'data = "{folder}"\nout = "reports/{{month}}/all"\n')
    with only_run(tmp_path / "reports" / "{month}", "report"):
        assert main(["report", "--config", str(config), "--quiet"]) == 6
    assert not (tmp_path / "reports").exists()


HOLDER = """
import sys, time
from ketaoutcomes.cohort.folder_write import only_run
with only_run(sys.argv[1], "report"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_run_that_was_killed_keeps_nobody_out(run, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "report")], stdout=subprocess.PIPE, env=os.environ
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(BusyError), only_run(tmp_path / "report", "report"):
            pass
        holder.kill()
    assert run("--quiet") == 0
    assert sorted(os.listdir(tmp_path)) == ["clinic.toml", "report"]


def test_the_same_again_changes_no_file_and_says_so(run, tmp_path, capsys):
    assert run() == 0
    assert "Unchanged" not in capsys.readouterr().out
    before = {path: path.stat() for path in (tmp_path / "report").rglob("*")}
    assert run() == 0
    assert "Unchanged: the same report stood there already." in capsys.readouterr().out
    after = {path: path.stat() for path in (tmp_path / "report").rglob("*")}
    assert {path: (one.st_ino, one.st_mtime_ns) for path, one in before.items()} == {
        path: (one.st_ino, one.st_mtime_ns) for path, one in after.items()
    }


def test_a_file_changed_by_hand_is_put_right(run, tmp_path):
    assert run() == 0
    whole = content_digest(tmp_path / "report")
    (tmp_path / "report" / "report.html").write_text("another page")
    (tmp_path / "report" / "note.txt").write_text("more")
    assert run("--quiet") == 0
    assert content_digest(tmp_path / "report") == whole


def test_a_different_report_stays_unless_it_is_to_be_replaced(run, report, tmp_path, capsys, folder):
    manifest = {**report.manifest, "cohort": {**report.manifest["cohort"], "fingerprint": "0" * 64}}
    other = type(report)(**{**vars_of(report), "manifest": manifest})
    other.save(tmp_path / "report", formats=("html", "csv"))
    earlier = content_digest(tmp_path / "report")
    assert run("--quiet") == 5
    assert "--force" in capsys.readouterr().err
    assert content_digest(tmp_path / "report") == earlier
    assert run("--quiet", "--force") == 0
    assert content_digest(tmp_path / "report") != earlier
    other.save(tmp_path / "report", formats=("html", "csv"))
    assert run("--quiet", more="replace = true\n") == 0
    other.save(tmp_path / "report", formats=("html", "csv"))
    # By hand, somebody is there to see it.
    assert main(["report", str(folder), "--out", str(tmp_path / "report"), "--quiet"]) == 0


def test_a_further_format_is_no_different_report(run, tmp_path):
    assert run("--quiet") == 0
    assert run("--quiet", "--formats", "html,csv,json") == 0
    assert (tmp_path / "report" / "report.json").is_file()


def vars_of(report) -> dict:
    return {name: getattr(report, name) for name in report.__dataclass_fields__}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_disk_that_takes_no_more_leaves_the_earlier_report(run, tmp_path, monkeypatch, capsys, code):
    replace_folder(tmp_path / "report", {"manifest.json": b'{"kind": "ketaoutcomes report"}'}, **OWN)
    earlier = content_digest(tmp_path / "report")

    def refused(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(folder_write.os, "fsync", refused)
    assert run("--quiet", "--force") == 5
    assert f"report: {os.strerror(code)}" in capsys.readouterr().err
    assert content_digest(tmp_path / "report") == earlier
    assert sorted(os.listdir(tmp_path)) == ["clinic.toml", "report"]


OWN = {"is_own": lambda folder: True, "what": "report"}
SLOW = """
import sys, time
from ketaoutcomes.cli import parser
from ketaoutcomes.cli.main import main
from ketaoutcomes.cohort import folder_write

def run(options):
    put = folder_write._put_in_place
    def late(staged, target):
        print("staged", flush=True)
        time.sleep(30)
        put(staged, target)
    folder_write._put_in_place = late
    with folder_write.only_run("report", "report"):
        folder_write.replace_folder(
            "report", {"report.pdf": b"new" * 100_000}, is_own=lambda folder: True, what="report"
        )

parser.run_report = run
sys.exit(main(["report", "clinic"]))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_run_that_is_ended_while_it_writes_leaves_the_earlier_report(tmp_path, number, code):
    replace_folder(tmp_path / "report", {"report.pdf": b"old"}, **OWN)
    with subprocess.Popen(
        [sys.executable, "-c", SLOW], cwd=tmp_path, env=os.environ, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:  # fmt: skip
        assert running.stdout.readline() == b"staged\n"
        running.send_signal(number)
        running.stderr.read()
    assert running.returncode == code
    assert (tmp_path / "report" / "report.pdf").read_bytes() == b"old"
    if number == signal.SIGKILL:
        # What it left goes with the next run.
        with only_run(tmp_path / "report", "report"):
            replace_folder(tmp_path / "report", {"report.pdf": b"next"}, **OWN)
    assert os.listdir(tmp_path) == ["report"]


def test_folders_made_for_a_lock_go_again_where_nothing_was_written(tmp_path):
    with only_run(tmp_path / "a" / "b" / "report", "report"):
        assert (tmp_path / "a" / "b").is_dir()
    assert os.listdir(tmp_path) == []


def test_a_library_without_a_place_for_its_cache_says_nothing(run, monkeypatch, capfd, tmp_path):
    import logging

    def load(folder):
        logging.getLogger("matplotlib").warning("created a temporary cache directory")
        raise KeyboardInterrupt

    monkeypatch.setattr("ketaoutcomes.cohort.read.load_cohort", load)
    assert run("--quiet") == 130
    assert "cache" not in capfd.readouterr().err


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs" / PAGE).read_text(encoding="utf-8")


def block(page: str, language: str) -> str:
    return re.search(rf"^```{language}\n(.*?)^```$", page, re.S | re.M)[1]


def test_the_table_of_exit_codes_is_that_of_the_program(page):
    rows = re.findall(r"^\| (\d+) \| ([^|]*) \|", page, re.M)
    told = {int(code): words.strip() for code, words in rows}
    assert told.keys() == EXIT_CODES.keys()
    assert all(told[code].startswith(EXIT_CODES[code]) for code in told)


def test_the_timer_runs_the_same_command_as_the_crontab(page):
    line = block(page, "cron").splitlines()[-1]
    # Five fields of time; a per cent sign would end the command.
    assert re.match(r"[\d*]+ [\d*]+ [\d*]+ [\d*]+ [\d*]+ umask 077; /", line)
    assert "%" not in line
    units = configparser.ConfigParser(strict=False)
    units.optionxform = str
    for text in re.findall(r"^```ini\n(.*?)^```$", page, re.S | re.M):
        units.read_string(text)
    assert line.endswith(units["Service"]["ExecStart"])
    assert units["Service"]["UMask"] == "0077"
    assert units["Timer"]["Persistent"] == "true"


def test_the_crontabs_command_writes_the_report_of_the_sample(page, sample, tmp_path, root):
    """The command as it stands, with the three paths that are of another machine put where they are here."""
    program = tmp_path / "bin" / "ketaoutcomes"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ketaoutcomes "$@"\n')
    program.chmod(0o700)
    config = tmp_path / "clinic.toml"
    text = block(page, "toml").replace("/srv/ketaoutcomes/clinic", str(sample))
    text = text.replace("/srv/ketaoutcomes/reports", str(tmp_path / "reports")).replace(
        "\n[", f"\n{FORMATS}\n[", 1
    )
    config.write_text(text)
    assert tomllib.loads(text)["data"] == str(sample)
    command = re.split(r" ", block(page, "cron").splitlines()[-1], maxsplit=5)[5]
    command = command.replace("/opt/ketaoutcomes/bin/ketaoutcomes", str(program))
    command = command.replace("/etc/ketaoutcomes/clinic.toml", str(config))
    began = time.monotonic()
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(root), "HOME": "/proc"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - began < 100
    written = tmp_path / "reports" / "clinic-2026-09"
    assert (written / "report.html").is_file()
    assert {path.stat().st_mode & 0o077 for path in [written, *written.rglob("*")]} == {0}
