"""The benchmarks at a small size: what they measure is what they say, and a run writes its results."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.cohort.simulate import simulate_cohort


@pytest.fixture(scope="module")
def simulator(root):
    """The module that draws the clinics."""
    place = root / "benchmarks" / "mixed_peers" / "clinics.py"
    spec = importlib.util.spec_from_file_location("benchmark_clinics", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def benchmark(root, tmp_path):
    """A function that runs the benchmark and returns its folder."""

    def run(*arguments):
        command = [sys.executable, str(root / "benchmarks" / "mixed.py"), "--out", str(tmp_path), *arguments]
        done = subprocess.run([*command, "--rscript", "no-such-rscript"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return tmp_path

    return run


def design(frame):
    """Columns in the order of the stated truth, made here by hand."""
    day, route = frame["day"], frame["route"]
    iv, nasal = (route == "IV").astype(float), (route == "nasal").astype(float)
    male = (frame["sex"] == "M").astype(float)
    ones = np.ones(len(frame))
    return np.column_stack([ones, day, iv, nasal, day * iv, day * nasal, frame["baseline"], male])


@pytest.mark.parametrize("model", ["intercept", "slope", "clinic"])
def test_least_squares_finds_the_stated_fixed_effects(simulator, model):
    # Least squares is unbiased under any random effects; its covariance is summed over what is
    # independent: patients, or clinics where those have effects of their own.
    frame = simulator.clinics(4_000, model)
    x, y = design(frame), frame["score"].to_numpy()
    estimate = np.linalg.lstsq(x, y)[0]
    unit = frame["clinic_id" if model == "clinic" else "patient_id"].to_numpy(dtype=object)
    scores = pd.DataFrame(x * (y - x @ estimate)[:, None]).groupby(unit).sum().to_numpy()
    bread = np.linalg.inv(x.T @ x)
    error = np.sqrt(np.diag(bread @ scores.T @ scores @ bread))
    # 24 statements in all; with 20 clinics the error itself is uncertain, hence four and not three.
    np.testing.assert_array_less(np.abs(estimate - list(simulator.FIXED.values())) / error, 4.0)


def test_scores_vary_as_the_stated_random_effects_say(simulator):
    s, frame = simulator, simulator.clinics(4_000, "slope")
    left = frame["score"].to_numpy() - design(frame) @ list(s.FIXED.values())
    for nominal in (0, 84):
        near = (frame["day"] - nominal).abs().to_numpy() <= 0.41
        covariance = s.CORRELATION * s.SD_PATIENT * s.SD_DAY
        # Var(b0 + b1 t + e) at t = nominal; the jitter of 0.4 days moves it by 0.3 % at most.
        truth = s.SD_PATIENT**2 + 2 * nominal * covariance + (nominal * s.SD_DAY) ** 2 + s.SD_RESIDUAL**2
        # The standard error of a variance of 4,000 normal values is sqrt(2 / 4,000) of it; four of them.
        assert left[near].var() == pytest.approx(truth, rel=4 * np.sqrt(2 / 4_000))


def test_no_two_patients_have_the_same_days_and_only_later_assessments_are_missing(simulator):
    whole = simulator.clinics(300, "intercept")
    assert len(whole) == 300 * 12
    days = whole.groupby("patient_id")["day"].apply(tuple)
    assert days.nunique() == 300
    part = simulator.clinics(300, "intercept", missing=0.25)
    assert (part.groupby("patient_id")["day"].min() == 0).all()
    # 3,300 later assessments, each kept with probability 0.75: standard deviation 24.9, four of them.
    assert abs((part["day"] > 0).sum() - 2_475) < 100


def test_clinics_are_the_same_for_the_same_seed_only(simulator):
    first, again = (simulator.clinics(20, "clinic", seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    assert not first["score"].equals(simulator.clinics(20, "clinic", seed=4)["score"])


def test_a_small_run_measures_ours_and_statsmodels_and_writes_table_and_picture(benchmark):
    peers = ["--peers", "ketaoutcomes", "statsmodels"]
    folder = benchmark(*peers, "--sizes", "60", "--models", "intercept", "--rounds", "1")
    table = pd.read_csv(folder / "mixed.csv").set_index("peer")
    assert list(table.index) == ["ketaoutcomes", "statsmodels"]
    assert list(table["status"]) == ["measured", "measured"]
    assert list(table["rows"]) == [720, 720]
    assert table.loc["ketaoutcomes", "ratio"] == 1
    assert (table["best_s"] > 0).all()
    # Two programs at one optimum: theirs stops at its own tolerance, where the deviance is flat.
    assert table["deviance_gap"].max() < 1e-4
    page = (folder / "mixed.md").read_text(encoding="utf-8")
    assert "## random intercept, 60 patients" in page
    assert "| lmerTest over ours | random slope | 200 | at least 10 | not measured | |" in page
    assert (folder / "mixed.png").read_bytes().startswith(b"\x89PNG")


def test_a_peer_over_the_limit_sits_out_larger_sizes(benchmark):
    sizes = ["--sizes", "60", "80", "--models", "intercept"]
    folder = benchmark("--peers", "ketaoutcomes", *sizes, "--limit", "0.0001")
    table = pd.read_csv(folder / "mixed.csv")
    assert list(table["status"]) == ["more than 0.0001 s", "not run: more than 0.0001 s at 60 patients"]
    assert list(table["fits"]) == [0, 0]


@pytest.fixture
def million(root, tmp_path):
    """A function that runs the benchmark of many patients and returns what it printed and its page."""

    def run(*arguments):
        command = [sys.executable, str(root / "benchmarks" / "million.py"), "--out", str(tmp_path / "out")]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout, (tmp_path / "out" / "million.md").read_text(encoding="utf-8")

    return run


def test_a_small_run_of_many_patients_measures_all_ways_at_two_sizes_and_leaves_nothing(million, tmp_path):
    folder = tmp_path / "data"
    # Three pieces of 100, 100 and 100 patients, and one of 30 for the tenth.
    printed, page = million("--patients", "300", "--piece", "100", "--folder", str(folder))
    assert page in printed
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| safe harbor")]
    sizes = [(line[1], line[3]) for line in lines if len(line) == 10]
    ways = ("plain read", "load_cohort", "check")
    assert sizes == [(patients, way) for patients in ("30", "300") for way in ways]
    assert all(0 < float(line[7]) < 8 and float(line[4]) > 0 for line in lines if len(line) == 10)
    # All ways see the same rows, since none is set aside, and every patient is one of their own.
    rows = [line for line in lines if len(line) == 7]
    assert [line[1] for line in rows] == ["30", "300"]
    for line, n in zip(rows, ("30", "300"), strict=True):
        total = f"{sum(int(count.replace(',', '')) for count in line[1:]):,}"
        assert {other[2] for other in lines if len(other) == 10 and other[1] == n} == {total}
    for stage in ("read", "columns", "identifier scan", "ids", "clock", "rules", "frames", "fingerprint"):
        assert f"| {stage} | " in page
    assert "* growth, hours, load_cohort: CPU time as n^" in page
    assert "300 patients, within 8 GB" in page
    assert list(folder.iterdir()) == []


def test_data_that_are_kept_are_used_again(million, tmp_path):
    folder = tmp_path / "data"
    wish = ("--patients", "20", "--forms", "dates", "--folder", str(folder), "--keep")
    million(*wish)
    first = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
    assert len(first) == 12
    million(*wish)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")} == first


def test_pieces_of_patients_are_those_that_the_simulator_gives_under_new_numbers(root, tmp_path):
    script = root / "benchmarks" / "million_parts" / "data.py"
    command = [sys.executable, str(script), str(tmp_path), "--patients", "50", "--piece", "20"]
    subprocess.run([*command, "--instruments", "PHQ-9"], check=True)
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    assert pd.read_parquet(tmp_path / "patients.parquet")["patient_id"].tolist() == [
        f"P{number:02d}" for number in range(1, 51)
    ]
    # The third piece: ten patients with the third seed, 40 patients on.
    made = simulate_cohort(n_patients=10, seed=3, instruments=("PHQ-9",)).tables["scores"]
    numbers = made["patient_id"].str.slice(1).astype(int) + 40
    third = scores[scores["patient_id"] > "P40"].reset_index(drop=True)
    assert third["patient_id"].tolist() == [f"P{number:02d}" for number in numbers]
    for name in ("hour", "score", "i9"):
        np.testing.assert_array_equal(third[name], made[name].to_numpy(float, na_value=np.nan))
