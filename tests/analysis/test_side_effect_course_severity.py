"""Side effects over the sessions where a severity is not known, many p-values, and short summaries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import ketaoutcomes
from ketaoutcomes.analysis import side_effect_habituation
from ketaoutcomes.analysis.side_effect_course import side_effect_course
from ketaoutcomes.cohort.read import assemble
from ketaoutcomes.engine.rates import cluster_ratio

N, SESSIONS = 60, 6


def clinic(rows, n_patients=N, recorded=None):
    """A cohort from (patient, session, effect, severity)."""
    names = [f"P{one:02d}" for one in range(n_patients)]
    sessions = pd.DataFrame(
        [{"patient_id": name, "hour": 72.0 * k, "route": "IV"} for name in names for k in range(SESSIONS)]
    )
    if recorded is not None:
        sessions["side_effects_recorded"] = recorded
    effects = pd.DataFrame(rows, columns=["patient_id", "session", "effect", "severity"])
    return assemble(
        {
            "patients": pd.DataFrame({"patient_id": names}),
            "sessions": sessions,
            "side_effects": effects.assign(ascertainment="checklist"),
        }
    )


def drawn(seed=8):
    """Rows of nausea, a third of it without a severity."""
    stream = np.random.default_rng(seed)
    prone = stream.normal(0, 1, N)
    rows = []
    for one in range(N):
        for session in range(1, SESSIONS + 1):
            had = stream.random() < 1 / (1 + np.exp(-(prone[one] + 0.5 - 0.3 * np.log2(session))))
            severity = stream.choice(["mild", "severe", None]) if had else None
            rows.append((f"P{one:02d}", session, "nausea" if had else "none", severity))
    return rows


@pytest.fixture(scope="module")
def rows():
    return drawn()


@pytest.fixture(scope="module")
def moderate(rows):
    return side_effect_course(clinic(rows), "nausea", severity="moderate", groups=(1, (2, None)))


def test_a_rate_of_unknown_severity_lies_between_two_bounds(rows, moderate):
    frame = pd.DataFrame(rows, columns=["patient", "session", "effect", "severity"])
    later = frame[frame["session"] > 1]
    surely = (later["severity"] == "severe").groupby(later["patient"]).sum().to_numpy()
    perhaps = ((later["effect"] == "nausea") & later["severity"].isna()).groupby(later["patient"]).sum()
    n = np.full(N, SESSIONS - 1)
    low, high = cluster_ratio(surely, n), cluster_ratio(surely + perhaps.to_numpy(), n)
    table = moderate.table[moderate.table["effect"] == "nausea"].set_index("session_group")
    row = table.loc["2+"]
    assert (row["n_events"], row["n_unknown"], row["n"]) == (surely.sum(), perhaps.sum(), n.sum())
    assert row["n_unknown"] > 0
    assert row["estimate"] == pytest.approx(row["n_events"] / row["n"])
    assert row["estimate_high"] == pytest.approx((row["n_events"] + row["n_unknown"]) / row["n"])
    assert (row["conf_low"], row["conf_high"]) == pytest.approx((low.conf_low, high.conf_high), rel=1e-12)
    assert any("the estimate counts none of them, estimate_high all" in note for note in moderate.notes)
    assert "not known" in moderate.readable()[0].columns


def test_the_heading_says_that_rates_are_lower_bounds(rows, moderate):
    heading = " ".join(text.get_text() for text in moderate.plot().texts)
    assert "lower bounds" in heading.replace("\n", " ")
    heading = " ".join(text.get_text() for text in side_effect_course(clinic(rows)).plot().texts)
    assert "bounds" not in heading


def test_every_recorded_effect_is_at_least_mild(rows):
    mild, every = (side_effect_course(clinic(rows), severity=one) for one in ("mild", None))
    pd.testing.assert_frame_equal(mild.table, every.table)
    pd.testing.assert_frame_equal(mild.habituation, every.habituation)
    assert (mild.table["n_unknown"] == 0).all()
    assert any("each is at least mild" in note for note in mild.notes)


def test_comparisons_are_those_without_the_sessions_of_which_it_is_not_known(rows, moderate):
    known = [row[2] == "none" or row[3] is not None for row in rows]
    kept = [row for row, is_known in zip(rows, known, strict=True) if is_known]
    flags = ["yes" if is_known else "no" for is_known in known]
    alone = side_effect_course(
        clinic(kept, recorded=flags), "nausea", severity="moderate", groups=(1, (2, None))
    )
    n_unknown = len(rows) - len(kept)
    for name in ("first_against_later", "habituation"):
        mine, other = getattr(moderate, name), getattr(alone, name)
        if name == "habituation":
            # Whoever stayed is told by recorded sessions, of which the other cohort has fewer.
            mine, other = (one[one["model"] == "all patients"] for one in (mine, other))
        pd.testing.assert_frame_equal(
            mine.drop(columns="n_unknown").reset_index(drop=True),
            other.drop(columns="n_unknown").reset_index(drop=True),
        )
    assert (other["n_unknown"] == 0).all()
    assert (mine["n_unknown"] == n_unknown).all()
    gap = moderate.first_against_later
    gap = gap[(gap["patients"] == "all") & (gap["effect"] == "nausea")].set_index("quantity")
    assert gap.loc["difference", "n_unknown"] == n_unknown
    assert gap.loc["session 1", "n_unknown"] + gap.loc["later sessions", "n_unknown"] == n_unknown
    assert any("leave these sessions out" in note for note in moderate.notes)


def test_one_effect_s_unknown_severity_takes_nothing_from_another(rows):
    extra = [(*row[:2], "headache", "severe") for row in rows[::4]]
    both = side_effect_course(clinic([*rows, *extra]), ["nausea", "headache"], severity="moderate")
    row = both.habituation.query("effect == 'headache' and model == 'all patients'").iloc[0]
    assert (row["n"], row["n_events"], row["n_unknown"]) == (N * SESSIONS, len(extra), 0)
    pairs = both.first_against_later.query("effect == 'headache' and patients == 'all'").set_index("quantity")
    assert pairs.loc["difference", "n"] == N * SESSIONS
    # A session with nausea of unknown severity and a severe headache surely has a severe effect.
    known = both.habituation.query("effect == 'any side effect' and model == 'all patients'").iloc[0]
    n_nausea = both.habituation.query("effect == 'nausea' and model == 'all patients'").iloc[0]["n_unknown"]
    assert known["n_unknown"] < n_nausea


def test_p_values_are_adjusted_over_the_single_effects_within_model_and_way(sample):
    table = side_effect_course(ketaoutcomes.load_cohort(sample)).habituation
    apart = table["effect"] == "any side effect"
    assert table.loc[apart, "p_adjusted"].isna().all()
    assert table.loc[apart, "p_value"].notna().any()
    for _, own in table[~apart].groupby(["model", "ascertainment"]):
        p = own["p_value"].dropna().to_numpy()
        order = np.argsort(p)
        # Benjamini and Hochberg (1995) by hand: m/k times the k-th smallest, made monotone from above.
        stepped = np.minimum.accumulate((p[order] * p.size / np.arange(1, p.size + 1))[::-1])[::-1]
        expected = np.empty(p.size)
        expected[order] = np.minimum(stepped, 1.0)
        np.testing.assert_allclose(own["p_adjusted"].dropna(), expected)


def test_what_the_odds_ratio_before_the_last_rests_on_is_said(rows):
    result = side_effect_course(clinic(rows))
    assert any("only if a bad session keeps a patient away equally" in note for note in result.notes)
    table = result.habituation.query("effect == 'nausea'").set_index("model")
    # Six sessions each: sessions 3, 4 and 5 of all patients.
    assert table.loc["within patient, before the last, from session 3", "n"] == 3 * N


def test_a_model_that_was_not_solved_does_not_speak_of_a_maximum(rows, monkeypatch):
    fitted = side_effect_habituation.gee
    monkeypatch.setattr(
        side_effect_habituation, "gee", lambda *args, **how: replace(fitted(*args, **how), converged=False)
    )
    table = side_effect_course(clinic(rows), "nausea").habituation.set_index(["effect", "model"])
    assert table.loc[("nausea", "all patients"), "code"] == "no solution of the equations was found"
    assert table.loc[("nausea", "within patient"), "code"] == ""


def test_the_summary_is_short_and_says_where_the_rest_is(sample):
    result = side_effect_course(ketaoutcomes.load_cohort(sample))
    lines = result.sentences()
    assert len(lines) <= 30
    rest = len(set(result.table["effect"])) - 5
    assert f"hold the {rest} others" in lines[-1]
    sizes = result.table.groupby("effect")["n_events"].sum().sort_values(ascending=False)
    said = {effect for effect in sizes.index if any(f"  {effect}, asked" in line for line in lines)}
    assert said == set(sizes.index[:5])
