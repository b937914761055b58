"""The command line as a user and a scheduled job meet it."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from ketaoutcomes import cli
from ketaoutcomes.cohort.simulate import simulate_cohort


@pytest.fixture
def run(root, tmp_path):
    """Run the command in an empty folder and return the finished process."""

    def call(*arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "ketaoutcomes", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(root), **environment},
            timeout=120,
        )

    return call


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small simulated clinic's folder."""
    return simulate_cohort(n_patients=40, deidentification="limited-data-set").save(
        tmp_path_factory.mktemp("data") / "clinic"
    )


@pytest.fixture
def broken(folder, tmp_path):
    """The same with a patient's name in it."""
    copy = tmp_path / "broken"
    shutil.copytree(folder, copy)
    lines = (copy / "patients.csv").read_text().splitlines()
    lines = [lines[0] + ",patient_name", *(line + ",SECRETNAME" for line in lines[1:])]
    (copy / "patients.csv").write_text("\n".join(lines) + "\n")
    return copy


def test_version_is_printed_without_loading_the_library(run):
    done = run("--version", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    assert done.stdout.startswith("ketaoutcomes 0.")
    assert "pandas" not in done.stderr


def test_help_shows_an_example_and_the_exit_codes(run):
    done = run("--help")
    assert "ketaoutcomes report clinic --out reports/clinic" in done.stdout
    assert "exit codes" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("dance",),
        ("report",),
        ("report", "x", "--small-cells", "some"),
        ("simulate", "x", "--patients", "0"),
    ],
)
def test_wrong_usage_ends_with_two(run, arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert "usage:" in done.stderr
    assert done.stdout == ""


def test_a_missing_folder_ends_with_five_and_one_line(run):
    for command, what in (("check", "file or folder"), ("import", "file or folder"), ("report", "folder")):
        done = run(command, "nowhere")
        assert done.returncode == 5
        assert done.stderr == f"ketaoutcomes: nowhere: is not a {what}\n"


def test_simulate_check_and_report_lead_to_a_page(run, tmp_path):
    done = run("simulate", "clinic", "--patients", 30, "--seed", 7)
    assert done.returncode == 0
    assert "30 patients" in done.stdout
    assert "See clinic" in done.stdout
    done = run("check", "clinic")
    assert done.returncode == 0
    assert "can be loaded" in done.stdout
    done = run("report", "clinic")
    assert (done.returncode, done.stderr) == (0, "")
    # A simulated clinic keeps no months, so the folder has its name alone.
    assert done.stdout.splitlines()[-1] == "Open reports/clinic/report.html"
    assert (tmp_path / "reports/clinic/report.html").is_file()


def test_a_dated_cohort_is_reported_under_its_month(run, folder, tmp_path):
    done = run("report", folder, "--month", "2026-08")
    assert done.returncode == 0
    assert (tmp_path / "reports/clinic-2026-08/report.html").is_file()
    assert "August 2026" in done.stdout


def test_json_goes_to_standard_output_alone(run, folder):
    done = run("report", folder, "--out", "out", "--json")
    content = json.loads(done.stdout)
    assert done.stderr == ""
    assert content["report"] == os.path.join("out", "report.html")
    assert content["n_patients"] == 40
    assert content["small_cells"] == "show"
    assert json.loads(run("check", folder, "--json").stdout)["ok"] is True


def test_quiet_prints_nothing_when_all_is_well(run, folder):
    for arguments in (("check", folder), ("report", folder, "--out", "out")):
        done = run(*arguments, "--quiet")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_small_cells_can_be_suppressed(run, folder, tmp_path):
    run("report", folder, "--out", "out", "--small-cells", "suppress")
    assert "Not shown, and why" in (tmp_path / "out/report.html").read_text()


def test_identifying_data_end_with_eleven_and_no_cell_is_quoted(run, broken, tmp_path):
    for command in ("check", "report"):
        done = run(command, broken)
        assert done.returncode == 11
        assert "SECRETNAME" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "reports").exists()


def test_a_month_without_data_ends_with_two_and_says_which_there_are(run, folder):
    done = run("report", folder, "--month", "2031-01")
    assert done.returncode == 2
    assert "the data hold sessions from" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_folder_with_other_files_is_not_overwritten(run, folder, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    done = run("report", folder, "--out", "out")
    assert done.returncode == 5
    assert "not a report of ketaoutcomes" in done.stderr
    assert os.listdir(tmp_path / "out") == ["thesis.txt"]


def test_the_input_cannot_be_the_output(run, folder):
    before = sorted(os.listdir(folder))
    assert run("report", folder, "--out", folder).returncode == 5
    assert sorted(os.listdir(folder)) == before


def test_a_folder_that_cannot_be_written_ends_with_five(run, folder, tmp_path):
    (tmp_path / "file").write_text("")
    done = run("report", folder, "--out", "file/report")
    assert done.returncode == 5
    assert "Traceback" not in done.stderr


def test_an_unexpected_error_names_its_type_and_place_but_not_its_text(monkeypatch, capsys, folder):
    def fail(path):
        raise ValueError("cell value 17 of SECRETNAME")

    monkeypatch.setattr("ketaoutcomes.cohort.check.check", fail)
    assert cli.main(["check", str(folder)]) == 1
    quiet = capsys.readouterr().err
    assert "unexpected ValueError" in quiet
    assert "SECRETNAME" not in quiet
    assert cli.main(["check", str(folder), "--debug"]) == 1
    debug = capsys.readouterr().err
    assert "line" in debug
    assert "SECRETNAME" not in debug


def test_an_interrupt_ends_with_130(monkeypatch, capsys, folder):
    def interrupt(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("ketaoutcomes.cohort.check.check", interrupt)
    assert cli.main(["check", str(folder)]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error_message(root, folder):
    command = f"{sys.executable} -m ketaoutcomes check {folder} --json | head -c 1"
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(root)}
    )
    assert done.stderr == ""


def test_progress_is_shown_on_a_terminal_only(monkeypatch, capsys, folder, tmp_path):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert cli.main(["report", str(folder), "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().err
    assert "reading the tables …" in shown
    assert "first page …" in shown
    assert shown.endswith("\r\033[K")


# formulaic is needed: the spline of the symptom course's mixed model is its.
SLOW = ("seaborn", "statsmodels", "scipy.stats", "matplotlib.pyplot")


def test_a_report_loads_nothing_that_it_does_not_need(root, folder, tmp_path):
    code = (
        "import sys; from ketaoutcomes.cli import main; "
        f"assert main(['report', {str(folder)!r}, '--out', 'out', '--quiet']) == 0; "
        f"print([name for name in {SLOW!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)}, timeout=120,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[]\n", "")
