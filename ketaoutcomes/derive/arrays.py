"""Rows of patients as segments of arrays, so that no Python function runs per patient."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["first_of_segment", "patient_codes", "segment_starts", "session_rows"]


def patient_codes(frame: pd.DataFrame) -> np.ndarray:
    """Row number in `cohort.patients` of each row's patient; (n,) int64.

    Every table of a cohort holds `patient_id` as a categorical whose categories
    are the patients in order, so the code is the row number.
    """
    return frame["patient_id"].cat.codes.to_numpy().astype(np.int64)


def segment_starts(codes: np.ndarray, n_segments: int) -> np.ndarray:
    """Where each segment begins in sorted codes; (n_segments + 1,) int64.

    Segment k is ``starts[k]:starts[k + 1]`` and may be empty.
    """
    return np.searchsorted(codes, np.arange(n_segments + 1), side="left").astype(np.int64)


def session_rows(sessions: pd.DataFrame, table: pd.DataFrame, n_patients: int) -> np.ndarray:
    """Row of `sessions` that each row of `table` belongs to; (n,) int64.

    Sessions are sorted by patient and numbered 1, 2, ... without a gap within each,
    and every table's `session` is such a number.
    """
    first = segment_starts(patient_codes(sessions), n_patients)
    return first[patient_codes(table)] + table["session"].to_numpy(dtype=np.int64) - 1


def first_of_segment(codes: np.ndarray) -> np.ndarray:
    """Marks the first row of each run of equal codes; (n,) bool."""
    first = np.ones(codes.size, dtype=bool)
    first[1:] = codes[1:] != codes[:-1]
    return first
