"""`ketaoutcomes notebook`: a page that needs no network, a process that ends, one message on failure."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

from ketaoutcomes.cli.main import main
from ketaoutcomes.report import notebook as runner
from ketaoutcomes.report.notebook_kernel import address_of

# What makes a browser fetch something, by the names of attributes.
FETCHING = {"src", "srcset", "href", "xlink:href", "poster", "data", "background", "action", "formaction"}


class Addresses(HTMLParser):
    """Every address that a page names in an attribute, and its elements and styles."""

    def __init__(self, text):
        super().__init__()
        self.found, self.elements, self.styles = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.add(tag)
        for name, value in attributes:
            if name in FETCHING:
                self.found.append(value)
            if name in ("style", "content"):
                self.styles.append(value or "")
            if name == "srcdoc":
                inner = Addresses(value)
                self.found += inner.found
                self.elements |= inner.elements
                self.styles += inner.styles

    def handle_data(self, data):
        if self.lasttag == "style":
            self.styles.append(data)


@pytest.fixture(scope="module")
def page(sample, tmp_path_factory):
    """The page of the shortest notebook, as the command writes it."""
    out = tmp_path_factory.mktemp("pages") / "page.html"
    assert main(["notebook", "data_quality", "--data", str(sample), "--out", str(out), "--quiet"]) == 0
    return out


@pytest.fixture
def clinic(sample, tmp_path):
    """A copy of the sample under another name."""
    shutil.copytree(sample, tmp_path / "own_clinic")
    return tmp_path / "own_clinic"


@pytest.fixture
def only(tmp_path, monkeypatch):
    """A function that makes a notebook of cells of code the only one that there is."""

    def make(*cells):
        path = tmp_path / "01_tried.ipynb"
        book = nbformat.v4.new_notebook()
        book.cells = [nbformat.v4.new_markdown_cell("# Tried"), *map(nbformat.v4.new_code_cell, cells)]
        nbformat.write(book, path)
        monkeypatch.setattr(runner, "notebooks", lambda: {"tried": path})
        return path

    return make


def kernels(word) -> list[str]:
    """Processes whose command line holds a word."""
    found = []
    for name in os.listdir("/proc"):
        try:
            command = Path("/proc", name, "cmdline").read_text() if name.isdigit() else ""
        except OSError:
            continue
        if word in command and "ipykernel" in command:
            found.append(command)
    return found


def test_the_list_names_every_notebook_with_its_question(capsys, root):
    assert main(["notebook", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(list((root / "notebooks").glob("*.ipynb")))
    assert lines[0].split(maxsplit=1) == ["data_quality", "How complete are the data?"]
    assert main(["notebook", "--list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["durability"] == "How long does response last?"


@pytest.mark.parametrize("name", ["03_durability", "durability", "3", "03_durability.ipynb"])
def test_a_notebook_is_found_by_its_name_or_number(name):
    assert runner.find_notebook(name).stem == "03_durability"


def test_a_name_that_is_not_known_gets_a_suggestion_and_the_list(capsys, sample):
    assert main(["notebook", "durablity", "--data", str(sample)]) == 2
    said = capsys.readouterr().err
    assert "did you mean 'durability'?" in said
    assert "data_quality, response_timing" in said


def test_without_a_name_or_a_folder_it_is_usage(capsys):
    for arguments in (["notebook"], ["notebook", "durability"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
        assert "--data FOLDER" in capsys.readouterr().err


def test_the_page_names_no_address_and_runs_nothing(page):
    read = Addresses(page.read_text())
    assert all(one.startswith(("#", "data:image/")) for one in read.found)
    assert not read.elements & {"script", "link", "object", "embed", "base", "iframe"}
    assert not any("url(" in style or "@import" in style for style in read.styles)
    assert "default-src 'none'" in read.styles[0] + read.styles[1]


def test_the_page_says_that_it_is_not_gated_and_shows_figures_and_tables(page):
    text = page.read_text()
    assert "For use inside the clinic. Small counts are not hidden here" in text
    assert "The data are simulated" not in text
    assert text.count("data:image/png") == 1
    assert text.count("<table") >= 5
    assert page.stat().st_mode & 0o077 == 0


def test_the_page_names_no_folder_of_this_machine(page, root, sample):
    text = page.read_text()
    for place in (str(root), str(sample), str(page.parent), sys.prefix, "/tmp/"):
        assert place not in text


def test_the_notebook_reads_the_folder_and_its_process_is_spoken_to_without_a_network(
    only, clinic, tmp_path, capsys, monkeypatch
):
    # What a user has set for Jupyter and for figures has no say.
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    only(
        "import os, sys\nfrom ipykernel.connect import get_connection_info\n"
        "print('over', get_connection_info(unpack=True)['transport'])\n"
        "print('at', os.environ['KETAOUTCOMES_DATA'])\nprint('noise', file=sys.stderr)",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
    )
    out = tmp_path / "page.html"
    assert main(["notebook", "tried", "--data", str(clinic), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["notebook"] == "01_tried"
    text = out.read_text()
    assert "over ipc" in text
    assert "at own_clinic" in text
    assert "\nnoise" not in text
    assert "data:image/png" in text
    assert not (tmp_path / "ipython").exists()
    assert kernels("keta-") == []


def test_sockets_whose_names_would_be_too_long_give_way_to_the_loopback(tmp_path):
    assert address_of(Path("/tmp/keta-abcdefgh")) == ("ipc", "/tmp/keta-abcdefgh/socket")
    assert address_of(Path("/tmp", "x" * 90)) == ("tcp", "127.0.0.1")


def test_a_cell_that_fails_is_named_and_its_text_is_not_shown(only, clinic, tmp_path, capsys):
    only("1 + 1", "raise ValueError('SECRETNAME')")
    out = tmp_path / "page.html"
    assert main(["notebook", "tried", "--data", str(clinic), "--out", str(out)]) == 10
    said = capsys.readouterr().err
    assert "cell 2 of 2 ended in ValueError" in said
    assert said.count("\n") == 1
    assert "SECRETNAME" not in said
    assert not out.exists()
    assert kernels("keta-") == []


def test_an_error_of_ours_says_what_is_the_matter(only, clinic, capsys, tmp_path):
    only("import os\nimport ketaoutcomes as ko\ncohort = ko.load_cohort(os.environ['KETAOUTCOMES_DATA'])\n"
         "ko.response_rates(cohort, 'HDRS-6')")  # fmt: skip
    out = str(tmp_path / "page.html")
    assert main(["notebook", "tried", "--data", str(clinic), "--out", out]) == 10
    said = capsys.readouterr().err
    assert "cell 1 of 1 ended in DataError: " in said
    assert "instruments with scores: " in said


def test_a_folder_that_identifies_people_is_refused_before_anything_runs(clinic, capsys, monkeypatch):
    monkeypatch.setattr(runner, "run_notebook", lambda *given, **told: pytest.fail("it ran"))
    lines = (clinic / "patients.csv").read_text().splitlines()
    lines = [f"{lines[0]},patient_name", *(f"{line},SECRETNAME" for line in lines[1:])]
    (clinic / "patients.csv").write_text("\n".join(lines))
    assert main(["notebook", "data_quality", "--data", str(clinic)]) == 11
    assert "SECRETNAME" not in capsys.readouterr().err


def test_without_the_extra_it_says_how_to_install_it(clinic, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "nbformat", None)
    out = str(tmp_path / "page.html")
    assert main(["notebook", "data_quality", "--data", str(clinic), "--out", out]) == 2
    assert "pip install 'ketaoutcomes[notebooks]'" in capsys.readouterr().err


def test_nothing_of_somebody_elses_is_written_over(clinic, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(runner, "run_notebook", lambda *given, **told: pytest.fail("it ran"))
    (tmp_path / "thesis.html").write_text("ten years of work")
    (tmp_path / "link.html").symlink_to(tmp_path / "thesis.html")
    for place, words in (
        ("thesis.html", "no page of a notebook"),
        ("link.html", "is a link"),
        ("own_clinic/page.html", "into which nothing is written"),
        (".", "is a folder"),
    ):
        arguments = ["notebook", "data_quality", "--data", str(clinic), "--out", str(tmp_path / place)]
        assert main(arguments) == 5
        assert words in capsys.readouterr().err
    assert (tmp_path / "thesis.html").read_text() == "ten years of work"


ENDED = """
import sys
from pathlib import Path
from ketaoutcomes.cli.main import main
from ketaoutcomes.report import notebook as runner
runner.notebooks = lambda: {"tried": Path(sys.argv[1])}
sys.exit(main(["notebook", "tried", "--data", sys.argv[2], "--out", "page.html"]))
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_no_process_stays_when_the_run_is_ended(only, clinic, tmp_path, number, code):
    mark = tmp_path / "begun"
    path = only(f"import pathlib, time\npathlib.Path({str(mark)!r}).touch()\ntime.sleep(60)")
    own = tmp_path / "own"
    own.mkdir()
    running = subprocess.Popen(
        [sys.executable, "-c", ENDED, str(path), str(clinic)],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(own)},
        stderr=subprocess.PIPE,
    )
    while not mark.exists():
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.1)
    assert len(kernels(str(own))) == 1
    running.send_signal(number)
    running.wait(30)
    said = running.stderr.read()
    running.stderr.close()
    # After SIGKILL the process sees for itself, within seconds, that it is alone.
    waited = time.monotonic()
    while kernels(str(own)) and time.monotonic() - waited < 20:
        time.sleep(0.2)
    assert kernels(str(own)) == []
    assert running.returncode == code
    assert said.count(b"\n") == (0 if number == signal.SIGKILL else 1)
    assert not (tmp_path / "page.html").exists()
