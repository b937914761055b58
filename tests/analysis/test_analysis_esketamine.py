"""Ten adolescents before and 24 h after esketamine (OSF 2ujqn, CC-BY-4.0); the header is Latin-1."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.analysis.response import response_rates
from ketaoutcomes.analysis.side_effect_rates import side_effect_rates
from ketaoutcomes.analysis.trajectory import trajectory
from ketaoutcomes.cohort.read import load_cohort


@pytest.fixture
def cohort(shared, tmp_path):
    raw = pd.read_csv(shared / "data" / "ket_esk_adolescents" / "Dataset.csv", encoding="latin-1")
    ids = "E" + raw["Id"].astype(str).str.zfill(2)
    pd.DataFrame({"patient_id": ids, "age": raw["Age"]}).to_csv(tmp_path / "patients.csv", index=False)
    sessions = pd.DataFrame({"patient_id": ids, "hour": 0, "route": "IV", "side_effects_recorded": "yes"})
    sessions.to_csv(tmp_path / "sessions.csv", index=False)
    before = pd.DataFrame(
        {"patient_id": ids, "instrument": "MADRS", "hour": 0, "score": raw["MADRS_Baseline"], "timing": "pre"}
    )
    after = before.assign(hour=24, score=raw["MADRS_Post"], timing="post")
    pd.concat([before, after]).to_csv(tmp_path / "scores.csv", index=False)
    effect = np.where(raw["Dissociation"] == 1, "dissociation", "none")
    pd.DataFrame({"patient_id": ids, "session": 1, "effect": effect, "ascertainment": "checklist"}).to_csv(
        tmp_path / "side_effects.csv", index=False
    )
    return load_cohort(tmp_path)


def test_means_before_and_after(cohort):
    # Sums of the published column: 391 and 268 over ten patients.
    course = trajectory(cohort, "MADRS", at=(0, 1)).table
    np.testing.assert_allclose(course["estimate"], [39.1, 26.8])
    assert course["n"].tolist() == [10, 10]


def test_two_of_ten_respond_at_24_hours(cohort):
    # 44 to 10 and 45 to 22 are falls of at least half; 33 to 21 is not.
    table = response_rates(cohort, "MADRS", at="24_hours").table
    assert table["n_events"].tolist() == [2, 2, 2]
    assert table["n"].tolist() == [10, 10, 10]
    # Wilson 2/10: (2.2 -/+ …), R 4.2.2 prop.test(2, 10, correct = FALSE).
    np.testing.assert_allclose(table["conf_low"].iloc[0], 0.05668215, atol=1e-7)
    np.testing.assert_allclose(table["conf_high"].iloc[0], 0.50983753, atol=1e-7)


def test_dissociation_in_five_of_ten_with_an_exact_interval(cohort):
    table = side_effect_rates(cohort, per="patient").table
    assert table["effect"].tolist() == ["any side effect", "dissociation"]
    assert (table["n_events"] == 5).all()
    assert (table["n"] == 10).all()
    # R 4.2.2 binom.test(5, 10).
    np.testing.assert_allclose(table["conf_low"], 0.1870860, atol=1e-6)
    np.testing.assert_allclose(table["conf_high"], 0.8129140, atol=1e-6)
