"""Which published numbers have a counterpart here, and how it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ketaoutcomes.analysis.published_numbers import Clinic, Number

__all__ = ["ROWS", "PublishedRow"]


@dataclass(frozen=True)
class PublishedRow:
    """How one published number is made here.

    Attributes
    ----------
    name : str
        Of the benchmark.
    label : str
        What it is, in a few words.
    here : str
        How the clinic's number is made.
    make : function of Clinic
    outcomes : tuple of str
        Names of the definitions used.
    time : float
        Where it stands on the axis of its curve; NaN for nowhere.
    differs : str
        What cannot be matched, beyond design, setting and dose.
    """

    name: str
    label: str
    here: str
    make: Callable[[Clinic], Number]
    outcomes: tuple[str, ...]
    time: float = np.nan
    differs: str = ""


def _after(name: str, instrument: str, session: int, label: str) -> PublishedRow:
    return PublishedRow(
        name, label,
        f"{instrument} at least 50 % below baseline at the first score after session {session}, before the "
        "next one and within 7 days",
        lambda clinic: clinic.after_session(instrument, session), ("response_50",), float(session),
        "all patients are in the published number, those who had fewer sessions too",
    )  # fmt: skip


_HELD = (
    "PHQ-9 at least 50 % below baseline within 31 days after the last induction session or before it; still "
    "so had no further session been given, if sessions were booked at random"
)
_RELAPSE = "two scores in a row less than 50 % below baseline, no further session given"
_SUSTAIN = "MADRS of 22 or more at two scores in a row 5 to 15 days apart, whatever sessions followed, after "
_REMITTED = _SUSTAIN + "12 or less at day 14 to 31 after induction"
_RESPONDED = _SUSTAIN + "at least 50 % below baseline, but above 12, at day 14 to 31 after induction"
_PHASE = (
    "there patients had stayed well for weeks (optimisation phase) before the count began, and admissions "
    "and other events counted as relapse too; here one score in the window, and scores alone"
)
_WITHDRAWN = f"{_PHASE}; in the placebo arm treatment was withdrawn, here it goes on"


def _sustain(name: str, who: str, arm: str) -> PublishedRow:
    remitters = who == "remitters"
    return PublishedRow(
        name, f"Relapse of {who}, {arm} arm", _REMITTED if remitters else _RESPONDED,
        lambda clinic: clinic.relapsed(clinic.remitters if remitters else clinic.responders, who),
        ("remission_madrs_le12", "response_50", "relapse_sustain1"),
        differs=_PHASE if arm == "esketamine" else _WITHDRAWN,
    )  # fmt: skip


def _relapse_days(name: str, label: str, share: float) -> PublishedRow:
    return PublishedRow(
        name, label,
        f"days after the last induction session until {100 * share:g} % have relapsed: {_RELAPSE}",
        lambda clinic: clinic.days_until(share), ("response_50", "relapse_murrough"), time=1.0 - share,
        differs="the paper's own rule of relapse was not checked",
    )  # fmt: skip


ROWS: Mapping[str, tuple[PublishedRow, ...]] = {
    "response": (
        _after("zheng_2019_response_first", "MADRS", 1, "Responding after the first session"),
        _after("zheng_2019_response_last", "MADRS", 6, "Responding after session 6"),
        _after("murrough_2013_response", "MADRS", 6, "Responding after session 6"),
        _after("phillips_2019_response", "MADRS", 6, "Responding after session 6"),
        PublishedRow(
            "phillips_2019_infusions", "Sessions until half responded",
            "sessions until half of the patients had a MADRS at least 50 % below baseline",
            lambda clinic: clinic.median_sessions(), ("response_50",),
            differs="whether the published median is of responders only is not in the abstract",
        ),
        PublishedRow(
            "mcinnes_2022_response", "Responding 14–31 days after induction",
            "PHQ-9 at least 50 % below baseline at the score nearest to day 21 in day 14 to 31 after an "
            "induction of 4 to 8 sessions in 7 to 28 days, of those scored then",
            lambda clinic: clinic.in_window("PHQ-9", "end_of_induction"), ("response_50",),
        ),
        PublishedRow(
            "oliver_2022_response_6_weeks", "Responded within 6 weeks",
            "PHQ-9 at least 50 % below baseline at any score by day 42 after session 1, interval-censored",
            lambda clinic: clinic.by_day("PHQ-9", 42.0), ("response_50",),
        ),
        PublishedRow(
            "pfeiffer_2024_response", "Responding after 6 weeks",
            "PHQ-9 at least 50 % below baseline at the score nearest to day 42 in day 35 to 48, of those "
            "scored then",
            lambda clinic: clinic.in_window("PHQ-9", "week_6"), ("response_50",),
        ),
        _after("mcintyre_2020_response", "QIDS-SR16", 4, "Responding after session 4"),
    ),
    "durability": (
        PublishedRow("mcinnes_2022_held_4_weeks", "Still responding at 4 weeks", _HELD,
             lambda clinic: clinic.held_at(28.0), ("response_50", "loss_of_response_50"), 28.0),
        PublishedRow("mcinnes_2022_held_8_weeks", "Still responding at 8 weeks", _HELD,
             lambda clinic: clinic.held_at(56.0), ("response_50", "loss_of_response_50"), 56.0),
        _relapse_days("murrough_2013_relapse_days_quartile_1", "Days until a quarter relapsed", 0.25),
        _relapse_days("murrough_2013_relapse_days", "Days until half relapsed", 0.5),
        _relapse_days("murrough_2013_relapse_days_quartile_3", "Days until three quarters relapsed", 0.75),
        _sustain("sustain1_remitters_esketamine", "remitters", "esketamine"),
        _sustain("sustain1_remitters_placebo", "remitters", "placebo"),
        _sustain("sustain1_responders_esketamine", "responders", "esketamine"),
        _sustain("sustain1_responders_placebo", "responders", "placebo"),
    ),
}  # fmt: skip
