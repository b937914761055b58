"""The running record of a simulation: sessions given, scores taken, patience left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ketaoutcomes.cohort.simulation.calendar import Calendar
from ketaoutcomes.cohort.simulation.latent import N_FIRST, Exposure, Latent, amplitude, relief, state
from ketaoutcomes.cohort.simulation.parameters import INSTRUMENT_MODELS, ROUTES, Clinic
from ketaoutcomes.cohort.simulation.safety import draw_effects

__all__ = ["BOOKINGS", "DROPOUTS", "KINDS", "STOPS", "Ledger", "Options", "clinic_values"]

BOOKINGS = ("informative", "random", "fixed")
DROPOUTS = ("mar", "mcar", "mnar", "none")
KINDS = ("baseline", "pre", "weekly", "triggered", "intake")
STOPS = ("ongoing", "lost", "side effects", "completed")
_ROUTE_NAMES = tuple(ROUTES)
_START_DOSE = np.array([route.dose_mg_per_kg for route in ROUTES.values()])
_AVAILABLE = np.array([route.bioavailability for route in ROUTES.values()])
_HIGHEST_DOSE = 1.8


@dataclass(frozen=True)
class Options:
    """The mechanisms that a simulation switches on.

    Parameters
    ----------
    booking : {"informative", "random", "fixed"}
        Maintenance sessions are booked sooner after worse scores, at a hazard that
        does not look at the score, or at planned gaps.
    dropout : {"mar", "mcar", "mnar", "none"}
        Stopping depends on the last score, on nothing, on the unseen severity; or nobody stops.
    score_triggered : bool
        Extra assessments happen more often after worse scores.
    """

    booking: str = "informative"
    dropout: str = "mar"
    score_triggered: bool = True


def clinic_values(latent: Latent, field: str) -> np.ndarray:
    """One field of each patient's clinic; (n,) array."""
    clinics: tuple[Clinic, ...] = latent.parameters.clinics
    return np.array([getattr(clinic, field) for clinic in clinics])[latent.clinic % len(clinics)]


