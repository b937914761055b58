"""Vital signs in the sessions: peaks, excursions, time beyond thresholds, return to baseline, models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.vital_rules import VITAL_SIGNS
from ketaoutcomes.draw.labels import DASH, count, missing, number, number_range, percent, percent_range
from ketaoutcomes.errors import DataError
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import bounds, confidence, of_total, patients, plain_table

__all__ = ["VitalSigns"]

KINDS = ("course", "excursions", "peaks")


@dataclass(frozen=True, eq=False, repr=False)
class VitalSigns(Result):
    """Vital signs in the sessions.

    `.table` has a row per vital sign and level of `by`: `sign`, `extreme` (which reading is the peak),
    `unit`, `n` (sessions with a baseline and 2 later readings), `n_patients`, `n_without` (sessions without a
    reading), `n_no_baseline`, `n_few` (fewer than 2 later readings), `after_start` (sessions whose
    baseline was read after minute 0), `baseline_mean`, `baseline_sd`, `peak_mean`, `peak_sd`, `estimate`
    (mean change to the peak) to `method`, `peak_minute` with its quartiles, `readings` after baseline
    (median) with `readings_min` and `readings_max`, `longest_gap` (median, minutes), `mean_change` (over the
    time observed) with its limits.

    Attributes
    ----------
    level : float
    by : str or None
    confirmed : bool
        Whether an excursion needs two readings in a row, 1 to 30 minutes apart.
    excursions : DataFrame
        By rule: `rule`, `label`, `text`, `n_events` (sessions in which what was read met it), `n` (sessions
        with a reading of a sign of the rule), `n_unknown` (what was read did not meet it, and not all that
        the rule needs was read), `estimate` (counts none of the unknown), `estimate_high` (all), `std_error`
        and `df` of the first, `conf_low` of the first, `conf_high` of both, `method`, `n_patients`,
        `n_patients_with`, `patient_share`, `patient_share_high`, `patient_low`, `patient_high` (likewise),
        `upper_sessions` and `upper_patients` (exact upper limits where there was none, and all is known),
        `readings` (median), `n_already` (events whose baseline met the rule), `change` (mean change to the
        extreme on the rule's side in events, of the rule's first sign), `n_without` (sessions without such a
        reading).
    time_above : DataFrame
        By rule: mean minutes beyond the threshold per session with interval, `minutes_observed` (mean),
        `share_of_time`.
    returned : DataFrame
        By sign: `quantity` "median" (minutes) or "share" (by `minute`), with the bounds `estimate` and
        `estimate_high`, `n` (sessions whose peak was away from baseline), `n_events` (seen to come back),
        `n_not_raised`.
    peaks : DataFrame
        Mean change to the peak by `readings`, the number of readings after baseline.
    peak_model : DataFrame
        Coefficients by sign: `term`, `estimate`, `std_error`, `df`, `statistic`, `p_value` (missing in fewer
        than 20 patients), `conf_low`, `conf_high`, `n`, `n_patients`.
    course : DataFrame
        Mean change from baseline by `minute`, and `group` of sessions or the `by` column; `minute_mean` is
        the mean minute, to 0.1, at which these readings were taken.
    """

    level: float
    by: str | None
    confirmed: bool
    excursions: pd.DataFrame
    time_above: pd.DataFrame
    returned: pd.DataFrame
    peaks: pd.DataFrame
    peak_model: pd.DataFrame
    course: pd.DataFrame

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Baseline, peak and change of each vital sign, as text."""
        rows = self.table.to_dict("records")
        out: dict[str, list[str]] = {"vital sign": [_name(row) for row in rows]}
        out |= self._levels(rows)
        words = tuple(out)
        out["baseline"] = [number(row["baseline_mean"]) for row in rows]
        out["peak"] = [number(row["peak_mean"]) for row in rows]
        out["change"] = [number(row["estimate"]) for row in rows]
        out[confidence(self.level)] = [number_range(row["conf_low"], row["conf_high"]) for row in rows]
        out["at minute"] = [_middle(row, "peak_minute", "peak_minute_q1", "peak_minute_q3") for row in rows]
        out["readings"] = [_middle(row, "readings", "readings_min", "readings_max") for row in rows]
        out["sessions"] = [count(row["n"]) for row in rows]
        out["patients"] = [count(row["n_patients"]) for row in rows]
        return pd.DataFrame(out), words

    def sentences(self) -> list[str]:
        """Excursions, the return to baseline and the model of the peak."""
        if not len(self.table):
            return []
        lines = ["", "  Excursions recorded" + (" (two readings in a row)" if self.confirmed else "")]
        lines += _indented(self._excursion_words(), ("excursion", *self._shown_by()))
        lines += [
            self._none(row)
            for row in self.excursions.to_dict("records")
            if row["n"] and not row["n_events"] and not row["n_unknown"]
        ]
        back = self._returned_words()
        if len(back):
            lines += ["", "  Back near baseline (of sessions whose peak was away from it)"]
            lines += _indented(back, ("vital sign", *self._shown_by(), "back is"))
        if len(self.peak_model):
            lines += ["", "  Change to the peak, mixed model"]
            lines += _indented(self._model_words(), ("vital sign", "term"))
        return lines

    def _shown_by(self) -> tuple[str, ...]:
        return () if self.by is None else (self.by,)

    def _levels(self, rows: list[dict]) -> dict[str, list[str]]:
        return {name: [str(row[name]) for row in rows] for name in self._shown_by()}

    def _none(self, row: dict) -> str:
        """What no excursion allows: one-sided exact limits."""
        level = "" if self.by is None else f"{row[self.by]}, "
        by_session, by_patient = (percent(row[f"upper_{unit}"]) for unit in ("sessions", "patients"))
        return (
            f"    {level}{row['label']}: none in {count(row['n'])} sessions of "
            f"{patients(row['n_patients'])}; "
            f"at most {by_patient} with patients as n, {by_session} if sessions were independent (one-sided, "
            f"{100 * self.level:g}%)"
        )

    def _excursion_words(self) -> pd.DataFrame:
        rows = self.excursions.to_dict("records")
        out = {"excursion": [row["label"] for row in rows]} | self._levels(rows)
        out["%"] = [bounds(row["estimate"], row["estimate_high"]) for row in rows]
        out["n/N"] = [of_total(row["n_events"], row["n"]) for row in rows]
        out[confidence(self.level)] = [
            percent_range(row["conf_low"], row["conf_high"], like=row["estimate"]) for row in rows
        ]
        out["patients"] = [of_total(row["n_patients_with"], row["n_patients"]) for row in rows]
        out["at baseline too"] = [count(row["n_already"]) for row in rows]
        out["mean change"] = [number(row["change"]) for row in rows]
        if self.excursions["n_unknown"].any():
            out["not known"] = [count(row["n_unknown"]) for row in rows]
        out["readings"] = [number(row["readings"], 0) for row in rows]
        return pd.DataFrame(out)

    def _returned_words(self) -> pd.DataFrame:
        medians = self.returned[(self.returned["quantity"] == "median") & (self.returned["n"] > 0)]
        rows = medians.to_dict("records")
        out = {"vital sign": [VITAL_SIGNS[row["sign"]].label for row in rows]} | self._levels(rows)
        out["back is"] = [row["rule"] for row in rows]
        out["median minute"] = [_between(row["estimate"], row["estimate_high"]) for row in rows]
        out[confidence(self.level)] = [_between(row["conf_low"], row["conf_high"]) for row in rows]
        out["seen"] = [of_total(row["n_events"], row["n"]) for row in rows]
        out["patients"] = [count(row["n_patients"]) for row in rows]
        return pd.DataFrame(out)

    def _model_words(self) -> pd.DataFrame:
        rows = self.peak_model.to_dict("records")
        out = {"vital sign": [VITAL_SIGNS[row["sign"]].label for row in rows]}
        out["term"] = [row["term"] for row in rows]
        out["estimate"] = [number(row["estimate"], 2) for row in rows]
        out[confidence(self.level)] = [number_range(row["conf_low"], row["conf_high"], 2) for row in rows]
        out["sessions"] = [count(row["n"]) for row in rows]
        out["patients"] = [count(row["n_patients"]) for row in rows]
        return pd.DataFrame(out)

    def plot(self, ax=None, *, kind: str = "course", sign: str = "sbp", title=None):
        """Draw the result; returns the axes.

        Parameters
        ----------
        kind : {"course", "excursions", "peaks"}
            Mean change over minutes with bands; shares of sessions by rule; mean change to the peak by the
            number of readings.
        sign : str
            The vital sign of "course" and "peaks".
        """
        if kind not in KINDS:
            raise DataError(f"kind must be one of {', '.join(KINDS)}")
        if kind == "excursions":
            from ketaoutcomes.draw.excursions import excursions

            confirmed = ", two readings in a row" if self.confirmed else ""
            heading = f"Sessions with an excursion recorded{confirmed}, % of those read"
            return excursions(self.excursions, ax, by=self.by, level=self.level, heading=heading, title=title)
        from ketaoutcomes.draw.vital_course import vital_course, vital_peaks

        if sign not in VITAL_SIGNS:
            raise DataError(f"sign must be one of {', '.join(VITAL_SIGNS)}")
        known = VITAL_SIGNS[sign]
        table = self.course if kind == "course" else self.peaks
        draw = vital_course if kind == "course" else vital_peaks
        return draw(
            table[table["sign"] == sign], ax, by=self.by or ("group" if kind == "course" else None),
            name=known.label, unit="percentage points" if sign == "spo2" else known.unit, level=self.level,
            title=title, **({} if kind == "course" else {"extreme": known.extreme}),
        )  # fmt: skip


def _name(row: dict) -> str:
    return f"{VITAL_SIGNS[row['sign']].label}, {row['unit']}"


def _middle(row: dict, middle: str, low: str, high: str) -> str:
    """``"40 (30–60)"``."""
    if missing(row[middle]):
        return DASH
    whole = 0 if float(row[middle]).is_integer() else 1
    return f"{number(row[middle], whole)} ({number_range(row[low], row[high], 0)})"


def _between(low: float, high: float) -> str:
    """``"40–60"``, ``"after 90"``, one number where both are the same."""
    if missing(low) or missing(high):
        return DASH
    if np.isinf(high):
        return "not reached" if np.isinf(low) else f"after {number(low, 0)}"
    return number(high, 0) if low == high else number_range(low, high, 0)


def _indented(frame: pd.DataFrame, words: tuple[str, ...]) -> list[str]:
    return ["  " + line for line in plain_table(frame, words=words)]
