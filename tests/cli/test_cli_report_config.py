"""`ketaoutcomes report --config`: what the file says is done, and what stands on the command line wins."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from ketaoutcomes.cli.main import main
from ketaoutcomes.cohort.simulate import simulate_cohort


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small simulated clinic's folder."""
    place = tmp_path_factory.mktemp("data") / "clinic"
    return simulate_cohort(n_patients=40, deidentification="limited-data-set").save(place)


@pytest.fixture(scope="module")
def made(folder):
    """The reports of two months, made once: by month and by whether small counts are shown."""
    from ketaoutcomes.cohort.read import load_cohort
    from ketaoutcomes.report.monthly import monthly_report

    cohort = load_cohort(folder)
    return {
        (month, cells): monthly_report(cohort, month=month, small_cells=cells)
        for month, cells in (("2026-08", "suppress"), ("2026-09", "suppress"), ("2026-09", "show"))
    }


@pytest.fixture
def told(monkeypatch, made):
    """What the report was told; the reports themselves are made already."""
    calls = []

    def report(cohort, **options):
        calls.append(options)
        return made[options["month"], options["small_cells"] or "show"]

    monkeypatch.setattr("ketaoutcomes.report.monthly.monthly_report", report)
    return calls


@pytest.fixture
def write(tmp_path, folder, monkeypatch):
    """A function that writes a TOML file, with `data` and more lines, and returns its path."""
    monkeypatch.chdir(tmp_path)

    def make(*lines):
        path = tmp_path / "clinic.toml"
        first = [f'data = "{folder}"', 'formats = ["html", "csv"]', 'small_cells = "suppress"']
        path.write_text("\n".join([*first, *lines]))
        return str(path)

    return make


def test_what_the_file_says_reaches_the_report(write, told):
    lines = ["level = 0.9", 'instrument = "PHQ-9"', 'by = ["sex"]', 'baseline = ["2025-06", "2026-05"]']
    config = write(*lines, 'month = "2026-08"', "[changes]", '"2026-03" = "reminders began"')
    assert main(["report", "--config", config, "--quiet"]) == 0
    (options,) = told
    assert (options["month"], options["level"], options["instrument"]) == ("2026-08", 0.9, "PHQ-9")
    assert options["small_cells"] == "suppress"
    assert options["settings"].by == ("sex",)
    assert options["settings"].baseline == ("2025-06", "2026-05")
    assert dict(options["settings"].changes) == {"2026-03": "reminders began"}


def test_the_command_line_wins_over_the_file(write, told, tmp_path):
    config = write('month = "2026-08"', 'out = "from-file"', "level = 0.9")
    asked = ["--month", "2026-09", "--out", "by-hand", "--level", "0.8", "--formats", "html"]
    assert main(["report", "--config", config, "--quiet", "--small-cells", "show", *asked]) == 0
    assert (told[0]["month"], told[0]["level"], told[0]["small_cells"]) == ("2026-09", 0.8, "show")
    assert sorted(os.listdir(tmp_path / "by-hand")) == ["manifest.json", "report.html"]
    assert not (tmp_path / "from-file").exists()


def test_the_month_is_filled_in_and_relative_paths_begin_at_the_file(write, told, tmp_path, monkeypatch):
    config = write('out = "out/clinic-{month}/report"')
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["report", "--config", config, "--quiet", "--month", "last"]) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["clinic-2026-09"]
    assert (tmp_path / "out/clinic-2026-09/report/report.html").is_file()
    assert os.listdir(tmp_path / "elsewhere") == []


def test_without_a_place_the_report_stands_beside_the_file_under_its_month(write, told, tmp_path):
    assert main(["report", "--config", write(), "--quiet"]) == 0
    assert (tmp_path / "reports/clinic-2026-09/report.html").is_file()


def test_the_last_release_is_the_newest_one_of_an_earlier_month(write, told, made, tmp_path):
    made["2026-08", "suppress"].save(tmp_path / "out" / "a-2026-08")
    # Of this month, with small counts, and by another run left half: none of them is a release.
    made["2026-09", "suppress"].save(tmp_path / "out" / "b")
    made["2026-09", "show"].save(tmp_path / "out" / "c")
    made["2026-08", "suppress"].save(tmp_path / "out" / ".d.ketaoutcomes-0123456789abcdef.new")
    config = write('out = "out/clinic-{month}"', 'previous = "auto"')
    assert main(["report", "--config", config, "--quiet"]) == 0
    assert told[0]["previous"] == tmp_path / "out" / "a-2026-08"
    assert main(["report", "--config", config, "--quiet", "--month", "2026-08"]) == 0
    assert told[1].get("previous") is None
    config = write('out = "out/clinic-{month}"', 'previous = "out/b"')
    assert main(["report", "--config", config, "--quiet"]) == 0
    assert told[2]["previous"] == tmp_path / "out" / "b"


def test_a_file_that_cannot_be_used_ends_with_two_and_nothing_is_written(write, capsys, tmp_path):
    assert main(["report", "--config", write("lvel = 0.9", 'kind = "weekly"')]) == 2
    said = capsys.readouterr().err
    assert "did you mean 'level'?" in said
    assert "'kind' must be one of monthly, cohort" in said
    assert os.listdir(tmp_path) == ["clinic.toml"]


