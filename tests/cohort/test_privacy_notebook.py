"""A notebook is scanned by cell and class; prose, months and code are left alone."""

from __future__ import annotations

import json
import os

import pytest

from ketaoutcomes.cohort.notebook_scan import scan_notebook
from ketaoutcomes.errors import DataError


@pytest.fixture
def scan(tmp_path):
    """A function that writes a notebook of the given cells and scans it."""

    def scan(*cells, metadata=None, level="safe-harbor", name="report.ipynb"):
        full = [{"cell_type": "code", "metadata": {}, "source": "", "outputs": []} | cell for cell in cells]
        content = {"cells": full, "metadata": metadata or {}, "nbformat": 4, "nbformat_minor": 5}
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
        return scan_notebook(tmp_path / name, level=level)

    return scan


def _found(result) -> list[tuple]:
    problems = result.problems
    return [
        (table, str(rule).removeprefix("identifier:"), severity, n)
        for table, rule, severity, n in zip(
            problems["table"], problems["rule"], problems["severity"], problems["n_rows"], strict=True
        )
    ]


def code(source: str) -> dict:
    return {"source": source}


@pytest.mark.parametrize(
    ("source", "letter"),
    [
        ('df[df.mrn == "00123456"]', "H"),
        ("df[df['mrn'] == 884213]", "H"),
        ("df.query(\"mrn == '00123456'\")", "H"),
        ('df.loc[df["ssn_last4"].isin(["1120", "9999"])]', "G"),
        ('pd.DataFrame({"mrn": ["00123456", "00123457"]})', "H"),
        ('patient = "Jane Doe"', "A"),
        ('patient = "Xaver Quill"', "A"),
        ('first_name="Xaver Maria"', "A"),
        ("phone = 2125550187", "D"),
        ('text = """P1,j@example.org\nP2,none"""', "F"),
        ('who = f"j@example.org {n}"', "F"),
        ("# asked j@example.org", "F"),
        ("!curl https://portal.example.org/p/7", "N"),
        ("%run /home/jquill/one.py", "A"),
        ('open("C:\\\\Users\\\\jquill\\\\x.csv")', "A"),
        ("broken = (\nx = 'j@example.org'", "F"),
        ("password = 'hunter20241'", "R"),
    ],
)
def test_an_identifier_in_code_is_told_by_cell_and_class(scan, source, letter):
    result = scan(code("x = 1"), code(source))
    assert {(table, rule, severity) for table, rule, severity, _ in _found(result)} == {
        ("cell 2", letter, "privacy")
    }
    assert result.exit_code == 11


@pytest.mark.parametrize(
    "source",
    [
        'ko.monthly_report(cohort, month="2026-09")',
        "rng = np.random.default_rng(20260101)",
        "n = 100_000_000; m = 2**31; k = 2147483647",
        'fig.savefig("course.svg")',
        'cohort = ko.load_cohort("../data/sample")',
        'ax.set_title("Grace period after the last session")',
        'df.groupby("month")["score"].mean().round(2)',
        "x[::2], y[1:3], {'a': 1}",
        'pd.read_csv("/home/user/clinic/scores.csv")',
        "chart = draw(width=4000); zip([2020, 2021], [1, 2])",
        'help("https://doi.org/10.1176/appi.ajp.2013.13030392")',
        "%matplotlib inline\n@cache\ndef f(): return 1.96",
        'df[df.patient_id == "P0001"]',
        'result.table.query("estimate > 0.5 and n_patients >= 11")',
    ],
)
def test_ordinary_code_raises_no_alarm(scan, source):
    assert _found(scan(code(source))) == []


@pytest.mark.parametrize(
    "source",
    [
        "# Months\nThe month is 2026-09, of data cut on 30 September 2026.",
        "Murrough et al. 2013, [paper](https://pubmed.ncbi.nlm.nih.gov/23982301/).",
        "The patient said that Jane drove her home. Prose is not looked at for names.",
        "| month | n |\n|---|---|\n| 2026-09 | 12 |",
        "Use `x[::2]` and `@cache`.",
    ],
)
def test_prose_with_months_and_references_raises_no_alarm(scan, source):
    result = scan({"cell_type": "markdown", "source": source})
    assert _found(result) == []
    assert "Names and stories in prose are not looked for" in result.summary()


def test_dates_in_literals_are_a_note_at_safe_harbor_and_nothing_in_a_limited_data_set(scan):
    cells = code('cut = "2024-03-09"; other = "9 Mar 2024"; month = "2024-03"')
    result = scan(cells)
    assert _found(result) == [("cell 1", "C", "note", 2)]
    assert result.exit_code == 0
    assert _found(scan(cells, level="limited-data-set")) == []


def test_counts_are_of_literals_and_each_class_is_told_once(scan):
    result = scan(code('a = ["j@example.org", "k@example.org", "078-05-1120"]'))
    assert _found(result) == [("cell 1", "F", "privacy", 2), ("cell 1", "G", "privacy", 1)]


