"""From arrays to the tables that a clinic would hand over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketaoutcomes.cohort.simulation.calendar import Calendar, to_minute
from ketaoutcomes.cohort.simulation.discharge import draw_monitored, learnt_lasting
from ketaoutcomes.cohort.simulation.latent import Latent
from ketaoutcomes.cohort.simulation.ledger import STOPS, clinic_values
from ketaoutcomes.cohort.simulation.observed import INSTRUMENTS, N_PHQ_ITEMS, draw_items
from ketaoutcomes.cohort.simulation.parameters import EFFECTS, ROUTES
from ketaoutcomes.cohort.simulation.safety import draw_vitals
from ketaoutcomes.cohort.simulation.schedule import Course
from ketaoutcomes.cohort.simulation.screens import SCREENS

__all__ = [
    "STANDARD_OFFSET_HOURS",
    "TIMEZONE",
    "People",
    "Writer",
    "add_screens",
    "draw_people",
    "make_tables",
]

TIMEZONE = "America/New_York"
STANDARD_OFFSET_HOURS = 5
_YES_NO = ("no", "yes")
_SEVERITY = ("", "mild", "moderate", "severe")
_EFFECT_NAMES = tuple(effect.name for effect in EFFECTS)
_SETTINGS = ("quiet room", "music", "group room")
_STATUS = {
    "ongoing": "ongoing",
    "lost": "lost to follow-up",
    "side effects": "stopped",
    "completed": "completed",
}
_LOST_REASONS = ("no contact", "cost", "care elsewhere", "no benefit felt", "feels well")


@dataclass(frozen=True)
class People:
    """Who the patients are; arrays of length n."""

    age: np.ndarray
    female: np.ndarray
    diagnosis: np.ndarray
    prior_trials: np.ndarray
    hypertension: np.ndarray
    uncontrolled: np.ndarray
    substance_use: np.ndarray
    cardiac: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Writer:
    """How patients and times are written.

    Parameters
    ----------
    ids : pandas array of str
        One id per patient.
    calendar : Calendar
    dated : bool
        Wall-clock dates, or hours since the first session.
    """

    ids: pd.api.extensions.ExtensionArray
    calendar: Calendar
    dated: bool

    def times(self, rows: np.ndarray, hours: np.ndarray, date_name: str) -> dict[str, object]:
        """The time column: {"hour": ...} or {date_name: "YYYY-MM-DD HH:MM"}."""
        if not self.dated:
            return {"hour": np.round(hours, 4)}
        minutes = np.round((self.calendar.start[rows] + hours + STANDARD_OFFSET_HOURS) * 60.0).astype(
            "timedelta64[m]"
        )
        moment = pd.DatetimeIndex(self.calendar.first_day.astype("datetime64[s]") + minutes)
        wall = moment.tz_localize("UTC").tz_convert(TIMEZONE).tz_localize(None)
        text = np.datetime_as_string(wall.to_numpy().astype("datetime64[m]"))
        return {date_name: pd.array(np.strings.replace(text, "T", " "), dtype="str")}


def _words(words, codes) -> pd.api.extensions.ExtensionArray:
    """Words by their codes; the empty word is a missing cell."""
    return pd.array([word or None for word in words], dtype="str").take(codes)


def _whole(values, present=None) -> pd.api.extensions.ExtensionArray:
    """Whole numbers, missing where `present` is false."""
    mask = np.zeros(len(values), bool) if present is None else ~present
    return pd.arrays.IntegerArray(np.where(mask, 0, values).astype(np.int64), mask)


def draw_people(latent: Latent, random: Mapping[str, np.random.Generator]) -> People:
    """Age, sex, diagnosis and history of the patients."""
    rng, n = random["demographics"], latent.n
    shares = latent.parameters.indications
    age = np.clip(np.round(rng.normal(43.0, 14.0, n)), 18, 90)
    hypertension = rng.random(n) < 0.10 + 0.006 * (age - 18.0)
    female = rng.random(n) < 0.58
    return People(
        age=age,
        female=female,
        diagnosis=rng.choice(
            np.array(list(shares)), n, p=np.array(list(shares.values())) / sum(shares.values())
        ),
        prior_trials=1 + rng.poisson(2.6, n),
        hypertension=hypertension,
        uncontrolled=hypertension & (rng.random(n) < 0.12),
        substance_use=rng.random(n) < 0.14,
        cardiac=rng.random(n) < 0.05,
        weight=np.clip(rng.normal(np.where(female, 74.0, 88.0), 15.0, n), 45.0, 160.0),
    )


def make_tables(
    latent: Latent,
    people: People,
    course: Course,
    scores: Mapping[str, np.ndarray],
    writer: Writer,
    random: Mapping[str, np.random.Generator],
) -> dict[str, pd.DataFrame]:
    """All tables of the clinic as frames of text and numbers.

    Returns
    -------
    dict of str to DataFrame
        patients, sessions, scores, side_effects, vitals, disposition.
    """
    asked = random["reporting"].random(len(course.session["hour"]))
    asked = asked < clinic_values(latent, "records_side_effects")[course.session["patient"]]
    discharge = random["discharge"]
    monitored, noted = draw_monitored(len(asked), discharge)
    sessions = _sessions(latent, people, course, asked, writer, random["effect_details"])
    place = sessions.columns.get_loc("duration_minutes") + 1
    sessions.insert(place, "monitored_minutes", _whole(monitored, noted))
    return {
        "patients": _patients(latent, people, writer),
        "sessions": sessions,
        "scores": _scores(scores, writer, random["items"]),
        "side_effects": _side_effects(
            latent, course, asked, monitored, writer, random["reporting"], discharge
        ),
        "vitals": _vitals(latent, people, course, writer, random["vitals"]),
        "disposition": _disposition(course, writer, random["disposition"]),
    }


def add_screens(scores: pd.DataFrame, screens: Mapping[str, np.ndarray], writer: Writer) -> pd.DataFrame:
    """The scores with the screens below them, as text where the scores are text."""
    extra = pd.DataFrame(
        {
            "patient_id": writer.ids.take(screens["patient"]),
            "instrument": _words(SCREENS, screens["instrument"]),
            **writer.times(screens["patient"], to_minute(screens["hour"]), "taken"),
            "score": _whole(screens["score"]),
            "timing": _words(("pre",), np.zeros(len(screens["hour"]), int)),
            "mode": _words(("self", "clinician"), screens["instrument"]),
        }
    )
    extra = extra.reindex(columns=scores.columns)
    return pd.concat([scores, extra.astype(scores.dtypes)], ignore_index=True)


def _patients(latent: Latent, people: People, writer: Writer) -> pd.DataFrame:
    letters = [f"clinic-{number}" for number in range(1, latent.clinic.max() + 2)]
    return pd.DataFrame(
        {
            "patient_id": writer.ids,
            "sex": _words(("male", "female"), people.female.astype(int)),
            "age": _whole(people.age),
            "diagnosis": pd.array(people.diagnosis, dtype="str"),
            "clinic_id": _words(letters, latent.clinic),
            "prior_trials": _whole(people.prior_trials),
            "hypertension": _words(_YES_NO, people.hypertension.astype(int)),
            "uncontrolled_hypertension": _words(_YES_NO, people.uncontrolled.astype(int)),
            "substance_use_history": _words(_YES_NO, people.substance_use.astype(int)),
            "cardiac_condition": _words(_YES_NO, people.cardiac.astype(int)),
        }
    )


def _sessions(latent, people, course, asked, writer, rng) -> pd.DataFrame:
    session = course.session
    patient, size = session["patient"], len(session["hour"])
    in_mg = clinic_values(latent, "doses_in_mg")[patient]
    weight = np.round(people.weight[patient] + rng.normal(0.0, 0.8, size), 1)
    usual = np.array([route.duration_minutes for route in ROUTES.values()])[session["route"]]
    longer = np.where(usual >= 40.0, rng.choice([0.0, 5.0, 10.0, 20.0], size, p=[0.72, 0.1, 0.1, 0.08]), 0.0)
    duration = np.where(
        session["stopped_early"], np.ceil(usual * rng.uniform(0.3, 0.8, size)), usual + longer
    )
    severity = session["severity"]
    sick = severity[:, [_EFFECT_NAMES.index("nausea"), _EFFECT_NAMES.index("vomiting")]].max(axis=1) >= 2
    pressed = severity[:, _EFFECT_NAMES.index("blood pressure increased")] >= 2
    chance = rng.random(size)
    rescue = np.select([sick & (chance < 0.6), pressed & (chance < 0.4)], [1, 2], 0)
    talks = (rng.random(latent.n) < 0.3)[patient]
    return pd.DataFrame(
        {
            "patient_id": writer.ids.take(patient),
            **writer.times(patient, session["hour"], "start"),
            "session": session["number"],
            "route": _words(tuple(ROUTES), session["route"]),
            "dose_mg_per_kg": np.where(in_mg, np.nan, session["nominal_dose"]),
            "dose_mg": np.where(in_mg, np.round(session["nominal_dose"] * weight), np.nan),
            "weight_kg": np.where(in_mg, weight, np.nan),
            "duration_minutes": _whole(duration),
            "phase": _words(("induction", "maintenance"), session["maintenance"].astype(int)),
            "stopped_early": _words(_YES_NO, session["stopped_early"].astype(int)),
            "rescue_medication": _words(("no", "antiemetic", "antihypertensive"), rescue),
            "psychotherapy": _words(_YES_NO, (talks & (rng.random(size) < 0.6)).astype(int)),
            "setting": _words(_SETTINGS, rng.choice(3, size, p=[0.45, 0.45, 0.1])),
            "escort": _words(_YES_NO, (rng.random(size) < 0.95).astype(int)),
            "side_effects_recorded": _words(_YES_NO, asked.astype(int)),
        }
    )


def _scores(scores: Mapping[str, np.ndarray], writer: Writer, rng: np.random.Generator) -> pd.DataFrame:
    phq = scores["instrument"] == INSTRUMENTS.index("PHQ-9")
    items = np.zeros((len(phq), N_PHQ_ITEMS), int)
    items[phq] = draw_items(scores["score"][phq], rng)
    # Timing and mode are a few words; coded lookup is far cheaper than a million Python strings.
    timing, timing_codes = np.unique(scores["timing"], return_inverse=True)
    mode, mode_codes = np.unique(scores["mode"], return_inverse=True)
    return pd.DataFrame(
        {
            "patient_id": writer.ids.take(scores["patient"]),
            "instrument": _words(INSTRUMENTS, scores["instrument"]),
            **writer.times(scores["patient"], scores["hour"], "taken"),
            "score": _whole(scores["score"]),
            "timing": _words(timing.tolist(), timing_codes),
            "mode": _words(mode.tolist(), mode_codes),
            **{f"i{place + 1}": _whole(items[:, place], phq) for place in range(N_PHQ_ITEMS)},
        }
    )


def _side_effects(latent, course, asked, monitored, writer, rng, discharge) -> pd.DataFrame:
    """Side effects of the sessions in which the clinic asked or noted."""
    session, parameters = course.session, latent.parameters
    patient, severity = session["patient"], session["severity"]
    checklist = clinic_values(latent, "asks_by_checklist")[patient]
    chance = np.array((0.0, *parameters.spontaneous_reporting))[severity]
    reported = (
        (rng.random(severity.shape) < np.where(checklist[:, None], 0.98, chance))
        & (severity > 0)
        & asked[:, None]
    )
    none = asked & checklist & ~reported.any(axis=1)
    index, effect = np.nonzero(np.column_stack([reported, none]))
    real = effect < len(EFFECTS)
    grade = np.where(real, severity[index, np.minimum(effect, len(EFFECTS) - 1)], 0)
    onset_median = np.array([item.onset_minutes for item in EFFECTS] + [1.0])[effect]
    lasting_median = np.array([item.duration_minutes for item in EFFECTS] + [1.0])[effect]
    size = len(index)
    timed = real & (rng.random(size) < np.where(checklist[index], 0.95, 0.6))
    onset = np.maximum(np.round(onset_median * np.exp(rng.normal(0.0, 0.45, size))), 1)
    lasting = np.maximum(
        5.0 * np.round(lasting_median * (0.8 + 0.25 * grade) * np.exp(rng.normal(0.0, 0.5, size)) / 5.0), 5
    )
    serious = (grade == 3) & (rng.random(size) < parameters.serious_share)
    treated = rng.random(size) < np.select([grade == 2, grade == 3], [0.15, 0.5], 0.0)
    action = np.select(
        [serious | (session["stopped_early"][index] & (grade > 1)), treated, grade > 1], [3, 2, 1], 0
    )
    who = patient[index]
    lasting, resolved = learnt_lasting(onset, lasting, monitored[index], discharge)
    return pd.DataFrame(
        {
            "patient_id": writer.ids.take(who),
            "session": session["number"][index],
            "effect": _words((*_EFFECT_NAMES, "none"), effect),
            "severity": _words(_SEVERITY, grade),
            "onset_minutes": _whole(onset, timed),
            "duration_minutes": _whole(lasting, timed),
            "resolved": _words((*_YES_NO, ""), np.where(timed, resolved, 2)),
            "serious": _words((*_YES_NO, ""), np.where(real, serious, 2)),
            "action": _words(
                ("no action", "observed", "medication", "session stopped", ""), np.where(real, action, 4)
            ),
            "ascertainment": _words(("spontaneous", "checklist"), checklist[index].astype(int)),
        }
    )


def _vitals(latent, people, course, writer, rng) -> pd.DataFrame:
    vitals = draw_vitals(latent, course.session, people.age, people.hypertension, rng)
    size = len(vitals["session"])
    measured = (rng.random(len(course.session["hour"])) < 0.95)[vitals["session"]] & (rng.random(size) < 0.97)
    patient = course.session["patient"][vitals["session"]][measured]
    frame = {
        "patient_id": writer.ids.take(patient),
        "session": course.session["number"][vitals["session"]][measured],
        "minute": _whole(vitals["minute"][measured]),
    }
    for name, complete in (
        ("sbp", 1.0),
        ("dbp", 1.0),
        ("heart_rate", 0.99),
        ("spo2", 0.97),
        ("respiratory_rate", 0.8),
    ):
        frame[name] = _whole(vitals[name][measured], rng.random(len(patient)) < complete)
    return pd.DataFrame(frame)


def _disposition(course: Course, writer: Writer, rng: np.random.Generator) -> pd.DataFrame:
    rows = np.arange(len(course.stop))
    reasons = ("", "side effects", "end of follow-up", *_LOST_REASONS)
    lost = rng.choice(len(_LOST_REASONS), len(rows), p=[0.4, 0.2, 0.12, 0.16, 0.12]) + 3
    reason = np.select(
        [course.stop == STOPS.index(word) for word in ("lost", "side effects", "completed")], [lost, 1, 2], 0
    )
    time = writer.times(rows, to_minute(np.maximum(course.stop_hour, 0.0)), "when")
    if writer.dated:
        # A clinic notes the day, not the minute, on which it gives a patient up.
        time["when"] = pd.Series(time["when"]).str.slice(0, 10)
    return pd.DataFrame(
        {
            "patient_id": writer.ids,
            **time,
            "status": _words([_STATUS[word] for word in STOPS], course.stop),
            "reason": _words(reasons, reason),
        }
    )