def test_a_format_that_is_not_known_ends_with_two(write, capsys):
    assert main(["report", "--config", write(), "--formats", "html,pfd"]) == 2
    assert "did you mean 'pdf'?" in capsys.readouterr().err


def test_a_file_without_data_needs_a_folder(tmp_path, capsys):
    (tmp_path / "clinic.toml").write_text("level = 0.9")
    with pytest.raises(SystemExit) as ended:
        main(["report", "--config", str(tmp_path / "clinic.toml")])
    assert ended.value.code == 2
    assert "name the FOLDER" in capsys.readouterr().err


@pytest.mark.parametrize("inside", ["", "/reports/new", "/../clinic/x"])
def test_nothing_is_written_into_the_data(write, folder, capsys, inside):
    before = sorted(os.listdir(folder))
    assert main(["report", "--config", write(f'out = "{folder}{inside}"')]) == 5
    assert "into which nothing is written" in capsys.readouterr().err
    assert sorted(os.listdir(folder)) == before


def test_a_link_into_the_data_is_seen_through_and_a_link_as_the_place_is_refused(
    write, folder, capsys, tmp_path
):
    (tmp_path / "way").symlink_to(folder)
    assert main(["report", "--config", write('out = "way/report"')]) == 5
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert main(["report", "--config", write('out = "link"')]) == 5
    assert "is a link" in capsys.readouterr().err
    assert os.listdir(tmp_path / "elsewhere") == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            'by = ["sexx"]',
            "by: no column of patients or sessions that makes groups: 'sexx'; did you mean 'sex'?",
        ),
        ('by = ["sex", "patient_id"]', "that makes groups: 'patient_id'; "),
        ('releases = "elsewhere"', 'releases: where previous = "auto" looks; set that too, or leave it out'),
    ],
)
def test_what_would_be_passed_over_in_silence_is_refused(write, told, capsys, tmp_path, line, words):
    assert main(["report", "--config", write(line)]) == 2
    assert words in capsys.readouterr().err
    assert (told, os.listdir(tmp_path)) == ([], ["clinic.toml"])


def test_a_folder_of_releases_that_is_not_there_is_not_taken_for_a_first_report(write, told, capsys):
    assert main(["report", "--config", write('previous = "auto"', 'releases = "elsewhere"')]) == 5
    assert capsys.readouterr().err.strip().endswith("elsewhere: is not a folder")
    assert told == []


def test_a_folder_given_as_the_file_is_named(tmp_path, capsys):
    assert main(["report", "--config", str(tmp_path)]) == 2
    assert capsys.readouterr().err.strip().endswith(f"{tmp_path.name}: is a folder; name the TOML file")


@pytest.mark.parametrize("hidden", [True, False])
def test_the_log_holds_no_sum_that_gives_away_a_hidden_count(write, made, monkeypatch, capsys, hidden):
    # 3 + 4 rows are shown as set aside; beside a sum over all tables the hidden one would be known.
    released = made["2026-09", "suppress"]
    rows = pd.DataFrame(
        {
            "table": ["patients", "sessions", "scores"],
            "n_read": pd.array([None if hidden else 50, 100, 1000], dtype="Int64"),
            "n_quarantined": pd.array([None if hidden else 2, 3, 4], dtype="Int64"),
        }
    )
    report = replace(released, tables={**released.tables, "rows_by_table": rows})
    monkeypatch.setattr("ketaoutcomes.report.monthly.monthly_report", lambda cohort, **options: report)
    assert main(["report", "--config", write(), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_rows_set_aside"] == (None if hidden else 9)
    assert main(["report", "--config", write()]) == 0
    said = capsys.readouterr().out
    shown = "7 of 1,100 rows set aside by a rule, of the tables whose counts are shown;"
    assert (shown if hidden else "9 of 1,150 rows set aside by a rule;") in said


def test_the_log_has_no_number_of_patients_where_the_report_has_none(write, made, monkeypatch, capsys):
    # As where it differs from the last report's by a few: beside that one the difference would be known.
    released = made["2026-09", "suppress"]
    cohort = {**released.manifest["cohort"], "n_patients": None}
    report = replace(released, manifest={**released.manifest, "cohort": cohort})
    monkeypatch.setattr("ketaoutcomes.report.monthly.monthly_report", lambda cohort, **options: report)
    assert main(["report", "--config", write(), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_patients"] is None
    assert main(["report", "--config", write()]) == 0
    assert "patients (their number is not shown), " in capsys.readouterr().out


def test_one_object_of_json_says_what_was_made(write, told, capsys, tmp_path):
    lines = ["[thresholds]", "vitals_recorded = 100", "rows_set_aside = 100"]
    assert main(["report", "--config", write(*lines), "--json", "--quiet"]) == 3
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert (said["exit_code"], said["month"], said["small_cells"]) == (3, "2026-09", "suppress")
    assert said["written"] is True
    assert [one["measure"] for one in said["breaches"]] == ["vitals_recorded"]
    assert err == f"ketaoutcomes: data-quality threshold: {said['breaches'][0]['words']}\n"
    manifest = json.loads((Path(said["report"]).parent / "manifest.json").read_text())
    assert said["files"] == manifest["files"]
    assert said["fingerprint"] == manifest["cohort"]["fingerprint"]
    assert isinstance(said["signals"], list)
    # 40 patients are shown; a count of 1 to 10 would not be.
    assert said["n_patients"] == 40
