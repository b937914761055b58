"""Recurrent losses of response: who is at risk when, hazard ratios, and what is said where data are few."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes import load_cohort
from ketaoutcomes.analysis.recurrence import recurrence
from ketaoutcomes.analysis.recurrence_model import strata_of
from ketaoutcomes.derive.episodes import episode_set
from ketaoutcomes.derive.recurrence_rows import risk_rows
from ketaoutcomes.engine.cox import cox
from ketaoutcomes.errors import DataError

DAY = 24.0


@pytest.fixture(scope="module")
def clinic(sample):
    return load_cohort(sample)


def twice_lost(patient, *, shift=0.0):
    """Sessions on days 0 and 20; response seen on days 1 and 21, lost on days 8 and 30."""
    sessions = [(patient, 0.0), (patient, (20 + shift) * DAY)]
    scores = [(patient, -1.0, 20.0), (patient, 1 * DAY, 4.0), (patient, 5 * DAY, 5.0)]
    scores += [(patient, (8 + shift) * DAY, 18.0), (patient, (21 + shift) * DAY, 3.0)]
    return sessions, [*scores, (patient, (30 + shift) * DAY, 19.0), (patient, (40 + shift) * DAY, 19.0)]


def cohort_of(make, people, **extra):
    sessions, scores = zip(*people, strict=True)
    return make([row for rows in sessions for row in rows], [row for rows in scores for row in rows], **extra)


def test_a_patient_is_at_risk_while_seen_to_respond(make):
    cohort = cohort_of(make, [twice_lost("P1")])
    rows = risk_rows(episode_set(cohort, "PHQ-9", sessions="all")).frame
    assert (rows["start"] / DAY).tolist() == [1, 21]
    assert (rows["stop"] / DAY).tolist() == [8, 30]
    # Halfway between the last assessment that kept it (days 5 and 21) and the one that found the loss.
    assert (rows["middle"] / DAY).tolist() == [6.5, 25.5]
    assert rows["order"].tolist() == [1, 2]
    assert (rows["spell_start"] / DAY).tolist() == [1, 21]


def test_without_a_loss_risk_ends_at_the_last_assessment_unless_response_is_carried_on(make):
    scores = [
        ("P1", -1.0, 20.0),
        ("P1", DAY, 4.0),
        ("P1", 6 * DAY, 4.0),
        ("P1", 8 * DAY, 4.0),
        ("P1", 12 * DAY, 5.0),
    ]
    cohort = make([("P1", 0.0), ("P1", 7 * DAY), ("P1", 60 * DAY)], scores)
    rows = risk_rows(episode_set(cohort, "PHQ-9", sessions="all")).frame
    # Carried through the session of day 7; the one of day 60 comes 48 days after the last score.
    assert (rows["start"] / DAY).tolist() == [1, 7]
    assert (rows["stop"] / DAY).tolist() == [7, 12]
    assert rows["spell_start"].nunique() == 1


def test_the_mean_count_is_the_number_of_losses_where_all_are_followed_alike(make):
    cohort = cohort_of(make, [twice_lost("P1"), twice_lost("P2")])
    found = recurrence(cohort, "PHQ-9", sessions="all")
    # Since the first response on day 1: losses on days 7 and 29, one of each per patient.
    table = found.mean_count
    assert table["time"].tolist() == [0, 7, 29, 39]
    assert table["estimate"].tolist() == [0, 1, 2, 2]
    assert found.rates["n_events"].tolist() == [4]
    assert found.rates["patient_days"].tolist() == pytest.approx([2 * (7 + 9)])


def test_hazard_ratios_are_those_of_the_engine_on_the_rows_at_risk(clinic):
    found = recurrence(clinic, "PHQ-9", formula="~ age")
    rows = risk_rows(episode_set(clinic, "PHQ-9")).frame.dropna(subset="age")
    fit = cox(
        rows[["age"]].to_numpy(float),
        rows["stop"] / 24,
        rows["loss"],
        start=rows["start"] / 24,
        clusters=rows["patient_id"].astype(str),
    )
    assert found.table["estimate"][0] == pytest.approx(np.exp(fit.params[0]), rel=1e-9)
    assert found.table["std_error"][0] == pytest.approx(np.sqrt(fit.robust_cov[0, 0]), rel=1e-9)
    assert found.table["n_events"][0] == fit.n_events


@pytest.mark.parametrize("model", ["andersen-gill", "pwp-calendar", "pwp-gap", "frailty"])
def test_every_model_gives_ratios_at_detection_and_halfway(clinic, model):
    found = recurrence(clinic, "PHQ-9", by="sex", model=model)
    for table in (found.table, found.midpoint):
        assert table["term"].tolist() == ["male against female"]
        assert (table["conf_low"] < table["estimate"]).all()
        assert (table["estimate"] < table["conf_high"]).all()
    assert len(found.theta) == (model == "frailty")
    assert len(found.proportionality) == (0 if model == "frailty" else 2)


def test_swapping_the_groups_inverts_the_ratio(make):
    people = [twice_lost(f"P{number:02d}", shift=number % 7) for number in range(24)]
    names = [f"P{number:02d}" for number in range(24)]
    arm = ["a" if number % 3 else "b" for number in range(24)]
    ratios = []
    for groups in (arm, ["b" if one == "a" else "a" for one in arm]):
        patients = pd.DataFrame({"patient_id": names, "arm": groups})
        cohort = cohort_of(make, people, patients=patients)
        ratios.append(recurrence(cohort, "PHQ-9", by="arm", sessions="all").table["estimate"][0])
    assert ratios[0] != pytest.approx(1.0, abs=0.01)
    assert ratios[1] == pytest.approx(1 / ratios[0], rel=1e-8)


def test_the_order_of_rows_does_not_matter(make):
    people = [twice_lost(f"P{number}", shift=number % 4) for number in range(12)]
    first = recurrence(cohort_of(make, people), "PHQ-9", sessions="all")
    second = recurrence(cohort_of(make, people[::-1]), "PHQ-9", sessions="all")
    pd.testing.assert_frame_equal(first.mean_count, second.mean_count)


def test_under_twenty_patients_there_are_no_p_values(make):
    people = [twice_lost(f"P{number:02d}", shift=number % 5) for number in range(15)]
    patients = pd.DataFrame(
        {"patient_id": [f"P{n:02d}" for n in range(15)], "sex": ["female", "male", "male"] * 5}
    )
    found = recurrence(cohort_of(make, people, patients=patients), "PHQ-9", by="sex", sessions="all")
    assert found.table["p_value"].isna().all()
    assert np.isfinite(found.table["estimate"]).all()
    assert not len(found.proportionality)
    assert any("No p-values" in note for note in found.notes)
    # 15 patients, one term: t with 14 degrees of freedom, said in a note.
    assert found.table["df"].tolist() == [14.0]
    assert any("Only 15 patients" in note for note in found.notes)


def test_few_losses_are_not_modelled(make):
    people = [(twice_lost(f"P{number}")[0][:1], twice_lost(f"P{number}")[1][:4]) for number in range(4)]
    for name in ("P4", "P5", "P6", "P7"):
        people.append(([(name, 0.0)], [(name, -1, 20), (name, DAY, 4), (name, 9 * DAY, 4)]))
    names = [f"P{number}" for number in range(8)]
    patients = pd.DataFrame({"patient_id": names, "sex": ["female", "male"] * 4})
    found = recurrence(cohort_of(make, people, patients=patients), "PHQ-9", by="sex", sessions="all")
    assert found.table["estimate"].isna().all()
    assert any("No model is fitted: 4 losses of 8 patients" in note for note in found.notes)


@pytest.mark.parametrize("n_patients", [1, 2, 4])
def test_fewer_than_five_patients_have_estimates_without_limits(make, n_patients):
    names = [f"P{number}" for number in range(n_patients)]
    people = [twice_lost(name, shift=number) for number, name in enumerate(names)]
    patients = pd.DataFrame({"patient_id": names, "sex": (["female", "male"] * 2)[:n_patients]})
    cohort = cohort_of(make, people, patients=patients)
    found = recurrence(cohort, "PHQ-9", sessions="all")
    assert found.mean_count["estimate"].iloc[-1] == 2
    assert found.rates["estimate"].item() > 0
    for table in (found.mean_count, found.rates):
        assert table[["conf_low", "conf_high"]].isna().all(axis=None)
    assert any("Rates of fewer than 5 patients have no limits" in note for note in found.notes)
    verb = "1 patient is" if n_patients == 1 else f"{n_patients} patients are"
    assert f"2.00 times on average; {n_patients} of {verb} still watched" in " ".join(found.summary().split())
    assert found._repr_html_().startswith("<div>")
    if n_patients > 1:
        split = recurrence(cohort, "PHQ-9", by="sex", sessions="all")
        assert split.table["estimate"].isna().all()
        assert any("No model is fitted" in note for note in split.notes)


def test_patients_who_are_all_alike_have_no_limits_of_no_width(make):
    found = recurrence(
        cohort_of(make, [twice_lost(f"P{n}", shift=n) for n in range(6)]), "PHQ-9", sessions="all"
    )
    table = found.mean_count
    alike = np.isclose(table["estimate"], 1) | np.isclose(table["estimate"], 2)
    assert alike.sum() == 3
    assert table.loc[alike, "conf_high"].isna().all()
    between = table[~alike & (table["estimate"] > 0)]
    assert (between["conf_low"] < between["conf_high"]).all()
    assert any("all have had as many losses" in note for note in found.notes)


@pytest.mark.parametrize("model", ["pwp-calendar", "pwp-gap"])
def test_models_by_order_pool_the_later_losses_in_one_stratum(clinic, model):
    found = recurrence(clinic, "PHQ-9", formula="~ age", model=model)
    rows = risk_rows(episode_set(clinic, "PHQ-9")).frame.dropna(subset="age")
    n_losses = rows.groupby("order")["loss"].sum()
    # The highest of which all before, and it with all after it, have 10 losses.
    top = max(
        k for k in n_losses.index if n_losses.loc[k:].sum() >= 10 and (n_losses.loc[: k - 1] >= 10).all()
    )
    assert f"losses 1 to {top}, the last with all later ones" in " ".join(found.notes)
    zero = rows["spell_start"] if model == "pwp-gap" else 0.0
    start, stop = (rows["start"] - zero) / DAY, (rows["stop"] - zero) / DAY
    fit = cox(
        rows[["age"]].to_numpy(float), stop, rows["loss"], start=start,
        strata=np.minimum(rows["order"], top), clusters=rows["patient_id"].astype(str),
    )  # fmt: skip
    assert found.table["estimate"][0] == pytest.approx(np.exp(fit.params[0]), rel=1e-9)


def test_with_hardly_any_second_loss_the_first_alone_is_modelled(make):
    people = [twice_lost(f"P{number}", shift=number) for number in range(3)]
    for number in range(3, 12):
        sessions, scores = twice_lost(f"P{number}", shift=number % 3)
        people.append((sessions[:1], scores[:4]))
    found = recurrence(cohort_of(make, people), "PHQ-9", sessions="all")
    assert any("first loss alone" in note for note in found.notes)
    assert any("Only 3 patients responded again" in note for note in found.notes)


def test_strata_of_later_losses_are_pooled_where_few():
    order = np.repeat([1, 2, 3, 4], [30, 20, 6, 5])
    # 30, 20 and 11 losses: the third stratum holds the third and fourth.
    assert np.unique(strata_of(order, np.ones(61, bool))).tolist() == [1, 2, 3]
    # 30, 20 and 9: the second holds all later ones.
    assert np.unique(strata_of(order[:59], np.ones(59, bool))).tolist() == [1, 2]


def test_a_group_known_only_later_is_refused(clinic):
    with pytest.raises(DataError, match="duration_minutes"):
        recurrence(clinic, "PHQ-9", by="duration_minutes")
    with pytest.raises(DataError, match="known only after"):
        recurrence(clinic, "PHQ-9", formula="~ stopped_early")


def test_by_and_formula_exclude_each_other(clinic):
    with pytest.raises(DataError, match="not both"):
        recurrence(clinic, "PHQ-9", by="sex", formula="~ age")


def test_from_the_end_of_induction_patients_without_response_count_as_well(clinic):
    responders = recurrence(clinic, "PHQ-9").mean_count
    everyone = recurrence(clinic, "PHQ-9", origin="end_of_induction").mean_count
    assert everyone["n_at_risk"].iloc[0] > responders["n_at_risk"].iloc[0]
    assert everyone["n_events"].iloc[-1] == responders["n_events"].iloc[-1]


def test_no_table_holds_a_patient(clinic):
    found = recurrence(clinic, "PHQ-9", by="sex")
    names = set(clinic.patients["patient_id"].astype(str))
    for table in (found.table, found.midpoint, found.rates, found.mean_count, found.orders):
        assert "patient_id" not in table.columns
    text = found.summary()
    assert not any(name in text for name in names)


def test_a_group_with_the_name_of_a_result_column_is_refused(make):
    patients = pd.DataFrame({"patient_id": ["P0", "P1"], "order": ["a", "b"]})
    cohort = cohort_of(make, [twice_lost("P0"), twice_lost("P1")], patients=patients)
    with pytest.raises(DataError, match="name of a column of the result"):
        recurrence(cohort, "PHQ-9", by="order", sessions="all")
