"""What the gate hides beside the last release. Counts by hand."""

import json
from io import StringIO
from types import MappingProxyType

import pandas as pd
import pytest

from ketaoutcomes.errors import ConfigError, DataError
from ketaoutcomes.report.disclosure import Gate
from ketaoutcomes.report.files import csv_text, sha256
from ketaoutcomes.report.releases import Release, read_release

SUM = "previous 12 months"


def rates(*rows, key="month"):
    table = pd.DataFrame(rows, columns=[key, "n_events", "n"])
    return table.assign(estimate=table["n_events"] / table["n"])


@pytest.fixture
def folder(tmp_path):
    """A function that writes a report's tables and manifest as `Report.save` does."""

    def write(tables, **settings):
        files = {f"tables/{name}.csv": csv_text(frame).encode() for name, frame in tables.items()}
        settings = {"month": "2026-08", "small_cells": "suppress", "instrument": "PHQ-9", **settings}
        manifest = {
            "kind": "ketaoutcomes report",
            "cohort": {"name": "clinic", "fingerprint": "3f2a1b0c" * 8},
            "settings": settings,
            "files": {name: sha256(content) for name, content in files.items()},
        }
        (tmp_path / "tables").mkdir()
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        return tmp_path

    return write


def released(name, table, **options):
    return Gate("suppress").parts(name, table, place="here", **options).frame


def gate_after(folder, tables, **settings):
    return Gate("suppress", read_release(folder(tables, **settings)))


def test_a_release_is_read_back_with_what_it_is_called(folder):
    release = read_release(folder({"response": released("response", rates(("2026-08", 20, 50)))}))
    assert release.words == "the report of August 2026, input 3f2a1b0c"
    assert release.tables["response"]["n_events"].tolist() == ["20"]
    assert Gate("suppress", release).compared_with == f"compared with {release.words}"
    assert Gate("suppress").compared_with == "not compared with an earlier report"


def test_a_folder_that_is_not_there_or_holds_no_report_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no folder"):
        read_release(tmp_path / "none")
    with pytest.raises(ConfigError, match="holds no report"):
        read_release(tmp_path)


@pytest.mark.parametrize("change", ["altered", "missing"])
def test_a_table_that_is_not_as_it_was_written_is_refused(folder, change):
    path = folder({"response": released("response", rates(("2026-08", 20, 50)))})
    table = path / "tables" / "response.csv"
    table.unlink() if change == "missing" else table.write_text("month\n")
    with pytest.raises(DataError, match="1 table is missing or not as"):
        read_release(path)


def test_a_manifest_cannot_name_a_file_elsewhere(folder):
    path = folder({"response": released("response", rates(("2026-08", 20, 50)))})
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"]["tables/../../secret.csv"] = "0" * 64
    (path / "manifest.json").write_text(json.dumps(manifest))
    assert list(read_release(path).tables) == ["response"]


def test_a_report_that_was_written_without_its_tables_is_refused(shown, tmp_path):
    shown.save(tmp_path / "august", formats=["html"])
    with pytest.raises(ConfigError, match="written without its tables"):
        read_release(tmp_path / "august")


@pytest.mark.parametrize(
    ("settings", "cohort", "message"),
    [
        ({"small_cells": "show"}, "clinic", "has not been released"),
        ({"report": "cohort"}, "clinic", "is a cohort report"),
        ({}, "another", "cohort of another name"),
        ({"instrument": "MADRS"}, "clinic", "about MADRS, this one about PHQ-9"),
    ],
)
def test_a_report_on_something_else_is_refused(folder, settings, cohort, message):
    table = released("response", rates(("2026-08", 20, 50)))
    release = read_release(folder({"response": table}, **settings))
    with pytest.raises(ConfigError, match=message):
        release.check(cohort=cohort, instrument="PHQ-9")


@pytest.mark.parametrize(("now", "is_hidden"), [(20, False), (21, True), (30, True), (31, False)])
def test_a_month_whose_count_changed_by_a_few_is_hidden(folder, now, is_hidden):
    gate = gate_after(folder, {"t": released("t", rates(("2026-07", 20, 50), ("2026-08", 25, 60)))})
    given = gate.parts("t", rates(("2026-07", now, 50), ("2026-08", 25, 60)), place="here")
    assert pd.isna(given.frame["n_events"].iloc[0]) == is_hidden
    if is_hidden:
        assert given.frame["suppressed"].iloc[0] == "differs little from the last release"
        assert given.frame.loc[0, ["n", "estimate"]].isna().all()
        assert "differs by 1–10 from the last release" in given.hidden[-1].why


def test_the_size_of_a_row_hidden_for_another_reason_is_compared_too(folder):
    # 9 of 24 then and 10 of 27 now: 3 women were new, and the men, of whom the total tells, go as well.
    then = released("by_sex", rates(("female", 9, 24), ("male", 16, 40), key="group"))
    assert then["n"].tolist() == [24, 40]
    gate = gate_after(folder, {"by_sex": then})
    now = gate.parts("by_sex", rates(("female", 10, 27), ("male", 30, 55), key="group"), place="here").frame
    assert now["n"].isna().all()
    alone = gate.denominators("by_sex", rates(("female", 10, 27), ("male", 30, 55), key="group"), place="x")
    assert alone.frame["n"].isna().tolist() == [True, False]