class Ledger:
    """Working arrays of one run, filled as the weeks pass and then discarded.

    Parameters
    ----------
    latent : Latent
    calendar : Calendar
    options : Options
    random : mapping of str to numpy.random.Generator
    """

    def __init__(
        self, latent: Latent, calendar: Calendar, options: Options, random: Mapping[str, np.random.Generator]
    ):
        n = latent.n
        self.latent, self.calendar, self.options, self.random = latent, calendar, options, random
        self.model = INSTRUMENT_MODELS[latent.parameters.lead]
        self.n_sessions = np.zeros(n, int)
        self.first_hour = np.full((n, N_FIRST), np.inf)
        self.first_amplitude = np.zeros((n, N_FIRST))
        self.last_hour, self.last_amplitude, self.last_slow = np.zeros(n), np.zeros(n), np.zeros(n)
        self.last_score = np.full(n, latent.parameters.severity_mean)
        self.first_score = np.full(n, np.nan)
        self.route = _draw_routes(latent, random["route"])
        self.nominal = _START_DOSE[self.route]
        if latent.parameters.titrates:
            self.nominal = self.nominal * np.clip(random["route"].normal(1.0, 0.06, n), 0.8, 1.2)
        self.patience = random["dropout"].exponential(size=n)
        self.stop_hour = calendar.cut_hour.copy()
        self.stop = np.zeros(n, int)
        self.sessions: list[dict[str, np.ndarray]] = []
        self.scores: list[dict[str, np.ndarray]] = []
        self.discipline = np.clip(
            clinic_values(latent, "discipline") + random["visits"].normal(0.0, 0.1, n), 0.15, 0.99
        )

    def exposure(self, rows: np.ndarray) -> Exposure:
        return Exposure(
            self.first_hour,
            self.first_amplitude,
            self.last_hour[rows],
            self.last_amplitude[rows],
            self.last_slow[rows],
        )

    def current(self, rows: np.ndarray, hours: np.ndarray) -> np.ndarray:
        """Severity now, M(t) + w(t), in MADRS points."""
        left = relief(self.latent, rows, hours, self.exposure(rows))
        return self.latent.severity[rows] * left + state(self.latent, rows, hours)

    def assess(self, rows: np.ndarray, hours: np.ndarray, kind: str, recorded: np.ndarray) -> None:
        """Take the lead instrument of `rows` where `recorded` holds."""
        error = self.random["lead"].normal(0.0, self.model.noise, len(rows))
        # After the patient's stop or the export there is nothing to record.
        recorded = recorded & (hours <= self.stop_hour[rows])
        rows, hours = rows[recorded], hours[recorded]
        self.record(rows, hours, kind, self.model.per_madrs * self.current(rows, hours) + error[recorded])

    def admit(self, recorded: np.ndarray, hours: np.ndarray) -> None:
        """Record the lead instrument at screening; it shares the error of the score that admitted."""
        model = self.model
        own = np.sqrt(max(model.noise**2 - (model.per_madrs * INSTRUMENT_MODELS["MADRS"].noise) ** 2, 0.0))
        error = self.random["lead"].normal(0.0, own, self.latent.n)
        rows = np.flatnonzero(recorded)
        self.record(rows, hours[rows], "intake", (model.per_madrs * self.latent.screen_score + error)[rows])

    def record(self, rows: np.ndarray, hours: np.ndarray, kind: str, value: np.ndarray) -> None:
        """Keep scores, and remember them in MADRS points for booking and stopping."""
        score = np.clip(np.round(value), self.model.minimum, self.model.maximum)
        self.last_score[rows] = score / self.model.per_madrs
        if kind in ("intake", "baseline"):
            self.first_score[rows] = self.last_score[rows]
        code = np.full(len(rows), KINDS.index(kind))
        self.scores.append({"patient": rows, "hour": hours, "kind": code, "score": score})

    def treat(self, rows: np.ndarray, hours: np.ndarray, *, maintenance: bool) -> None:
        """Give one session to each of `rows` at `hours`."""
        latent, parameters = self.latent, self.latent.parameters
        order = self.n_sessions[rows]
        if parameters.titrates:
            self._titrate(rows, order)
        nominal = np.round(self.nominal[rows], 2)
        dose = nominal * _AVAILABLE[self.route[rows]]
        severity = draw_effects(latent, rows, order + 1, dose, self.random["effects"])
        worst = severity.max(axis=1)
        early = self.random["effects"].random(len(rows)) < parameters.early_stop * np.where(
            worst == 3, 12.0, 0.7
        )

        size = amplitude(latent, rows, order, dose)
        gap = hours - self.last_hour[rows]
        carried = self.last_slow[rows] * np.exp(-gap / latent.fall_hours[rows, N_FIRST])
        slow = np.where(order >= N_FIRST, size + carried, 0.0)
        early_order = order < N_FIRST
        self.first_hour[rows[early_order], order[early_order]] = hours[early_order]
        self.first_amplitude[rows[early_order], order[early_order]] = size[early_order]
        self.last_hour[rows], self.last_amplitude[rows], self.last_slow[rows] = hours, size, slow
        self.n_sessions[rows] += 1
        self.sessions.append(
            {
                "patient": rows,
                "number": order + 1,
                "hour": hours,
                "dose": dose,
                "nominal_dose": nominal,
                "route": self.route[rows],
                "maintenance": np.full(len(rows), maintenance),
                "severity": severity,
                "stopped_early": early,
                "amplitude": size,
                "slow": slow,
            }
        )
        if self.options.dropout != "none":
            leaves = (worst == 3) & (self.random["dropout"].random(len(rows)) < parameters.severe_stop)
            self.end(rows[leaves], hours[leaves] + 30.0, "side effects")
        reduced = rows[worst == 3]
        self.nominal[reduced] *= 0.88 if parameters.titrates else 1.0

    def _titrate(self, rows: np.ndarray, order: np.ndarray) -> None:
        """Raise the dose by a tenth while the last score is above 70 % of the first."""
        slow = self.last_score[rows] > 0.7 * np.nan_to_num(self.first_score[rows], nan=np.inf)
        raised = rows[slow & (order >= 2) & (order <= 9)]
        highest = _HIGHEST_DOSE * _START_DOSE[self.route[raised]]
        self.nominal[raised] = np.minimum(self.nominal[raised] * 1.1, highest)

    def end(self, rows: np.ndarray, hours: np.ndarray, reason: str) -> None:
        """End what is known of `rows` at `hours`, unless it ended before."""
        earlier = hours < self.stop_hour[rows]
        self.stop_hour[rows[earlier]] = hours[earlier]
        self.stop[rows[earlier]] = STOPS.index(reason)

    def pass_time(self, rows: np.ndarray, begin: np.ndarray, end: np.ndarray) -> None:
        """Let `rows` lose patience from `begin` to `end`; those who run out of it stop."""
        parameters = self.latent.parameters
        mechanism = self.options.dropout
        if mechanism == "none":
            return
        here = begin < self.stop_hour[rows]
        rows, begin, end = rows[here], begin[here], end[here]
        if mechanism == "mar":
            driver = self.last_score[rows]
        elif mechanism == "mnar":
            driver = self.current(rows, begin + 1.0)
        else:
            driver = np.full(len(rows), parameters.dropout_centre)
        rate = (
            parameters.dropout_per_day
            / 24.0
            * np.exp(parameters.dropout_slope * (driver - parameters.dropout_centre))
        )
        left = self.patience[rows]
        used = rate * np.maximum(end - begin, 0.0)
        gone = used >= left
        self.end(rows[gone], begin[gone] + left[gone] / rate[gone], "lost")
        self.patience[rows] = left - used


def _draw_routes(latent: Latent, rng: np.random.Generator) -> np.ndarray:
    """Route code of each patient, by the shares of the clinic; (n,) int."""
    clinics = latent.parameters.clinics
    shares = np.array([[clinic.route_shares.get(name, 0.0) for name in _ROUTE_NAMES] for clinic in clinics])
    cumulative = shares.cumsum(axis=1)[latent.clinic % len(clinics)]
    return np.minimum((rng.random(latent.n)[:, None] > cumulative).sum(axis=1), len(_ROUTE_NAMES) - 1)
