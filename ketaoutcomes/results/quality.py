"""How complete the data are: rows, rules, missing cells, attrition."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.draw.labels import count, percent
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import of_total

__all__ = ["QualityResult"]


@dataclass(frozen=True, eq=False, repr=False)
class QualityResult(Result):
    """What was read, kept, set aside and missing.

    `.table` has a row per table: `table`, `n_read`, `n_kept`, `n_quarantined`.

    Attributes
    ----------
    rules : DataFrame
        Rows set aside: `table`, `rule`, `reason`, `n_rows`, `first_row`.
    blanked : DataFrame
        Cells set to missing: `table`, `column`, `rule`, `reason`, `n_cells`.
    missing : DataFrame
        `table`, `column`, `n_rows`, `n_missing`, `share`.
    flow : DataFrame
        Attrition: `step`, `n`, `n_lost` (since the step before), `reason`.
    losses : DataFrame
        The reasons one by one: `step`, `reason`, `n_patients`.
    recording : DataFrame
        Sessions with a score, side effects and vital signs recorded:
        `measure`, `n_events`, `n`, `estimate`.
    instrument : str or None
        Whose scores the flow follows.
    sources : DataFrame
        Where the tables were made from an export: `source`, `n_read`, `n_kept`,
        `n_quarantined`, `n_unmapped`; without rows otherwise.
    unmapped : DataFrame
        Columns of the export that went nowhere: `source`, `column`, `n_filled`.
    """

    rules: pd.DataFrame
    blanked: pd.DataFrame
    missing: pd.DataFrame
    flow: pd.DataFrame
    losses: pd.DataFrame
    recording: pd.DataFrame
    instrument: str | None
    sources: pd.DataFrame
    unmapped: pd.DataFrame

    @property
    def rows(self) -> pd.DataFrame:
        """Rows read, kept and set aside, per table; the same as `table`."""
        return self.table

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Rows per table, as text."""
        table = self.table
        out = {
            "table": [str(value) for value in table["table"]],
            "read": [count(value) for value in table["n_read"]],
            "kept": [count(value) for value in table["n_kept"]],
            "set aside": [count(value) for value in table["n_quarantined"]],
        }
        return pd.DataFrame(out), ("table",)

    def sentences(self) -> list[str]:
        """Rules, attrition and recording, one line each."""
        lines = []
        if len(self.sources):
            lines += ["", "Rows of the export"]
            for row in self.sources.to_dict("records"):
                lines.append(
                    f"  {row['source']}: {count(row['n_read'])} read = {count(row['n_kept'])} kept + "
                    f"{count(row['n_quarantined'])} set aside + {count(row['n_unmapped'])} not mapped"
                )
            lines.append(f"  columns with cells that were not mapped: {count(len(self.unmapped))}")
        if len(self.rules):
            lines += ["", "Rows set aside"]
            for row in self.rules.to_dict("records"):
                lines.append(f"  {row['table']}: {row['reason']}: {count(row['n_rows'])}")
        if len(self.blanked):
            lines += ["", "Cells set to missing"]
            for row in self.blanked.to_dict("records"):
                lines.append(f"  {row['table']}, {row['column']}: {row['reason']}: {count(row['n_cells'])}")
        if len(self.flow):
            lines += ["", f"Patients ({self.instrument})"]
            for row in self.flow.to_dict("records"):
                lost = f"; left out: {row['reason']}" if row["n_lost"] else ""
                lines.append(f"  {row['step']}: {count(row['n'])}{lost}")
        if len(self.recording):
            lines += ["", "Sessions"]
            for row in self.recording.to_dict("records"):
                share = of_total(row["n_events"], row["n"])
                lines.append(f"  {row['measure']}: {percent(row['estimate'])} ({share})")
        return lines

    def plot(self, ax=None, *, title=None):
        """Attrition as bars, with the reasons between them; `title` in bold above."""
        from ketaoutcomes.draw.flow import flow

        heading = "" if self.instrument is None else f"Patients and their {self.instrument} scores"
        return flow(self.flow, ax, heading=heading, title=title)
