"""Scores: which instrument is taken when, by whom, and what it reads."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ketaoutcomes.cohort.simulation.calendar import Calendar, to_minute
from ketaoutcomes.cohort.simulation.latent import Exposure, Latent, relief, state
from ketaoutcomes.cohort.simulation.ledger import KINDS, clinic_values
from ketaoutcomes.cohort.simulation.parameters import INSTRUMENT_MODELS, InstrumentModel
from ketaoutcomes.cohort.simulation.safety import draw_cadss
from ketaoutcomes.cohort.simulation.schedule import Course, exposure_at

__all__ = ["INSTRUMENTS", "draw_items", "draw_scores", "reading", "true_reading"]

INSTRUMENTS = (*INSTRUMENT_MODELS, "CADSS")
N_PHQ_ITEMS = 9
_MOOD_HOURS = (1.0, 2.0, 4.0, 24.0)
_TIMING = {"baseline": "pre", "pre": "pre", "weekly": "remote", "triggered": "", "intake": ""}

# Share of the lead assessments of each kind at which a companion is also taken.
_COMPANIONS: Mapping[str, Mapping[str, float]] = {
    "GAD-7": {"intake": 0.85, "baseline": 0.93, "pre": 0.4, "weekly": 0.7, "triggered": 0.7},
    "PCL-5": {"intake": 0.9, "baseline": 0.9, "weekly": 0.5},
    "NRS-pain": {"intake": 0.9, "baseline": 0.95, "pre": 0.9, "weekly": 0.9, "triggered": 0.9},
    "PHQ-9": {"intake": 0.9, "baseline": 1.0, "pre": 0.9, "weekly": 0.9, "triggered": 0.9},
}
_INDICATION = {"PCL-5": "PTSD", "NRS-pain": "chronic pain"}


def true_reading(latent: Latent, model: InstrumentModel, rows: np.ndarray, left: np.ndarray) -> np.ndarray:
    """What an instrument would read without error or fluctuation; (r,) float.

    Parameters
    ----------
    left : (r,) float
        Relief, the share of the severity that is left.
    """
    if model.per_madrs:
        level = model.per_madrs * latent.severity[rows]
    else:
        level = model.mean + model.sd * latent.level_z[model.name][rows]
    return level * (1.0 - model.share * (1.0 - left))


def reading(
    latent: Latent,
    name: str,
    rows: np.ndarray,
    hours: np.ndarray,
    exposure: Exposure,
    rng: np.random.Generator,
) -> np.ndarray:
    """Scores of an instrument at `hours`, rounded and cut to its range; (r,) float."""
    model = INSTRUMENT_MODELS[name]
    value = true_reading(latent, model, rows, relief(latent, rows, hours, exposure))
    value += model.loading * state(latent, rows, hours) + rng.normal(0.0, model.noise, len(rows))
    return np.clip(np.round(value), model.minimum, model.maximum)


def draw_scores(
    latent: Latent,
    calendar: Calendar,
    course: Course,
    random: Mapping[str, np.random.Generator],
    *,
    diagnosis: np.ndarray,
    instruments: tuple[str, ...],
) -> dict[str, np.ndarray]:
    """All assessments, sorted by patient, instrument and hour.

    Parameters
    ----------
    diagnosis : (n,) str
    instruments : tuple of str
        Names among `INSTRUMENTS` to simulate; the lead instrument always is.

    Returns
    -------
    dict
        patient (int), instrument (index into `INSTRUMENTS`), hour, score,
        timing, mode (str).
    """
    rng = random["instruments"]
    lead = latent.parameters.lead
    kind = np.array(KINDS)[course.lead["kind"]]
    timing = np.array([_TIMING[name] for name in KINDS])[course.lead["kind"]]
    parts = [_part(lead, course.lead["patient"], course.lead["hour"], course.lead["score"], timing)]
    for name in instruments:
        if name in _COMPANIONS and name != lead:
            chance = np.array([_COMPANIONS[name].get(word, 0.0) for word in KINDS])[course.lead["kind"]]
            if name in _INDICATION:
                chance = chance * (diagnosis[course.lead["patient"]] == _INDICATION[name])
            chosen = rng.random(len(kind)) < chance
            rows, hours = course.lead["patient"][chosen], course.lead["hour"][chosen]
            scores = reading(latent, name, rows, hours, exposure_at(course, rows, hours), rng)
            parts.append(_part(name, rows, hours, scores, timing[chosen]))
    if "MADRS" in instruments and lead != "MADRS":
        parts.append(_madrs(latent, course, rng))
    if "Mood-NRS" in instruments:
        parts += _mood(latent, calendar, course, random["diary"])
    if "CADSS" in instruments:
        parts.append(_cadss(latent, course, random["effect_details"]))
    scores = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    kept = scores["hour"] <= course.stop_hour[scores["patient"]]
    order = np.lexsort((scores["hour"], scores["instrument"], scores["patient"]))
    order = order[kept[order]]
    return {name: values[order] for name, values in scores.items()}


def _part(name, rows, hours, scores, timing) -> dict[str, np.ndarray]:
    """One batch of assessments of one instrument; `timing` is one word or an array of words."""
    size = len(rows)
    return {
        "patient": rows,
        "instrument": np.full(size, INSTRUMENTS.index(name), np.int8),
        "hour": to_minute(hours),
        "score": scores,
        "timing": np.broadcast_to(timing, size).astype("U6"),
        "mode": np.full(size, "clinician" if name in ("MADRS", "CADSS") else "self", "U9"),
    }


def _madrs(latent: Latent, course: Course, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """MADRS in the clinics with a rater: day 0, 24 h, fourth session, weeks 1, 3, then every four weeks."""
    n = latent.n
    rated = np.flatnonzero(clinic_values(latent, "rates_madrs") & (rng.random(n) < 0.75))
    session, end = course.session, course.end_of_induction
    chosen = (
        np.isin(session["patient"], rated)
        & np.isin(session["number"], (1, 4))
        & (rng.random(len(session["hour"])) < 0.93)
    )
    before = session["patient"][chosen], session["hour"][chosen] - rng.integers(12, 40, chosen.sum()) / 60.0
    next_day = rated[rng.random(len(rated)) < 0.8]
    after = next_day, rng.uniform(20.0, 28.0, len(next_day))
    last_day = np.where(np.isfinite(course.stop_hour), course.stop_hour, 0.0).max()
    n_visits = 3 + int(max(last_day, 0.0) // 672.0)
    weeks = np.concatenate([[1.0, 3.0], 5.0 + 4.0 * np.arange(n_visits)])
    grid = end[rated][:, None] + 168.0 * weeks + rng.normal(0.0, 5.0, (len(rated), len(weeks)))
    seen = (rng.random(grid.shape) < 0.75) & (grid < course.stop_hour[rated][:, None])
    visits = np.repeat(rated, seen.sum(axis=1)), grid[seen]
    rows = np.concatenate([before[0], after[0], visits[0]])
    hours = to_minute(np.concatenate([before[1], after[1], visits[1]]))
    timing = np.repeat(["pre", "remote", ""], [len(before[0]), len(after[0]), len(visits[0])])
    return _part(
        "MADRS",
        rows,
        hours,
        reading(latent, "MADRS", rows, hours, exposure_at(course, rows, hours), rng),
        timing,
    )


def _mood(
    latent: Latent, calendar: Calendar, course: Course, rng: np.random.Generator
) -> list[dict[str, np.ndarray]]:
    """Momentary mood: before and 1, 2, 4, 24 h after induction sessions, and an evening diary."""
    parameters, n = latent.parameters, latent.n
    uses = rng.random(n) < parameters.mood_share
    session = course.session
    chosen = uses[session["patient"]] & ~session["maintenance"]
    who, start = session["patient"][chosen], session["hour"][chosen]
    batches = [(who, start - rng.integers(5, 30, len(who)) / 60.0, rng.random(len(who)) < 0.92, "pre")]
    for wait in _MOOD_HOURS:
        hours = start + wait + np.abs(rng.normal(0.0, 0.05 + 0.02 * wait, len(who)))
        batches.append(
            (
                who,
                hours,
                rng.random(len(who)) < (0.86 if wait < 3.0 else 0.78),
                "remote" if wait == 24.0 else "post",
            )
        )
    users = np.flatnonzero(uses)
    days = np.concatenate([np.arange(-7, 0), np.arange(1, int(parameters.diary_days) + 1)])
    midnight = 24.0 * np.floor(calendar.start[users] / 24.0) - calendar.start[users]
    # After the first session the diary starts on the day after the last induction session.
    offset = np.floor((course.end_of_induction[users] - midnight) / 24.0)
    day = days[None, :] + np.where(days > 0, 1.0, 0.0) * offset[:, None]
    hours = midnight[:, None] + 24.0 * day + rng.uniform(18.5, 21.5, (len(users), len(days)))
    adherence = np.where(days < 0, 0.6, 0.85 * np.exp(-np.maximum(days, 0) / 60.0))
    kept = rng.random(hours.shape) < adherence * rng.uniform(0.6, 1.1, (len(users), 1))
    batches.append((np.repeat(users, kept.sum(axis=1)), hours[kept], np.ones(kept.sum(), bool), "remote"))
    parts = []
    for rows, hours, recorded, timing in batches:
        rows, hours = rows[recorded], to_minute(hours[recorded])
        scores = reading(latent, "Mood-NRS", rows, hours, exposure_at(course, rows, hours), rng)
        parts.append(_part("Mood-NRS", rows, hours, scores, timing))
    return parts


def _cadss(latent: Latent, course: Course, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """CADSS at 40 minutes in the clinics that ask by checklist."""
    session = course.session
    total = draw_cadss(session["severity"], rng)
    chosen = clinic_values(latent, "asks_by_checklist")[session["patient"]] & (rng.random(len(total)) < 0.85)
    hours = session["hour"][chosen] + (40.0 + rng.integers(-4, 6, chosen.sum())) / 60.0
    return _part("CADSS", session["patient"][chosen], hours, total[chosen], "during")


def draw_items(total: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Nine PHQ-9 items of 0 to 3 that add up to `total`.

    The ninth item is drawn first and is lower than the others; the rest of the
    total is dealt over the other eight like cards, three to an item at most.

    Parameters
    ----------
    total : (r,) float
        Scores of 0 to 27.

    Returns
    -------
    (r, 9) int
    """
    left = total.astype(int)
    last = rng.binomial(3, np.minimum((left / 27.0) ** 2 * 0.9, 1.0))
    last = np.clip(last, np.maximum(left - 24, 0), np.minimum(left, 3))
    left = left - last
    items = np.empty((len(left), N_PHQ_ITEMS), int)
    items[:, -1] = last
    for place in range(N_PHQ_ITEMS - 1):
        others = 3 * (N_PHQ_ITEMS - 2 - place)
        items[:, place] = rng.hypergeometric(3, others, left) if others else left
        left = left - items[:, place]
    return items
