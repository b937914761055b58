"""What reading a formula costs: imports and memory."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pandas as pd

from ketaoutcomes.formula.frame import model_frame


def test_reading_a_formula_waits_to_import_formulaic():
    code = "import sys, ketaoutcomes.formula.frame; sys.exit('formulaic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_second_matrix_is_made_beside_the_model_matrix():
    rows = 60_000
    rng = np.random.default_rng(7)
    data = pd.DataFrame(
        {
            "g": np.repeat(np.arange(rows // 12), 12),
            "y": rng.normal(size=rows),
            "t": rng.normal(size=rows),
            "r": rng.choice(["IV", "IM", "SC", "PO"], rows),
            "s": rng.choice(["F", "M"], rows),
        }
    )
    formula = "y ~ t * r * s + (1 | g)"
    model_frame(formula, data.iloc[:600])
    tracemalloc.start()
    frame = model_frame(formula, data)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Beside what is handed over: codes of two factors, one byte a row each, and one spare column at most.
    assert peak - held < 0.1 * frame.x.nbytes
