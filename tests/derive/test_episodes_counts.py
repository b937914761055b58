"""Episodes against a plain loop, a trial's raw table, and merges in pandas."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from ketaoutcomes.cohort.read import load_cohort
from ketaoutcomes.derive.episodes import episodes
from ketaoutcomes.derive.sessions import session_table

INF = np.inf
DAY = 24.0


def ends(frame):
    return list(zip(frame["left"], frame["right"], strict=True))


def status(**rows):
    """A disposition table: patient=(hour, status)."""
    records = [{"patient_id": name, "hour": hour, "status": word} for name, (hour, word) in rows.items()]
    return pd.DataFrame(records)


def drawn(seed, n=40):
    """Sessions, scores and stops at random whole hours; some scores at a session's own hour."""
    rng = np.random.default_rng(seed)
    sessions, scores, stops = {}, {}, {}
    for number in range(n):
        name = f"P{number:03d}"
        gaps = rng.choice([48, 72, 168, 200, 400, 700], rng.integers(1, 6))
        sessions[name] = [0, *np.cumsum(gaps)[:-1].tolist()]
        last = sessions[name][-1]
        hours = set(rng.integers(-400, last + 900, rng.integers(2, 30)).tolist())
        hours |= {hour for hour in sessions[name] if rng.random() < 0.5}
        scores[name] = [(hour, int(rng.integers(0, 22))) for hour in sorted(hours)]
        if rng.random() < 0.4:
            stops[name] = int(last + rng.integers(0, 600))
    return sessions, scores, stops


def nearest_day(hours):
    return math.floor(hours / DAY + 0.5)


def by_loop(sessions, scores, stops, *, share, again_after, again_within):
    """The episodes, one patient and one score after the other."""
    rows = []
    for name, times in sessions.items():
        earlier = [score for hour, score in scores[name] if -14 * DAY <= hour <= 0]
        if not earlier or earlier[-1] <= 0:
            continue
        base = earlier[-1]
        for k, start in enumerate(times):
            following = times[k + 1] if k + 1 < len(times) else INF
            inside = [(hour - start, score) for hour, score in scores[name] if start < hour <= following]
            stop = stops.get(name, INF) - start if following == INF else INF
            inside = [(h, s) for h, s in inside if stop == INF or nearest_day(h) <= nearest_day(stop)]
            prior = [(hour, score) for hour, score in scores[name] if times[0] < hour <= start]
            carried = bool(prior) and nearest_day(start - prior[-1][0]) <= 14 and 2 * prior[-1][1] <= base
            entry = 0
            if not carried:
                good = [h for h, score in inside if h < 84 and 2 * score <= base]
                if not good:
                    continue
                entry = good[0]
                inside = [(h, score) for h, score in inside if h >= entry]
            lost = [score > (1 - share) * base for _, score in inside]
            left, right = loss_by_loop(inside, lost, again_after, again_within)
            rows.append((name, k + 1, entry, carried, left, right))
    return rows


def loss_by_loop(inside, lost, again_after, again_within):
    left = 0
    for i, (hour, _) in enumerate(inside):
        if not lost[i]:
            left = hour
            continue
        if again_after is None:
            return left, hour
        for j in range(i + 1, len(inside)):
            if not lost[j]:
                break
            apart = nearest_day(inside[j][0] - hour)
            if apart >= again_after:
                if apart <= again_within:
                    return left, hour
                break
    return left, INF


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({}, {"share": 0.5, "again_after": None, "again_within": INF}),
        ({"keep": 0.25}, {"share": 0.25, "again_after": None, "again_within": INF}),
        ({"confirmed": True}, {"share": 0.5, "again_after": 0, "again_within": INF}),
    ],
)
def test_episodes_are_those_of_a_plain_loop(make, seed, options, rule):
    sessions, scores, stops = drawn(seed)
    cohort = make(
        [(name, hour) for name, hours in sessions.items() for hour in hours],
        [(name, hour, score) for name, rows in scores.items() for hour, score in rows],
        disposition=status(**{name: (hour, "stopped") for name, hour in stops.items()}),
    )
    frame = episodes(cohort, "PHQ-9", sessions="all", **options)
    columns = ["session", "entry", "carried", "left", "right"]
    expected = by_loop(sessions, scores, stops, **rule)
    assert len(expected) > 20
    names = {code: name for name, code in zip(sorted(sessions), cohort.patients["patient_id"], strict=True)}
    found = [
        (names[row.patient_id], *(getattr(row, column) for column in columns)) for row in frame.itertuples()
    ]
    assert found == expected
    known = frame[["entry", "left", "end"]].to_numpy()
    assert (known[:, 0] <= known[:, 1]).all()
    assert (known[:, 1] <= known[:, 2]).all()
    assert (frame["left"] < frame["right"]).all()


def test_order_of_rows_does_not_matter(make):
    sessions, scores, _ = drawn(3)
    session_rows = [(name, hour) for name, hours in sessions.items() for hour in hours]
    score_rows = [(name, hour, score) for name, rows in scores.items() for hour, score in rows]
    once = episodes(make(session_rows, score_rows), "PHQ-9", sessions="all")
    rng = np.random.default_rng(0)
    shuffled = make(
        [session_rows[k] for k in rng.permutation(len(session_rows))],
        [score_rows[k] for k in rng.permutation(len(score_rows))],
    )
    pd.testing.assert_frame_equal(episodes(shuffled, "PHQ-9", sessions="all"), once)


# ---------------------------------------------------------------- a trial and the sample clinic


