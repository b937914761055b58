"""What became of an instrument's item about suicidal thoughts."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.draw.labels import percent, percent_range
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import confidence, of_total

__all__ = ["SafetyItemResult"]


@dataclass(frozen=True, eq=False, repr=False)
class SafetyItemResult(Result):
    """Named outcomes of the item, and the counts that they come from.

    `.table` has a row per outcome: `outcome` (name of the definition), `label`, `n_events`, `n`,
    `estimate`, `conf_low`, `conf_high`.

    Attributes
    ----------
    transitions : DataFrame
        `before`, `after` (the item's codes; missing: not recorded, or no assessment), `status`
        ("recorded", "item not recorded", "not scored": of the assessment after), `n` patients.
    instrument : str
    item : int
    level : float
        Confidence level of the intervals.
    n_not_due : int
        Patients left out because their window had not closed.
    """

    transitions: pd.DataFrame
    instrument: str
    item: int
    level: float
    n_not_due: int

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Share, n/N and interval of each outcome, as text."""
        rows = self.table.to_dict("records")
        out = {
            "outcome": [row["label"] for row in rows],
            "%": [percent(row["estimate"]) for row in rows],
            "n/N": [of_total(row["n_events"], row["n"]) for row in rows],
            confidence(self.level): [
                percent_range(row["conf_low"], row["conf_high"], like=row["estimate"]) for row in rows
            ],
        }
        return pd.DataFrame(out), ("outcome",)

    def plot(self, ax=None, *, title=None):
        """Draw a bar per code before with the codes after, in % of its patients."""
        from ketaoutcomes.draw.transitions import transitions

        known = self.transitions[self.transitions["before"].notna() & self.transitions["after"].notna()]
        table = pd.DataFrame(
            {
                "before": [f"{code:g}" for code in known["before"]],
                "after": [f"{code:g}" for code in known["after"]],
                "n": known["n"].to_numpy(),
            }
        )
        heading = f"Item {self.item} of the {self.instrument}"
        return transitions(table, ax, before=f"Item {self.item} before", heading=heading, title=title)
