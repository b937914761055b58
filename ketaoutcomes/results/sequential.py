"""Cases one after the other beside what was expected of each."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.draw.labels import count, number
from ketaoutcomes.results.base import Result

__all__ = ["SequentialResult"]


@dataclass(frozen=True, eq=False, repr=False)
class SequentialResult(Result):
    """A CUSUM and a VLAD of the same cases.

    Attributes
    ----------
    kind : {"cusum", "vlad"}
        What is drawn.
    order : str or None
        Column by which cases follow each other.
    odds_ratio : float
        The change that is looked for.
    limit : float
        Of the CUSUM.
    in_control_length : float
        Mean number of cases between false signals.
    """

    kind: str
    order: str | None
    odds_ratio: float
    limit: float
    in_control_length: float

    @property
    def signals(self) -> pd.DataFrame:
        """One row per signal: the case, its place in the order, and what came since the last one."""
        table = self.table
        at = table.index[table["signal"]]
        begun = [0, *(place + 1 for place in at[:-1])]
        runs = [table.iloc[first : last + 1] for first, last in zip(begun, at, strict=False)]
        columns = {"case": table.loc[at, "case"].to_numpy()}
        if self.order is not None:
            columns[self.order] = table.loc[at, self.order].to_numpy()
        columns |= {
            "n": [len(run) for run in runs],
            "n_events": [int(run["event"].sum()) for run in runs],
            "expected": [float(run["expected"].sum()) for run in runs],
        }
        return pd.DataFrame(columns)

    @property
    def signal(self) -> str:
        """One sentence: at which cases the CUSUM reached its limit, or that there is no signal."""
        found = self.signals
        more = "more" if self.odds_ratio > 1 else "fewer"
        if found.empty:
            return f"No signal of {more} events than expected in {count(len(self.table))} cases"
        at = ", ".join(count(case) for case in found["case"][:5]) + (", …" if len(found) > 5 else "")
        times = "signal" if len(found) == 1 else "signals"
        return f"{count(len(found))} {times} of {more} events than expected, at case {at}"

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The signals as text, not the cases."""
        found = self.signals
        whole = {"part": [f"to signal {i + 1}" for i in range(len(found))] + ["all cases"]}
        whole["ends at case"] = [*(count(c) for c in found["case"]), count(len(self.table))]
        whole["cases"] = [*(count(n) for n in found["n"]), count(len(self.table))]
        whole["observed"] = [*(count(n) for n in found["n_events"]), count(self.table["event"].sum())]
        total = number(self.table["expected"].sum(), 1)
        whole["expected"] = [*(number(value, 1) for value in found["expected"]), total]
        return pd.DataFrame(whole), ("part",)

    def sentences(self) -> list[str]:
        """The signal and the limit."""
        return [
            "",
            f"  {self.signal}. Limit {number(self.limit, 2)} for an odds ratio of {self.odds_ratio:g}.",
        ]

    def plot(self, ax=None, *, title=None):
        """The CUSUM with its limit, or expected less observed events, signals ringed."""
        from ketaoutcomes.draw.sequential import cusum, vlad

        if self.kind == "vlad":
            return vlad(self.table, ax, order=self.order, title=title)
        words = f"CUSUM for an odds ratio of {self.odds_ratio:g}"
        return cusum(self.table, ax, limit=self.limit, order=self.order, unit_line=words, title=title)