def test_every_output_is_told_and_its_text_tables_and_pictures_are_looked_at(scan):
    page = (
        "<style>td {}</style><table><tr><th></th><th>mrn</th><th>score</th></tr>"
        "<tr><th>0</th><td>00123456</td><td>12</td></tr></table>"
    )
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["seen by j@example.org\n", "done\n"]},
        {
            "output_type": "display_data",
            "data": {"image/png": "aaaa", "text/plain": "<Figure>"},
            "metadata": {},
        },
        {"output_type": "execute_result", "data": {"text/html": page}, "metadata": {}},
        {"output_type": "error", "ename": "E", "evalue": "", "traceback": ["File /home/jquill/x.py\x1b[0m"]},
    ]
    result = scan({"outputs": outputs})
    assert ("cell 1", "has_outputs", "note", 4) in _found(result)
    where = "cell 1, output"
    assert {(where, "F", "privacy", 1), (where, "H", "privacy", 1), (where, "A", "privacy", 1)} <= set(
        _found(result)
    )
    assert (where, "Q", "note", 1) in _found(result)
    assert "clear them before sharing" in result.summary()


def test_printed_tables_are_read_by_their_headings(scan):
    printed = "      ssn_last4  score\n0          1120     12\n1          9999     15\n"
    result = scan({"outputs": [{"output_type": "stream", "text": printed}]})
    assert ("cell 1, output", "G", "privacy", 2) in _found(result)


def test_dates_of_days_in_outputs_are_refused_at_safe_harbor(scan):
    cell = {"outputs": [{"output_type": "stream", "text": "P0001  2024-03-09\n2026-09  12\n"}]}
    assert ("cell 1, output", "C", "privacy", 1) in _found(scan(cell))
    assert not [one for one in _found(scan(cell, level="limited-data-set")) if one[1] == "C"]


def test_attachments_metadata_and_unknown_entries_are_looked_at(scan):
    result = scan(
        {
            "cell_type": "markdown",
            "attachments": {"IMG_2041.JPG": {"image/jpeg": "aaaa"}},
            "metadata": {"tags": ["j@example.org"]},
            "extra": {"deep": [{"x": "SSN 078-05-1120"}]},
        },
        metadata={"authors": [{"name": "Jane Quill"}], "kernelspec": {"path": "/home/jquill/kernel"}},
    )
    assert set(_found(result)) == {
        ("cell 1, attachment", "Q", "privacy", 1),
        ("cell 1, attachment", "Q", "note", 1),
        ("cell 1, metadata", "F", "privacy", 1),
        ("cell 1, metadata", "G", "privacy", 1),
        ("the notebook's metadata", "A", "privacy", 1),
    } or ("the notebook's metadata", "A", "privacy", 2) in _found(result)
    assert "Quill" not in result.summary()


def test_the_older_format_with_worksheets_is_read_too(tmp_path):
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": "x = 'j@example.org'"}]}], "nbformat": 3}
    (tmp_path / "old.ipynb").write_text(json.dumps(old))
    assert _found(scan_notebook(tmp_path / "old.ipynb")) == [("cell 1", "F", "privacy", 1)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"  \n",
        b"{",
        b"[]",
        b'{"cells": 3}',
        b'"text"',
        b"\x80\x04\x95",
        b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"cells": ' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"cells": [' + b"1" * 10_000 + b"]}",
        json.dumps({"cells": []}).encode("utf-16"),
    ],
)
def test_a_file_that_is_no_notebook_is_an_error_without_a_traceback(tmp_path, content):
    path = tmp_path / "x.ipynb"
    path.write_bytes(content)
    result = scan_notebook(path)
    assert result.problems["severity"].tolist() == ["error"]
    assert result.exit_code == 10


def test_odd_cells_do_no_harm(scan):
    odd = [
        None,
        3,
        "x",
        [],
        {},
        {"cell_type": 1, "source": {"a": [1]}, "outputs": {"data": 3}, "metadata": 4},
    ]
    content = [one if isinstance(one, dict) else {"source": one} for one in odd]
    assert scan(*content).exit_code == 0


def test_links_pipes_and_folders_are_refused(tmp_path):
    (tmp_path / "real.ipynb").write_text('{"cells": []}')
    (tmp_path / "link.ipynb").symlink_to(tmp_path / "real.ipynb")
    os.mkfifo(tmp_path / "pipe.ipynb")
    (tmp_path / "folder.ipynb").mkdir()
    for name in ("link", "pipe", "folder", "absent"):
        assert scan_notebook(tmp_path / f"{name}.ipynb").exit_code == 10
    with pytest.raises(DataError, match="must be a path"):
        scan_notebook(3)


def test_the_name_of_the_notebook_is_looked_at_and_not_repeated(scan):
    result = scan(code("x = 1"), name="Jane Doe.ipynb")
    assert [one[1] for one in _found(result)] == ["A"]
    assert "Jane" not in result.summary()
