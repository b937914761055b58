"""Every number of the simulated clinic, in frozen records.

Two presets. "trial" loses response within three weeks (Murrough 2013:
median 18 days); "community" keeps it for months (McInnes 2022: about 80 % at
four and 60 % at eight weeks). The two published results conflict, hence two.
Severity is in MADRS points, time in hours, effective dose in mg/kg as
intravenous racemic ketamine.

Choices that published numbers do not settle: the responder share of "community"
is .65 (response .635 by MADRS after six sessions); .55 gives .54, the share in
McInnes 2022. The intercepts and spreads of the side effects are set so that
dissociation is found by checklist in a quarter of the sessions and in just
over half of the patients (36 % of patients after four infusions in Rodrigues
2020, 41 % on esketamine in its label); they are no estimates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ketaoutcomes.errors import DataError

__all__ = [
    "CLINICS",
    "EFFECTS",
    "INSTRUMENT_MODELS",
    "PRESETS",
    "ROUTES",
    "Clinic",
    "Effect",
    "InstrumentModel",
    "Parameters",
    "Route",
    "preset_parameters",
]


@dataclass(frozen=True)
class InstrumentModel:
    """How an instrument reads the latent state.

    score = level x (1 - share x (1 - relief)) + loading x state + noise,
    rounded and cut to the instrument's range, where `relief` is the share of
    the severity that is left and `state` the patient's fluctuation in MADRS
    points.

    Parameters
    ----------
    name : str
        Name in the catalogue of instruments.
    minimum, maximum : int
    per_madrs : float
        Points per MADRS point of the patient's own severity; 0 draws the level
        from `mean` and `sd`, correlated .5 with severity.
    mean, sd : float
        The level of a patient when `per_madrs` is 0.
    share : float
        Part of the relief of depression that carries over.
    loading : float
        Points per MADRS point of the fluctuating state.
    noise : float
        Standard deviation of the score error.
    """

    name: str
    minimum: int
    maximum: int
    per_madrs: float = 0.0
    mean: float = 0.0
    sd: float = 0.0
    share: float = 1.0
    loading: float = 0.0
    noise: float = 1.0


@dataclass(frozen=True)
class Effect:
    """A side effect of one session.

    logit P = intercept + slope x (effective dose - 0.5) + habituation x
    log2(session) + frailty, with a frailty of standard deviation `spread`,
    correlated .4 between effects.
    """

    name: str
    intercept: float
    spread: float = 1.0
    habituation: float = -0.25
    onset_minutes: float = 15.0
    duration_minutes: float = 70.0


@dataclass(frozen=True)
class Route:
    """A route: nominal starting dose, bioavailability, usual duration."""

    name: str
    dose_mg_per_kg: float
    bioavailability: float
    duration_minutes: float


@dataclass(frozen=True)
class Clinic:
    """How one clinic works and writes things down."""

    route_shares: Mapping[str, float]
    asks_by_checklist: bool
    records_side_effects: float
    rates_madrs: bool
    discipline: float
    vital_minutes: tuple[int, ...]
    doses_in_mg: bool = False


# Baseline PHQ-9 of 18.6 (Pfeiffer 2024) needs .55 points per MADRS point.
INSTRUMENT_MODELS: Mapping[str, InstrumentModel] = MappingProxyType(
    {
        model.name: model
        for model in (
            InstrumentModel("MADRS", 0, 60, per_madrs=1.0, loading=1.0, noise=2.5),
            InstrumentModel("PHQ-9", 0, 27, per_madrs=0.55, loading=0.55, noise=2.4),
            InstrumentModel("Mood-NRS", 0, 10, per_madrs=0.205, loading=0.205, noise=0.7),
            InstrumentModel("GAD-7", 0, 21, mean=13.5, sd=3.6, share=0.9, loading=0.3, noise=1.9),
            InstrumentModel("PCL-5", 0, 80, mean=50.0, sd=10.0, share=0.75, loading=0.7, noise=5.0),
            InstrumentModel("NRS-pain", 0, 10, mean=6.8, sd=1.3, share=0.6, loading=0.1, noise=0.9),
        )
    }
)

EFFECTS: tuple[Effect, ...] = (
    Effect("dissociation", -1.35, 2.3, -0.35, 12.0, 60.0),
    Effect("drowsiness", -1.75, 1.8, -0.20, 20.0, 90.0),
    Effect("dizziness", -2.15, 1.8, -0.25, 15.0, 60.0),
    Effect("nausea", -3.55, 1.5, -0.15, 30.0, 60.0),
    Effect("headache", -3.45, 1.4, -0.10, 45.0, 120.0),
    Effect("blurred vision", -3.60, 1.3, -0.20, 15.0, 50.0),
    Effect("anxiety", -3.70, 1.4, -0.30, 10.0, 40.0),
    Effect("fatigue", -3.00, 1.4, -0.10, 40.0, 150.0),
    Effect("blood pressure increased", -4.20, 1.3, -0.05, 30.0, 45.0),
    Effect("vomiting", -5.00, 1.3, -0.10, 40.0, 30.0),
)

ROUTES: Mapping[str, Route] = MappingProxyType(
    {
        route.name: route
        for route in (
            Route("IV", 0.50, 1.00, 40.0),
            Route("IM", 0.55, 0.93, 5.0),
            Route("IN", 1.00, 0.45, 20.0),
            Route("SL", 1.60, 0.30, 15.0),
        )
    }
)

# The clinics take turns when there are more than four.
CLINICS: tuple[Clinic, ...] = (
    Clinic({"IV": 1.0}, True, 0.96, True, 0.85, (0, 10, 20, 30, 40, 60, 90)),
    Clinic({"IV": 0.7, "IM": 0.3}, True, 0.90, False, 0.78, (0, 10, 20, 30, 40, 60, 90)),
    Clinic({"IV": 0.6, "IN": 0.25, "SL": 0.15}, False, 0.86, True, 0.72, (0, 20, 40, 60, 90)),
    Clinic({"IV": 0.6, "IM": 0.4}, False, 0.80, False, 0.62, (0, 20, 40, 90), doses_in_mg=True),
)

COMMUNITY_INDICATIONS: Mapping[str, float] = MappingProxyType(
    {"MDD": 0.62, "bipolar depression": 0.08, "PTSD": 0.14, "GAD": 0.08, "chronic pain": 0.08}
)


@dataclass(frozen=True)
class Parameters:
    """Parameters of the mechanistic clinic; see the module's docstring for units.

    The first block is the latent model, the second the schedule and the
    mechanisms that hide data, the third what is seen and where.
    """

    responder_share: float
    sensitivity_responder: float
    sensitivity_other: float
    benefit_beta: tuple[float, float]
    half_life_days: float
    half_life_log_sd: float
    severity_mean: float = 33.0
    severity_sd: float = 4.5
    severity_clinic_sd: float = 1.5
    response_clinic_sd: float = 0.25
    state_sd: float = 3.0
    state_hours: float = 72.0
    entry_score: float = 28.0
    sensitivity_log_sd: float = 0.3
    onset_hours: float = 1.2
    half_life_growth: float = 0.12
    expectancy: float = 0.10
    expectancy_hours: float = 168.0

    induction_days: tuple[int, ...] = (0, 2, 4, 7, 9, 11)
    jitter_hours: float = 6.0
    maintenance_share: float = 0.0
    booking_per_day: float = 0.10
    booking_growth: float = 0.18
    gamma_inf: float = 0.10
    booking_centre: float = 15.0
    booking_days: tuple[float, float] = (7.0, 60.0)
    fixed_days: tuple[float, float] = (14.0, 28.0)
    dropout_per_day: float = 0.005
    dropout_slope: float = 0.08
    dropout_centre: float = 20.0
    severe_stop: float = 0.05
    early_stop: float = 0.006
    gamma_visit: float = 0.05
    visit_per_week: float = 0.04
    follow_up_weeks: float = 26.0

    lead: str = "PHQ-9"
    baseline_share: float = 0.96
    mood_share: float = 0.7
    diary_days: float = 60.0
    titrates: bool = True
    dose_slope: float = 2.0
    effect_correlation: float = 0.4
    serious_share: float = 0.02
    spontaneous_reporting: tuple[float, float, float] = (0.35, 0.65, 0.95)
    pressure_rise: float = 7.2
    pressure_tail: float = 0.55
    pressure_noise: float = 8.0
    indications: Mapping[str, float] = field(default_factory=lambda: COMMUNITY_INDICATIONS)
    clinics: tuple[Clinic, ...] = CLINICS


TRIAL_CLINIC = Clinic({"IV": 1.0}, True, 1.0, True, 0.97, (0, 10, 20, 30, 40, 60, 90))

PRESETS: Mapping[str, Parameters] = MappingProxyType(
    {
        "trial": Parameters(
            responder_share=0.65,
            sensitivity_responder=0.85,
            sensitivity_other=0.06,
            benefit_beta=(14.4, 5.6),
            half_life_days=7.0,
            half_life_log_sd=0.35,
            lead="MADRS",
            baseline_share=1.0,
            mood_share=1.0,
            titrates=False,
            follow_up_weeks=12.0,
            indications=MappingProxyType({"MDD": 1.0}),
            clinics=(TRIAL_CLINIC,),
        ),
        "community": Parameters(
            responder_share=0.65,
            sensitivity_responder=1.0,
            sensitivity_other=0.06,
            benefit_beta=(15.0, 5.0),
            half_life_days=25.0,
            half_life_log_sd=1.1,
            maintenance_share=0.6,
        ),
    }
)


def preset_parameters(preset: str) -> Parameters:
    """The parameters of a preset.

    Raises
    ------
    DataError
        If there is no preset of that name.
    """
    if preset not in PRESETS:
        raise DataError(f"simulate: no preset of that name; choose one of {', '.join(sorted(PRESETS))}")
    return PRESETS[preset]
