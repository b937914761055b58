"""The TOML file of a scheduled report: what it may say, and that everything wrong is said at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ketaoutcomes.errors import ConfigError
from ketaoutcomes.report.config import ReportConfig, read_config, read_report_settings
from ketaoutcomes.report.settings import ReportSettings, Thresholds

WHOLE = """
data = "clinic"
out = "reports/clinic-{month}"
month = "last"
instrument = "PHQ-9"
small_cells = "round"
level = 0.9
formats = ["html", "csv"]
kind = "monthly"
baseline = ["2025-01", "2025-12"]
by = ["sex", "route"]
previous = "auto"
releases = "/srv/releases"
replace = true

[changes]
"2026-03" = "text reminders began"

[thresholds]
rows_set_aside = 5
follow_up_scored = 60
"""


@pytest.fixture
def config(tmp_path):
    """A function from TOML to what it says."""

    def make(text, name="clinic.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return read_config(path)

    return make


def complaints(make, text) -> list[str]:
    with pytest.raises(ConfigError) as error:
        make(text)
    assert error.value.exit_code == 2
    return [one.message for one in error.value.problems]


def test_a_whole_file_says_what_it_says(config, tmp_path):
    assert config(WHOLE) == ReportConfig(
        data=tmp_path / "clinic",
        out=tmp_path / "reports" / "clinic-{month}",
        month=None,
        instrument="PHQ-9",
        small_cells="round",
        level=0.9,
        formats=("html", "csv"),
        kind="monthly",
        previous="auto",
        releases=Path("/srv/releases"),
        replace=True,
        settings=ReportSettings(
            baseline=("2025-01", "2025-12"),
            changes={"2026-03": "text reminders began"},
            by=("sex", "route"),
            thresholds=Thresholds(rows_set_aside=5, follow_up_scored=60),
        ),
    )


def test_an_empty_file_is_the_defaults(config):
    assert config("") == ReportConfig()


def test_the_settings_alone_are_what_a_report_takes(tmp_path):
    (tmp_path / "clinic.toml").write_text('by = ["sex"]')
    assert read_report_settings(tmp_path / "clinic.toml") == ReportSettings(by=("sex",))


def test_relative_paths_are_relative_to_the_file_wherever_it_is_read_from(config, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "clinic.toml").write_text('data = "a"\nprevious = "../b"')
    found = read_config(os.path.join("..", "clinic.toml"))
    assert os.path.realpath(found.data) == os.path.realpath(tmp_path / "a")
    assert os.path.realpath(found.previous) == os.path.realpath(tmp_path.parent / "b")


def test_all_that_is_wrong_is_said_at_once(config):
    told = complaints(
        config,
        'dta = "x"\nlevel = 95\nmonth = "2026-13"\n[thresholds]\nrows_set_asid = 5\nvitals_recorded = 101',
    )
    assert len(told) == 5
    assert "did you mean 'data'?" in told[0]
    assert "did you mean 'rows_set_aside'?" in told[3]
    assert all(one.startswith("clinic.toml: ") for one in told)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('month = "September"', "YYYY-MM"),
        ("month = 2026-09-01", "YYYY-MM"),
        ('small_cells = "supress"', "did you mean 'suppress'?"),
        ("small_cells = true", "must be one of"),
        ("level = 1", "between 0 and 1"),
        ("level = true", "between 0 and 1"),
        ("level = nan", "between 0 and 1"),
        ('formats = ["html", "pfd"]', "did you mean 'pdf'?"),
        ("formats = []", "must be a list"),
        ('formats = "html"', "must be a list"),
        ('kind = "weekly"', "monthly, cohort"),
        ('baseline = ["2026-01", "2025-01"]', "before it ends"),
        ('baseline = ["2025-01"]', "first and the last month"),
        ('baseline = "2025-01"', "first and the last month"),
        ('by = "sex"', "list of columns"),
        ("instrument = 9", "text in quotes"),
        ('replace = "yes"', "true or false"),
        ('out = "~/reports"', "not filled in"),
        ('out = "$HOME/reports"', "not filled in"),
        ('out = "reports/{year}"', "{month} only"),
        ('out = "reports/\\u0000"', "must be a path"),
        ('data = ""', "must be a path"),
        ("changes = 3", "must be a table: [changes]"),
        ('[changes]\n"2026" = "a"', "YYYY-MM"),
        ('[changes]\n"2026-01" = ""', "1 to 80 letters"),
        ('[changes]\n"2026-01" = "a\\nb"', "in one line"),
        ("[changes]\n2026-01 = 5", "1 to 80 letters"),
        ("[thresholds]\nrows_set_aside = -1", "0 to 100"),
        ("[thresholds]\nrows_set_aside = true", "0 to 100"),
        ("[thresholds]\nrows_set_aside = nan", "0 to 100"),
        ('[thresholds]\nrows_set_aside = "5"', "0 to 100"),
        ('[thresholds]\nout = "x"', "belongs above the first line in [ ]"),
        ('[changes]\nout = "x"', "belongs above the first line in [ ]"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(config, line, words):
    told = complaints(config, line)
    assert len(told) == 1
    assert words in told[0]


def test_what_is_not_toml_is_told_by_its_line(config):
    assert "line 2" in complaints(config, 'data = "x"\nout = \n')[0]


def test_a_folder_or_a_pipe_is_no_file(tmp_path):
    with pytest.raises((ConfigError, OSError)):
        read_config(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="not a file"):
        read_config(tmp_path / "pipe")


def test_a_file_that_is_not_there_is_an_error_of_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_config(tmp_path / "nothing.toml")
