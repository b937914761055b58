"""Rare events of safety, with their denominators and what their absence allows."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketaoutcomes.derive.safety_events import DEATH, HOSPITAL, STOPPED
from ketaoutcomes.draw.labels import DASH, count, missing, number, number_range, percent, percent_range
from ketaoutcomes.results.base import Result
from ketaoutcomes.results.text import bounds, confidence, of_total, patients

__all__ = ["NOT_RECORDED", "SafetyEvents"]

NOT_RECORDED = "not recorded"


@dataclass(frozen=True, eq=False, repr=False)
class SafetyEvents(Result):
    """Rare events per session and per patient.

    Attributes
    ----------
    level : float
        Confidence level of the intervals; where there are bounds, of both.
    by : str or None
        Column that the rows are split by.
    shows : str
        What the rates are; written above the picture.
    published : DataFrame or None
        Stops for a side effect beside the published share: the `by` column or none, `n_events`, `n`,
        `expected` (at the published share), `ratio` (recorded over expected) with `conf_low`,
        `conf_high`, `p_value` (exact, two-sided), `mid_p`, all missing where fewer than one is expected,
        `difference` with its limits,
        `published_events`, `published_n`, `published_share`, `name`. Without such a record no row;
        None where it was not asked for.
    """

    level: float
    by: str | None
    shows: str
    published: pd.DataFrame | None

    def readable(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Event, share or its bounds, n/N, interval, what is not known or not recorded, as text."""
        names = ("n_events", "n", "n_unknown", "n_not_recorded")
        table = self.table.astype(dict.fromkeys(names, "object"))
        rows = table.to_dict("records")
        out: dict[str, list[str]] = {}
        out["event"] = [str(row["event"]) for row in rows]
        out["asked by"] = [str(row["ascertainment"]) for row in rows]
        out["per"] = [str(row["per"]) for row in rows]
        if self.by is not None:
            out[self.by] = [str(row[self.by]) for row in rows]
        words = tuple(out)
        out["%"] = [
            NOT_RECORDED if _empty(row) else bounds(row["estimate_low"], row["estimate_high"]) for row in rows
        ]
        out["n/N"] = [DASH if _empty(row) else _counted(row) for row in rows]
        out[confidence(self.level)] = [
            percent_range(row["conf_low"], row["conf_high"], like=_like(row)) for row in rows
        ]
        out["patients with it"] = [
            DASH if _empty(row) else of_total(row["n_patients_with"], row["n_patients"]) for row in rows
        ]
        out["not known"] = [count(row["n_unknown"]) for row in rows]
        out["without that record"] = [count(row["n_not_recorded"]) for row in rows]
        return pd.DataFrame(out), words

    def sentences(self) -> list[str]:
        """What no event allows, and the stops beside the published share."""
        lines = []
        table = self.table
        zero = table[((table["n_events"] == 0) & (table["n"] > 0)).fillna(False).to_numpy(dtype=bool)]
        for row in zero[zero["per"] == "session"].to_dict("records"):
            lines.append(
                f"  {self._name(row)}: 0 of {count(row['n'])} sessions "
                f"({patients(row['n_patients'])}){_not_known(row)} {_limits(row)} "
                f"({_exact(row)}{confidence(self.level)})"
                f"{_one_sided(row, ('upper_patients', 'upper_sessions'))}."
            )
        of_patients = zero[
            (zero["per"] == "patient") & ~zero["event"].isin(zero["event"][zero["per"] == "session"])
        ]
        for row in of_patients.to_dict("records"):
            lines.append(
                f"  {self._name(row)}: 0 of {patients(row['n'])}{_not_known(row)} {_small(row['conf_high'])} "
                f"(exact, {confidence(self.level)}){_one_sided(row, ('upper_patients',))}."
            )
        return ["", *lines, *self._beside_published()] if lines else self._beside_published()

    def _name(self, row: dict) -> str:
        """The event, how it was asked for and its group."""
        parts = [str(row["event"])[:1].upper() + str(row["event"])[1:]]
        parts += [str(row["ascertainment"])] if row["ascertainment"] else []
        parts += [] if self.by is None else [str(row[self.by])]
        return ", ".join(parts)

    def _beside_published(self) -> list[str]:
        if self.published is None or not len(self.published):
            return []
        lines = ["", "  Stopped for a side effect, beside the published share"]
        for row in self.published.to_dict("records"):
            group = "" if self.by is None else f"{row[self.by]}: "
            words = (
                f"  {group}{of_total(row['n_events'], row['n'])} patients ({_small(row['estimate'])}); "
                f"published {of_total(row['published_events'], row['published_n'])} "
                f"({_small(row['published_share'])}), which would be {number(row['expected'], 2)} here"
            )
            if missing(row["ratio"]):
                lines.append(f"{words}: too few were treated for a comparison.")
                continue
            words += (
                f". Recorded over expected {number(row['ratio'], 2)} ({confidence(self.level)} "
                f"{number_range(row['conf_low'], row['conf_high'], 2)})"
            )
            if not missing(row["p_value"]):
                words += f"; exact P {_p(row['p_value'])}, mid-P {_p(row['mid_p'])}"
            lines.append(f"{words}.")
        return lines

    def plot(self, ax=None, *, title=None):
        """Rates with intervals on a square-root axis; where no event is recorded, the upper limit.

        `title` is written in bold above; what is drawn stands below it in any case.
        """
        from ketaoutcomes.draw.safety_events import safety_events

        return safety_events(self.table, ax, by=self.by, level=self.level, heading=self.shows, title=title)


def _empty(row: dict) -> bool:
    """Whether there is nothing to take a share of."""
    return missing(row["n"]) or not row["n"]


def _counted(row: dict) -> str:
    """``"3/25"``, or ``"3/15 known of 25"`` where the bounds are out of more than the n."""
    words = of_total(row["n_events"], row["n"])
    if row["event"] not in (STOPPED, DEATH, HOSPITAL) or missing(row["n_unknown"]) or not row["n_unknown"]:
        return words
    return f"{words} known of {count(row['n'] + row['n_unknown'])}"


def _limits(row: dict) -> str:
    """Upper limits with patients and with sessions as n; one where they are printed alike."""
    of_patients, of_sessions = _small(row["conf_high"]), _small(row["conf_high_sessions"])
    if of_patients == of_sessions:
        return of_patients
    return f"{of_patients} with patients as n, {of_sessions} if sessions were independent"


def _not_known(row: dict) -> str:
    """``". At most"``, with those that may have had the event, if any."""
    n_unknown = 0 if missing(row["n_unknown"]) else int(row["n_unknown"])
    return (
        ". At most"
        if not n_unknown
        else f", not known of {count(n_unknown)}. If all of these had it, at most"
    )


def _exact(row: dict) -> str:
    return "" if missing(row["upper_patients"]) else "exact, "


def _one_sided(row: dict, names: tuple[str, ...]) -> str:
    """The rule of three; nothing where some are not known."""
    if missing(row["upper_patients"]):
        return ""
    limits = dict.fromkeys(_small(row[name]) for name in names)
    return f"; one-sided, by the rule of three: {' and '.join(limits)}"


def _like(row: dict) -> float:
    """With how many decimals limits are written: those of the upper one where nothing is recorded."""
    return row["conf_high"] if row["estimate"] == 0 else row["estimate_low"]


def _small(share: float) -> str:
    """A share in per cent with two digits that count where it is below 1 %."""
    if missing(share):
        return DASH
    return percent(share, decimals=2 if 0 < share < 0.00095 else None)


def _p(value: float) -> str:
    return "below 0.001" if value < 0.001 else number(value, 3)