def test_responders_of_a_trial_who_still_respond_are_those_of_its_raw_table(shared, tmp_path):
    """NIMH ketamine mechanism of action, OpenNeuro ds005917 (CC0), MDD, MADRS at entry and days 2 and 10."""
    folder = shared / "data" / "nimh_ketamine_moa_ds005917"
    people = pd.read_csv(folder / "participants.tsv", sep="\t", na_values="n/a", keep_default_na=False)
    seen = pd.read_csv(folder / "phenotype.tsv", sep="\t", na_values="n/a", keep_default_na=False)
    treated = people[
        (people["group"] == "MDD") & ((people["infusion_1"] == "d") | (people["infusion_2"] == "d"))
    ]
    wide = seen.dropna(subset=["session_id"]).pivot(
        index="participant_id", columns="session_id", values="MADRS_Total"
    )
    wide = wide.reindex(treated["participant_id"])[["ses-b0", "ses-d2", "ses-d10"]]

    codes = [f"N{place:03d}" for place in range(len(wide))]
    pd.DataFrame({"patient_id": codes}).to_csv(tmp_path / "patients.csv", index=False)
    pd.DataFrame({"patient_id": codes, "hour": 0, "route": "IV"}).to_csv(
        tmp_path / "sessions.csv", index=False
    )
    long = wide.set_axis([-48, 48, 240], axis=1).assign(patient_id=codes).melt("patient_id", var_name="hour")
    long = long.dropna().rename(columns={"value": "score"}).assign(instrument="MADRS")
    long.to_csv(tmp_path / "scores.csv", index=False)

    frame = episodes(load_cohort(tmp_path), "MADRS", sessions="last_induction")
    half = wide["ses-b0"] / 2
    responds_2, responds_10 = wide["ses-d2"] <= half, wide["ses-d10"] <= half
    # Six of 27 respond on day 2 (tests/reference/nimh_madrs.R); the rest is counted from the raw table.
    assert len(frame) == responds_2.sum() == 6
    assert (frame["entry"] == 48).all()
    still = responds_2 & responds_10
    assert np.isinf(frame["right"]).sum() == (responds_2 & (responds_10 | wide["ses-d10"].isna())).sum()
    assert (frame["left"] == 240).sum() == still.sum()
    assert (frame["right"] == 240).sum() == (responds_2 & ~responds_10 & wide["ses-d10"].notna()).sum()
    assert 0 < still.sum() < 6


def by_merging(cohort):
    """Episodes after induction of the sample clinic by merges and groupbys of pandas."""
    # Phases that the clinic left out are the library's; everything else is done anew.
    sessions = session_table(cohort)[["patient_id", "session", "hour", "last_induction"]]
    sessions = sessions.astype({"patient_id": str})
    scores = cohort.scores[cohort.scores["instrument"] == "PHQ-9"].astype({"patient_id": str})
    late = scores["timing"].isin(["during", "post", "remote"])
    vague = scores["hour_high"] > scores["hour_low"]
    # The last moment at which a session would still be before the score.
    moment = np.where(vague, np.where(late, scores["hour_high"], scores["hour_low"]), scores["hour"])
    scores = scores.assign(moment=moment - np.where(late & ~vague, 0, 1e-6)).sort_values("moment")
    joined = pd.merge_asof(
        scores,
        sessions.sort_values("hour")[["patient_id", "session", "hour"]],
        left_on="moment",
        right_on="hour",
        by="patient_id",
        suffixes=("", "_session"),
    )
    joined["since"] = (joined["hour"] - joined["hour_session"]).clip(lower=0)
    first = joined[joined["session"].isna() & (joined["hour"] >= -336)].sort_values("hour")
    base = first.groupby("patient_id")["score"].last().rename("base")
    joined = joined.merge(base[base > 0], on="patient_id").sort_values(["patient_id", "session", "since"])
    after = joined[joined["session"].notna()].assign(good=lambda rows: 2 * rows["score"] <= rows["base"])

    last = sessions[sessions["last_induction"]].groupby("patient_id")["session"].max().rename("last")
    begins = sessions.merge(base[base > 0], on="patient_id").merge(last, on="patient_id", how="left")
    begins = begins[begins["session"] >= begins["last"].fillna(0)]
    prior = pd.merge_asof(
        begins.sort_values("session"),
        after.rename(columns={"session": "after", "hour": "taken"})[
            ["patient_id", "after", "taken", "good", "since"]
        ]
        .astype({"after": int})
        .sort_values(["after", "since"]),
        left_on="session",
        right_on="after",
        by="patient_id",
        allow_exact_matches=False,
    )
    fresh = (prior["hour"] - prior["taken"]) < 14.5 * 24
    prior["carried"] = fresh & prior["good"].eq(True)
    begun = after.merge(prior[["patient_id", "session", "carried"]], on=["patient_id", "session"])
    key = ["patient_id", "session"]
    seen = begun[begun["good"] & (begun["since"] < 84)].groupby(key)["since"].min().rename("seen")
    begun = begun.merge(seen, on=key, how="left")
    entry = begun["seen"].where(~begun["carried"], 0)
    at_risk = begun[begun["since"] >= entry]
    n_lost = (~at_risk["good"]).groupby([at_risk[name] for name in key]).any().sum()
    n_carried = int(prior["carried"].sum())
    n_seen = len(seen.reset_index().merge(prior.loc[~prior["carried"], key], on=key))
    return n_carried, n_seen, int(n_lost)


def test_counts_of_the_sample_clinic_are_those_of_merges_in_pandas(sample):
    cohort = load_cohort(sample)
    frame = episodes(cohort, "PHQ-9")
    carried = int(frame["carried"].sum())
    found = (carried, len(frame) - carried, int((frame["end_reason"] == "loss").sum()))
    assert found == by_merging(cohort)
    assert min(found) > 20
