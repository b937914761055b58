"""A clinic's gaps and slips: missing cells, times known only to the day, bad rows.

Each kind of bad row is put in once, so that the data-quality tables have one of
everything to show and the rest of the cohort stays as simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

__all__ = ["make_messy"]

_NOBODY = "P0000"
_ITEMS = [f"i{place}" for place in range(1, 10)]
_GAPS: Mapping[str, Mapping[str, float]] = {
    "patients": {
        "sex": 0.01,
        "age": 0.02,
        "prior_trials": 0.08,
        "hypertension": 0.04,
        "uncontrolled_hypertension": 0.05,
        "substance_use_history": 0.06,
        "cardiac_condition": 0.04,
    },
    "sessions": {
        "duration_minutes": 0.05,
        "phase": 0.03,
        "psychotherapy": 0.1,
        "setting": 0.15,
        "escort": 0.08,
        "rescue_medication": 0.02,
    },
    "scores": {"timing": 0.04, "mode": 0.05},
    "side_effects": {"severity": 0.04, "action": 0.06},
    "disposition": {"reason": 0.1},
}
_DATE_ONLY = 0.18
_WITHOUT_ITEMS = 0.08
_ONE_ITEM_MISSING = 0.01
_TOTAL_MISSING = 0.005


def make_messy(
    tables: Mapping[str, pd.DataFrame], rng: np.random.Generator, *, last_day: np.datetime64 | None
) -> dict[str, pd.DataFrame]:
    """Tables of text as a clinic might export them.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Clean tables.
    rng : numpy.random.Generator
    last_day : numpy.datetime64 or None
        Last day of the export when the tables hold dates; None when they hold hours.

    Returns
    -------
    dict of str to DataFrame
    """
    messy = {name: frame.astype("str") for name, frame in tables.items()}
    for name, columns in _GAPS.items():
        for column, share in columns.items():
            gone = rng.random(len(messy[name])) < share
            if name == "side_effects":
                gone &= messy[name]["effect"] != "none"
            messy[name].loc[gone, column] = None
    _blur_scores(messy, rng, dated=last_day is not None)
    messy["disposition"] = messy["disposition"][rng.random(len(messy["disposition"])) > 0.03].reset_index(
        drop=True
    )
    _spoil_cells(messy, rng)
    for name, extra in _bad_rows(messy, rng, last_day).items():
        messy[name] = _scatter(messy[name], extra, rng)
    return messy


def _blur_scores(messy: dict[str, pd.DataFrame], rng: np.random.Generator, *, dated: bool) -> None:
    """Times known only to the day, totals without items, items without totals."""
    scores = messy["scores"]
    size = len(scores)
    phq = (scores["instrument"] == "PHQ-9").to_numpy()
    chance = rng.random(size)
    scores.loc[phq & (chance < _WITHOUT_ITEMS), _ITEMS] = None
    no_total = phq & (chance > 1.0 - _TOTAL_MISSING - _ONE_ITEM_MISSING)
    scores.loc[no_total, "score"] = None
    # Two in three of them also lack one of the first eight items; the total is then prorated.
    skipped = phq & (chance > 1.0 - _ONE_ITEM_MISSING)
    place = rng.integers(0, 8, size)
    for number in range(8):
        scores.loc[skipped & (place == number), _ITEMS[number]] = None
    if dated:
        questionnaire = scores["instrument"].isin(["PHQ-9", "GAD-7", "PCL-5"]) & (scores["timing"] != "pre")
        clinic = dict(zip(messy["patients"]["patient_id"], messy["patients"]["clinic_id"], strict=True))
        paper = scores["patient_id"].map(clinic).isin(["clinic-2", "clinic-4"])
        # A whole sheet is dated by the day, so its instruments lose the time together.
        sheet = pd.factorize(scores["patient_id"] + scores["taken"])[0]
        by_day = (questionnaire & paper).to_numpy() & (rng.random(size)[sheet] < 2.0 * _DATE_ONLY)
        scores.loc[by_day, "taken"] = scores.loc[by_day, "taken"].str.slice(0, 10)


def _pick(frame: pd.DataFrame, chosen: np.ndarray | pd.Series, rng: np.random.Generator) -> int:
    """The label of one row among those chosen."""
    return int(rng.choice(np.flatnonzero(np.asarray(chosen))))


def _spoil_cells(messy: dict[str, pd.DataFrame], rng: np.random.Generator) -> None:
    """One implausible cell of each kind; the row itself is good."""
    sessions, vitals, effects = messy["sessions"], messy["vitals"], messy["side_effects"]
    iv = (sessions["route"] == "IV") & sessions["dose_mg_per_kg"].notna()
    sessions.loc[_pick(sessions, iv, rng), "dose_mg_per_kg"] = "38.0"
    sessions.loc[_pick(sessions, sessions["duration_minutes"].notna(), rng), "duration_minutes"] = "0"
    weighed = sessions["weight_kg"].notna()
    if weighed.any():
        sessions.loc[_pick(sessions, weighed, rng), "weight_kg"] = "742.0"
    vitals.loc[_pick(vitals, vitals["sbp"].notna(), rng), "sbp"] = "1180"
    vitals.loc[_pick(vitals, vitals["heart_rate"].notna(), rng), "heart_rate"] = "7O"
    swapped = _pick(vitals, vitals["sbp"].notna() & vitals["dbp"].notna(), rng)
    vitals.loc[swapped, ["sbp", "dbp"]] = vitals.loc[swapped, ["dbp", "sbp"]].to_numpy()
    effects.loc[_pick(effects, effects["duration_minutes"].notna(), rng), "duration_minutes"] = "-15"
    effects.loc[_pick(effects, effects["severity"].notna(), rng), "severity"] = "grade 2"


def _bad_rows(
    messy: Mapping[str, pd.DataFrame], rng: np.random.Generator, last_day: np.datetime64 | None
) -> dict[str, pd.DataFrame]:
    """Rows to be set aside, one of each kind, made from good rows."""
    return {
        "patients": _copies(messy["patients"], rng, [{}]),
        "sessions": _copies(messy["sessions"], rng, [{}, {"patient_id": _NOBODY}]),
        "scores": _bad_scores(messy["scores"], rng, last_day),
        "side_effects": _bad_effects(messy["side_effects"], rng),
        "vitals": _copies(messy["vitals"], rng, [{}, {"session": "99"}, {"minute": None}]),
    }


def _copies(
    frame: pd.DataFrame,
    rng: np.random.Generator,
    changes: list[dict[str, str | None]],
    chosen: np.ndarray | pd.Series | None = None,
) -> pd.DataFrame:
    """Copies of random rows, each with some cells changed; `{}` is an exact copy."""
    chosen = np.ones(len(frame), bool) if chosen is None else chosen
    rows = []
    for change in changes:
        row = frame.loc[[_pick(frame, chosen, rng)]].copy()
        for column, value in change.items():
            row[column] = pd.array([value], dtype="str")
        rows.append(row)
    return pd.concat(rows)


def _bad_scores(
    scores: pd.DataFrame, rng: np.random.Generator, last_day: np.datetime64 | None
) -> pd.DataFrame:
    time = "hour" if last_day is None else "taken"
    bare = dict.fromkeys(_ITEMS)
    phq = (scores["instrument"] == "PHQ-9") & scores["score"].notna()
    timed = phq & (scores[time].str.len() > 10) if last_day is not None else phq
    answered = timed & scores[_ITEMS].notna().all(axis=1)
    # Another minute keeps these from sharing a key with the row they were made from.
    later: Callable[[str], str] = (
        (lambda text: text[:-2] + f"{(int(text[-2:]) + 7) % 60:02d}") if last_day is not None else str
    )
    shifted = scores.assign(**{time: scores[time].map(later, na_action="ignore")})
    kinds = [
        {**bare, "score": "31"},
        {"score": "1l", **bare},
        {"score": None, **dict.fromkeys(_ITEMS[:4])},
        {"instrument": None},
        {"patient_id": _NOBODY},
        {time: "soon"},
    ]
    if last_day is not None:
        kinds.append({"taken": f"{last_day + 11} 09:30", **bare})
        skipped = _skipped_hour(scores["taken"])
        kinds += [{"taken": skipped, **bare}] if skipped else []
    wrong_sum = _copies(shifted, rng, [{}], answered & (scores["score"] != "27"))
    wrong_sum["score"] = (wrong_sum["score"].astype(float) + 1).astype(int).astype("str")
    conflict = _copies(scores, rng, [{**bare, "timing": "pre"}], answered & (scores["timing"] == "pre"))
    conflict["score"] = (27 - conflict["score"].astype(float)).abs().astype(int).astype("str")
    exact = _copies(scores, rng, [{}], answered)
    return pd.concat([_copies(shifted, rng, kinds, answered), wrong_sum, conflict, exact])


def _skipped_hour(taken: pd.Series) -> str | None:
    """A local time that no clock showed: 02:30 on the last second Sunday of March in the period."""
    days = taken.str.slice(0, 10)
    first, last = days.min(), days.max()
    for year in range(int(last[:4]), int(first[:4]) - 1, -1):
        march = pd.Timestamp(year, 3, 1)
        sunday = f"{march + pd.Timedelta(days=(6 - march.day_of_week) % 7 + 7):%Y-%m-%d}"
        if first < sunday < last:
            return f"{sunday} 02:30"
    return None


def _bad_effects(effects: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    real = effects["effect"] != "none"
    blank = dict.fromkeys(["severity", "onset_minutes", "duration_minutes", "resolved", "serious", "action"])
    return pd.concat(
        [
            _copies(effects, rng, [{}, {"session": "99"}, {"patient_id": _NOBODY}], real),
            _copies(effects, rng, [{"effect": "none", **blank}], real),
            _copies(effects, rng, [{"effect": "NA", **blank}], ~real),
        ]
    )


def _scatter(frame: pd.DataFrame, extra: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Put the extra rows at random places."""
    places = np.concatenate([np.arange(len(frame)), rng.uniform(0.0, len(frame), len(extra))])
    return (
        pd.concat([frame, extra], ignore_index=True)
        .iloc[np.argsort(places, kind="stable")]
        .reset_index(drop=True)
    )
