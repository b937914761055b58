"""The formats of a report: those asked for, with their hashes, and no other."""

import json

import pytest

from ketaoutcomes.errors import ConfigError
from ketaoutcomes.report.files import sha256
from ketaoutcomes.report.report import FORMATS

NAMES = {"html": "report.html", "pdf": "report.pdf", "json": "report.json", "xlsx": "tables.xlsx"}


def names_in(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_all_formats_are_written_by_default_and_the_manifest_gives_their_hashes(shown, tmp_path):
    folder = shown.save(tmp_path / "report")
    tables = {f"tables/{name}.csv" for name in shown.tables}
    assert names_in(folder) == {*NAMES.values(), *tables, "manifest.json"}
    hashes = json.loads((folder / "manifest.json").read_text())["files"]
    assert hashes == {
        name: sha256((folder / name).read_bytes()) for name in names_in(folder) - {"manifest.json"}
    }
    assert "files" not in shown.manifest


@pytest.mark.parametrize("chosen", [("pdf",), ("csv", "html"), ["json", "json"], "xlsx"])
def test_only_the_formats_asked_for_are_written(shown, tmp_path, chosen):
    folder = shown.save(tmp_path / "report", formats=chosen)
    asked = {chosen} if isinstance(chosen, str) else set(chosen)
    wanted = {NAMES[name] for name in asked if name != "csv"} | {"manifest.json"}
    assert {name for name in names_in(folder) if not name.startswith("tables/")} == wanted
    assert any(name.startswith("tables/") for name in names_in(folder)) == ("csv" in asked)
    assert set(json.loads((folder / "manifest.json").read_text())["files"]) == names_in(folder) - {
        "manifest.json"
    }


def test_a_report_of_fewer_formats_replaces_the_earlier_one_whole(shown, tmp_path):
    shown.save(tmp_path / "report", formats=("html", "json"))
    assert names_in(shown.save(tmp_path / "report", formats=("xlsx",))) == {"tables.xlsx", "manifest.json"}


@pytest.mark.parametrize("chosen", [("docx",), ("html", "PDF"), ()])
def test_an_unknown_format_is_refused_with_the_list_of_those_known(shown, tmp_path, chosen):
    assert FORMATS == ("html", "pdf", "csv", "json", "xlsx")
    with pytest.raises(ConfigError, match="html, pdf, csv, json, xlsx"):
        shown.save(tmp_path / "report", formats=chosen)
    assert not (tmp_path / "report").exists()
