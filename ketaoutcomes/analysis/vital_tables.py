"""Tables of vital signs: baseline and peak, peaks by number of readings, return to baseline."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketaoutcomes.analysis.cluster_means import cluster_mean
from ketaoutcomes.analysis.turnbull import Settings, curves
from ketaoutcomes.analysis.vital_rows import LEAST_READINGS, Ask, VitalRows, tolerance, within_words
from ketaoutcomes.catalog.vital_rules import VitalSign
from ketaoutcomes.derive.groups import Groups
from ketaoutcomes.derive.vitals import returns

__all__ = ["MARKS", "framed", "peaks_table", "returned_table", "summary_table"]

MARKS = (60.0, 90.0, 120.0)
N_REPLICATES, SEED = 400, 20260101
# Above it the bootstrap's replicates would take minutes; fewer are drawn.
MANY_SESSIONS, FEWER_REPLICATES = 20_000, 100
_INTERVAL = ("estimate", "std_error", "df", "conf_low", "conf_high", "method")


def framed(rows: list[dict], columns: dict[str, str], by: str | None) -> pd.DataFrame:
    """Rows as a table with these columns and types, also where there are no rows."""
    types = ({} if by is None else {by: "object"}) | columns
    if rows:
        table = pd.DataFrame(rows)[list(types)]
        return table.astype({name: kind for name, kind in types.items() if kind != "object"})
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})


SUMMARY = (
    {"sign": "str", "extreme": "str", "unit": "str"}
    | dict.fromkeys(("n", "n_patients", "n_without", "n_no_baseline", "n_few", "after_start"), "int64")
    | dict.fromkeys(("baseline_mean", "baseline_sd", "peak_mean", "peak_sd"), "float64")
    | dict.fromkeys(_INTERVAL[:-1], "float64")
    | {"method": "str"}
    | dict.fromkeys(("peak_minute", "peak_minute_q1", "peak_minute_q3"), "float64")
    | dict.fromkeys(("readings", "readings_min", "readings_max", "longest_gap"), "float64")
    | dict.fromkeys(("mean_change", "mean_change_low", "mean_change_high"), "float64")
)


def summary_table(rows: VitalRows, ask: Ask) -> pd.DataFrame:
    """A row per vital sign and level: who counts, baseline, peak, change with its interval, readings."""
    found = [
        rows.grouped.columns(number, 1) | _summary(rows, sign, number, ask.level)
        for sign in rows.signs
        for number in range(len(rows.grouped.levels))
    ]
    return framed([_first(row, ask.by) for row in found], SUMMARY, ask.by)


def _first(row: dict, by: str | None) -> dict:
    """The row with the level itself in place of the list of one that `Groups.columns` gives."""
    return row if by is None else row | {by: row[by][0]}


def _summary(rows: VitalRows, sign: VitalSign, number: int, level: float) -> dict:
    frame = rows.in_level(rows.peak[sign.name], number)
    session = frame["session"].to_numpy()
    base, later = rows.base[sign.name], rows.n_later[sign.name]
    own = rows.grouped.code == number
    read = np.zeros(own.size, dtype=bool)
    read[rows.found.of(sign.name)[0]] = True
    with_base = np.isfinite(base.value)
    change = cluster_mean(frame["change"], rows.owner[session], level=level)
    area = cluster_mean(frame["mean_change"], rows.owner[session], level=level)
    minutes = _quantiles(frame["peak_minute"], (0.25, 0.5, 0.75))
    return {
        "sign": sign.name, "extreme": sign.extreme, "unit": sign.unit,
        "n": session.size, "n_patients": np.unique(rows.owner[session]).size,
        "n_without": int((own & ~read).sum()), "n_no_baseline": int((own & read & ~with_base).sum()),
        "n_few": int((own & with_base & (later < LEAST_READINGS)).sum()),
        "after_start": int(base.after_start[session].sum()),
        "baseline_mean": frame["baseline"].mean(), "baseline_sd": frame["baseline"].std(),
        "peak_mean": frame["peak"].mean(), "peak_sd": frame["peak"].std(),
        **change,
        "peak_minute_q1": minutes[0], "peak_minute": minutes[1], "peak_minute_q3": minutes[2],
        "readings": frame["n_readings"].median(), "readings_min": frame["n_readings"].min(),
        "readings_max": frame["n_readings"].max(), "longest_gap": frame["longest_gap"].median(),
        "mean_change": area["estimate"], "mean_change_low": area["conf_low"],
        "mean_change_high": area["conf_high"],
    }  # fmt: skip


def _quantiles(values: pd.Series, at: tuple[float, ...]) -> np.ndarray:
    """Quantiles that are values of the data (the lower of two), NaN of nothing."""
    if not len(values):
        return np.full(len(at), np.nan)
    return np.quantile(values.to_numpy(), at, method="inverted_cdf")


PEAKS = {"sign": "str", "readings": "int64", "n": "int64", "n_patients": "int64"} | {
    name: "str" if name == "method" else "float64" for name in _INTERVAL
}


def peaks_table(rows: VitalRows, ask: Ask) -> pd.DataFrame:
    """Mean change to the peak by how many readings the session has after its baseline."""
    found = []
    for sign in rows.signs:
        for number, level_of in enumerate(rows.grouped.levels):
            frame = rows.in_level(rows.peak[sign.name], number)
            for size, part in frame.groupby("n_readings"):
                owner = rows.owner[part["session"].to_numpy()]
                row = {
                    "sign": sign.name,
                    "readings": size,
                    "n": len(part),
                    "n_patients": np.unique(owner).size,
                }
                row |= cluster_mean(part["change"], owner, level=ask.level)
                found.append(row | ({} if ask.by is None else {ask.by: level_of}))
    return framed(found, PEAKS, ask.by)


RETURNED = (
    {"sign": "str", "rule": "str", "quantity": "str", "minute": "float64"}
    | dict.fromkeys(("estimate", "estimate_high", "conf_low", "conf_high"), "float64")
    | dict.fromkeys(("n", "n_patients", "n_events", "n_not_raised"), "int64")
)


def returned_table(rows: VitalRows, ask: Ask) -> pd.DataFrame:
    """Return to baseline by sign and level: its median, and the share that had returned by some minutes.

    `estimate` and `estimate_high` bound what readings at intervals leave open.
    """
    found = []
    for sign in rows.signs:
        peak = rows.peak[sign.name]
        back = returns(
            rows.found, sign.name, rows.base[sign.name], peak, tolerance(rows, ask, sign.name),
            lowest=sign.extreme == "lowest",
        )  # fmt: skip
        for number, level_of in enumerate(rows.grouped.levels):
            own, all_ = rows.in_level(back, number), rows.in_level(peak, number)
            what = {"sign": sign.name, "rule": within_words(ask, sign), "n_not_raised": len(all_) - len(own)}
            what |= {} if ask.by is None else {ask.by: level_of}
            found += [what | row for row in _returned(own, rows, ask)]
    return framed(found, RETURNED, ask.by)


def _returned(back: pd.DataFrame, rows: VitalRows, ask: Ask) -> list[dict]:
    """The median and the shares of one curve."""
    owner = rows.owner[back["session"].to_numpy()]
    n_patients = np.unique(owner).size
    sizes = {"n": len(back), "n_patients": n_patients, "n_events": int(np.isfinite(back["right"]).sum())}
    nothing = dict.fromkeys(("estimate", "estimate_high", "conf_low", "conf_high"), np.nan)
    if not len(back):
        return [
            sizes | nothing | {"quantity": "median" if np.isnan(minute) else "share", "minute": minute}
            for minute in (np.nan, *MARKS)
        ]
    n_replicates = N_REPLICATES if len(back) <= MANY_SESSIONS else FEWER_REPLICATES
    how = Settings(np.array(MARKS), max(MARKS), ask.level, n_replicates if n_patients > 1 else 0, SEED)
    one = Groups(None, (None,), np.zeros(len(back), dtype=np.int64), "sessions")
    # Rows that are alike give the same curve; whole minutes keep its support small.
    left, right = (np.round(back[name].to_numpy()) for name in ("left", "right"))
    made = curves(left, right, one.code, one, np.array([True]), how, patient=owner)
    median = made["medians"].iloc[0]
    limits = {"conf_low": median["conf_low"], "conf_high": median["conf_high"]}
    found = [
        sizes
        | {"quantity": "median", "minute": np.nan, "estimate": median["low"], "estimate_high": median["high"]}
        | limits
    ]
    for mark in made["landmarks"].to_dict("records"):
        values = {name: mark[name] for name in nothing}
        found.append(sizes | {"quantity": "share", "minute": mark["time"]} | values)
    return found