def test_a_group_that_changed_by_a_few_does_not_follow_from_the_total(folder):
    # Of 90 and 130: with b and c shown, a went from 30 to 33.
    old = rates(("a", 15, 30), ("b", 12, 30), ("c", 14, 30), key="group")
    gate = gate_after(folder, {"t": released("t", old)})
    new = rates(("a", 18, 33), ("b", 24, 47), ("c", 28, 50), key="group")
    frame = gate.parts("t", new, place="here").frame
    assert frame["n"].isna().tolist() == [True, True, False]
    assert frame["n_events"].isna().tolist() == [True, True, False]


def test_sizes_of_groups_without_events_are_compared(folder):
    old = rates(("a", 30, 30), ("b", 30, 30), ("c", 30, 30), key="group")
    gate = gate_after(folder, {"t": released("t", old).drop(columns="n_events")})
    new = rates(("a", 33, 33), ("b", 47, 47), ("c", 50, 50), key="group")
    assert gate.parts("t", new, place="here").frame["n"].isna().tolist() == [True, True, False]


def test_a_cohort_that_only_grew_is_compared_and_one_that_rolled_on_is_not(folder):
    then = (
        Gate("suppress").denominators("t", rates(("scored", 40, 90), key="denominator"), place="here").frame
    )
    path = folder({"t": then})
    now = rates(("scored", 44, 96), key="denominator")
    grown = Gate("suppress", read_release(path)).denominators("t", now, place="here").frame
    rolled = Gate("suppress", read_release(path), rolling=True).denominators("t", now, place="here").frame
    assert grown[["n_events", "n", "estimate"]].isna().all(axis=None)
    assert rolled["n_events"].item() == 44


def months(*rows):
    table = rates(*rows)
    return pd.concat([table, rates((SUM, *table[["n_events", "n"]].sum()))], ignore_index=True)


def test_two_totals_do_not_show_the_hidden_month_that_entered(folder):
    # 20 + 25 + 30 = 75 then; now 25 + 30 + 4 = 59: 75 less the 20 that left, and 4 entered.
    then = months(("2026-05", 20, 60), ("2026-06", 25, 60), ("2026-07", 30, 60))
    at = [True, True, True, False]
    gate = gate_after(folder, {"t": released("t", then, total=at, sum_row=3)}, outcome_month="2026-08")
    now = months(("2026-06", 25, 60), ("2026-07", 30, 60), ("2026-08", 4, 60))
    frame = gate.parts(
        "t", now, place="here", total=at, sum_row=3, then_total=("2026-05", "2026-06", "2026-07")
    ).frame
    assert frame.loc[[2, 3], "n_events"].isna().all()
    assert frame.loc[3, "estimate"] != frame.loc[3, "estimate"]


def test_two_totals_stay_where_what_left_is_hidden_too(folder):
    then = months(("2026-05", 5, 60), ("2026-06", 9, 60), ("2026-07", 30, 60))
    at = [True, True, True, False]
    gate = gate_after(folder, {"t": released("t", then, total=at, sum_row=3)}, outcome_month="2026-08")
    now = months(("2026-06", 9, 60), ("2026-07", 30, 60), ("2026-08", 4, 60))
    frame = gate.parts(
        "t", now, place="here", total=at, sum_row=3, then_total=("2026-05", "2026-06", "2026-07")
    ).frame
    assert frame.loc[3, "n_events"] == 43


def test_a_mean_of_two_totals_does_not_show_that_of_a_hidden_month(folder):
    def means(*rows):
        return pd.DataFrame(rows, columns=["month", "n", "estimate"])

    at = [True, True, False]
    then = means(("2026-06", 30, -8.0), ("2026-07", 40, -9.0), (SUM, 70, -8.571429))
    given = Gate("suppress").means("mean_change", then, place="here", total=at).frame
    gate = gate_after(folder, {"mean_change": given})
    now = means(("2026-07", 40, -9.0), ("2026-08", 6, -2.0), (SUM, 46, -8.086957))
    frame = gate.means("mean_change", now, place="here", total=at, then_total=("2026-06", "2026-07")).frame
    assert frame["estimate"].isna().tolist() == [False, True, True]


def test_the_number_of_all_patients_is_not_printed_where_a_few_were_new(folder):
    rows = pd.DataFrame({"table": ["patients"], "n_read": [100], "n_kept": [100], "n_quarantined": [0]})
    then = Gate("suppress").files("rows_by_table", rows, size="n_kept", place="here").frame
    gate = gate_after(folder, {"rows_by_table": then})
    assert [gate.printable("patients", n) for n in (100, 104, 111)] == [100, None, 111]
    more = rows.assign(n_read=104, n_kept=104)
    assert gate.files("rows_by_table", more, size="n_kept", place="here").frame["n_kept"].isna().all()


def test_rounded_counts_are_not_compared_one_by_one():
    table = rates(("2026-07", 20, 50))
    settings = MappingProxyType({"small_cells": "round"})
    text = csv_text(Gate("round").parts("t", table, place="x").frame)
    then = pd.read_csv(StringIO(text), dtype=str)
    release = Release("2026-08", "clinic", "0" * 64, settings, {"t": then})
    given = Gate("round", release).parts("t", rates(("2026-07", 24, 50)), place="here").frame
    assert given["n_events"].item() == 25
