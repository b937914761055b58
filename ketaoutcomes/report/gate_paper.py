"""The gate of a cohort report: that of every report, and what its own tables need besides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.report.disclosure import Gate
from ketaoutcomes.report.released import ESTIMATES, Released, opened
from ketaoutcomes.report.small_counts import SECONDARY, SmallCounts, blank
from ketaoutcomes.report.small_means import SMALLEST_PERCENTILE_GROUP
from ketaoutcomes.report.small_rounded import NEAREST
from ketaoutcomes.report.solvable import sum_intervals

__all__ = ["PaperGate"]

QUARTILES = ("q1", "median", "q3")
MOMENTS = (
    "mean", "mean_before", "sd_before", "mean_after", "sd_after", "correlation", "corrected",
)  # fmt: skip


@dataclass(frozen=True)
class PaperGate(Gate):
    """`Gate`, with methods for characteristics of patients and for sizes that lie within each other."""

    def levels(self, name: str, table: pd.DataFrame, *, place: str, by: str, whole: int) -> Released:
        """Counts `n` of the levels of characteristics, which add up to all patients within each `by`.

        A level of 1 to 10 patients is hidden, and the smallest shown ones with it until none follows from
        the total, `whole`. `estimate` is the share.
        """
        frame = opened(name, table)
        if self.suppresses and len(frame):
            parts = []
            for _, rows in table.groupby(by, sort=False):
                own = rows.assign(n_events=rows["n"])
                if self.few.is_small(whole):
                    own["n"], own["n_events"], own["estimate"] = pd.NA, pd.NA, np.nan
                    parts.append(own.assign(suppressed=self.few.total))
                    continue
                given = self.parts(name, own, place=place).frame
                # Whether a level is all patients or nobody is no secret; what is hidden is hidden whole.
                given.loc[(given["suppressed"] != "").to_numpy(), "n"] = pd.NA
                parts.append(given)
            frame = pd.concat(parts, ignore_index=True).drop(columns="n_events")
            # Of counts as they are printed: a share of all digits would tell the count.
            step = NEAREST if self.rounds else 1
            share = frame["n"].astype("Float64") / max(step * round(whole / step), 1)
            frame["estimate"] = share.to_numpy(dtype=float, na_value=np.nan)
        return self.out(name, frame, place, "count and %", decimals=2)

    def spread(
        self,
        name: str,
        table: pd.DataFrame,
        *,
        place: str,
        beside: Sequence[float] = (),
        nested: bool = False,
    ) -> Released:
        """Means and quartiles of `n` patients, or sessions of `n_patients`, with `n_missing` of the rest.

        They need more than 10 patients, quartiles 20. A size that differs by 1 to 10 from one in `beside`
        goes, and so does a number missing of 1 to 10, each with the other. With `nested`, rows are of the
        same patients, so that a size near one of a row above goes as well.
        """
        frame = self._spread(name, table, beside=beside, nested=nested)
        return self.out(name, frame, place, "mean and spread", decimals=2)

    def _spread(
        self, name: str, table: pd.DataFrame, *, beside: Sequence[float], nested: bool
    ) -> pd.DataFrame:
        frame = opened(name, table)
        if self.suppresses and len(frame):
            size = frame["n_patients"] if "n_patients" in frame else frame["n"]
            few = self.few.small(size)
            frame.loc[few, "suppressed"] = self.few.total
            frame = blank(frame, few, [*ESTIMATES, *MOMENTS, *QUARTILES])
            frame = blank(frame, (size < SMALLEST_PERCENTILE_GROUP).fillna(True), QUARTILES)
            close = few | self.few.near(frame["n"], beside)
            if "n_missing" in frame:
                close |= self.few.small(frame["n_missing"])
            if "n_patients" in frame:
                close |= self.few.near(frame["n_patients"], beside)
            if nested:
                close |= _near_above(frame, ("n", "n_missing", "n_patients"), self.few)
            frame = blank(frame, close, ["n", "n_missing", "n_patients"])
            if "n_not_due" in frame:
                # With those scored and those missing they make up all with a baseline, printed elsewhere.
                frame = blank(frame, self.few.small(frame["n_not_due"]), ["n_missing"])
            # Those not due, taken from all who started, show the widest group of the outcomes.
            frame = blank(frame, np.ones(len(frame), bool), ["n_not_due"])
            # The interval follows from n and the SD, so n would follow from it; a mean of whole numbers with
            # all its digits is a fraction, whose denominator is n.
            frame = blank(frame, close, ["conf_low", "conf_high", "std_error"])
            numbers = [name for name in (*ESTIMATES, *MOMENTS, *QUARTILES) if name in frame]
            frame.loc[close, numbers] = frame.loc[close, numbers].astype(float).round(1)
        return frame

    def bands(self, name: str, table: pd.DataFrame, *, place: str, beside: Sequence[float] = ()) -> Released:
        """Means of `n` patients in groups that add up to all of them; a group of 1 to 10 is hidden.

        The next smallest goes with it until no small number follows from the total, which neither that of
        several hidden groups together may be. Numbers missing add up as well: with one of them all go.
        """
        frame = self._spread(name, table, beside=beside, nested=False)
        if self.suppresses and len(frame):
            size = table["n"].to_numpy(float)
            gone = frame["n"].isna().to_numpy()
            while gone.any() and not gone.all() and (gone.sum() == 1 or self._follows(size[gone])):
                row = np.arange(len(frame)) == int(np.where(gone, np.inf, size).argmin())
                frame = blank(frame, row, ["n", "n_missing", *ESTIMATES, *MOMENTS])
                frame.loc[row & (frame["suppressed"] == "").to_numpy(), "suppressed"] = SECONDARY
                gone = gone | row
            if "n_missing" in frame and frame["n_missing"].isna().any():
                frame["n_missing"] = pd.array([pd.NA] * len(frame), dtype="Int64")
        return self.out(name, frame, place, "mean and spread", decimals=2)

    def _follows(self, sizes: np.ndarray) -> bool:
        """Whether a small one of these hidden sizes has one value only, given their sum, or that is small."""
        few, total = self.few.small(sizes), int(sizes.sum())
        if self.few.is_small(total):
            return True
        low = np.where(few | (sizes == 0), np.minimum(sizes, 1), self.few.largest + 1).astype(int)
        high = np.where(few, self.few.largest, np.where(sizes == 0, 0, total)).astype(int)
        least, most = sum_intervals(low, high, total)
        return bool((few & (least == most)).any())

    def apart(
        self,
        name: str,
        table: pd.DataFrame,
        *,
        place: str,
        sizes: Sequence[str],
        beside: Sequence[float] = (),
    ) -> Released:
        """Rates `n_events` of `n`, with `sizes` of groups that lie within each other, row by row.

        A size that differs by 1 to 10 from one already shown in its column, from one in `beside` or from the
        row's `n` goes; where it is `n` itself, so does the rate.
        """
        frame = self.rates(name, table, place=place).frame
        if self.suppresses and len(frame):
            few = self.few
            for column in sizes:
                shown = list(beside)
                for row in frame.index:
                    value = frame.at[row, column]
                    if pd.isna(value):
                        continue
                    others = shown if column == "n" else [*shown, float(table.at[row, "n"])]
                    if few.is_small(value) or few.near([value], others).any():
                        frame.loc[row, column] = pd.NA
                    else:
                        shown.append(float(value))
            lost = frame["n"].isna().to_numpy() & (frame["suppressed"] == "").to_numpy()
            frame.loc[lost, "suppressed"] = SECONDARY
            frame = blank(frame, lost, [*ESTIMATES, "n_events"])
        return self.out(name, frame, place, "count, % and interval", is_rate=True)

    def differences(self, name: str, table: pd.DataFrame, *, place: str) -> Released:
        """Standardised differences of two groups, `first` and `second`, of means or of shares.

        A row is hidden where either group has 1 to 10 patients, or a share stands for 1 to 10 or for all but
        so many; then all levels of that characteristic go, since they add up. Sizes always go, and means
        are rounded: with all digits they are fractions of the sizes.
        """
        frame = opened(name, table)
        if self.suppresses and len(frame):
            few = np.zeros(len(frame), dtype=bool)
            is_share = (frame["kind"] == "share").to_numpy()
            for group in ("first", "second"):
                size = frame[f"n_{group}"].astype(float)
                events = (size * frame[group]).round()
                of_share = self.few.small(events) | self.few.small(size - events)
                few |= self.few.small(size) | (is_share & of_share)
            hidden = frame["characteristic"].isin(frame.loc[few, "characteristic"]).to_numpy()
            frame.loc[hidden, "suppressed"] = self.few.total
            numbers = ["estimate", "first", "second", "sd_first", "sd_second"]
            frame = blank(frame, hidden, numbers)
            frame[numbers] = frame[numbers].astype(float).round(2)
            frame.loc[~is_share, numbers[1:]] = frame.loc[~is_share, numbers[1:]].round(1)
            frame.loc[is_share, ["sd_first", "sd_second"]] = np.nan
            frame = blank(frame, np.ones(len(frame), bool), ["n_first", "n_second"])
        return self.out(name, frame, place, "difference", decimals=2)


def _near_above(frame: pd.DataFrame, columns: Sequence[str], few: SmallCounts) -> np.ndarray:
    """Marks rows of which a size differs by a few from that of a row above that is not marked."""
    close = np.zeros(len(frame), dtype=bool)
    for column in columns:
        if column not in frame:
            continue
        shown: list[float] = []
        for row, value in enumerate(frame[column].to_numpy(dtype=float, na_value=np.nan)):
            if few.near([value], shown).any():
                close[row] = True
            elif not np.isnan(value):
                shown.append(value)
    return close
