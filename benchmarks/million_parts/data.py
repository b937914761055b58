"""A cohort of any size as Parquet files: the project's simulator in pieces, so that making it stays small.

    python benchmarks/million_parts/data.py FOLDER --patients 1000000 [--form hours] [--piece 20000] ...

Every piece is one simulation with a seed of its own. Its patients are numbered on from the piece before;
nothing else of what the simulator gives is changed. Rows stand by patient, as the simulator writes them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

# The checkout that holds this script is what is measured, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from ketaoutcomes.cohort.simulate import simulate_cohort

FORMS = {"hours": "safe-harbor", "dates": "limited-data-set"}
FIRST_SEED = 1
ROWS_OF_A_GROUP = 1_000_000


def pieces(n_patients: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the number of patients before each piece, and in it."""
    for before in range(0, n_patients, size):
        yield before, min(size, n_patients - before)


def renumbered(ids: pd.Series, before: int, width: int) -> pa.Array:
    """Return ids such as P00001 with `before` added to their number, all of one width."""
    number = ids.str.slice(1).astype("int64").to_numpy() + before
    levels, codes = np.unique(number, return_inverse=True)
    names = pa.array([f"P{level:0{width}d}" for level in levels.tolist()], pa.string())
    return names.take(pa.array(codes))


def write(folder: Path, n_patients: int, *, form: str, instruments: tuple[str, ...], size: int) -> None:
    """Write one Parquet file per table, and cohort.toml."""
    width = len(str(n_patients))
    writers: dict[str, pq.ParquetWriter] = {}
    settings = {}
    try:
        for number, (before, n) in enumerate(pieces(n_patients, size)):
            made = simulate_cohort(
                n_patients=n,
                seed=FIRST_SEED + number,
                instruments=instruments,
                deidentification=FORMS[form],
                name="Benchmark",
            )
            settings = made.settings
            for name, frame in made.tables.items():
                table = pa.Table.from_pandas(frame, preserve_index=False)
                place = table.column_names.index("patient_id")
                ids = renumbered(frame["patient_id"], before, width)
                table = table.set_column(place, "patient_id", ids)
                if name not in writers:
                    writers[name] = pq.ParquetWriter(folder / f"{name}.parquet", table.schema)
                writers[name].write_table(table.cast(writers[name].schema), row_group_size=ROWS_OF_A_GROUP)
    finally:
        for writer in writers.values():
            writer.close()
    lines = [
        f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}"
        for key, value in settings.items()
    ]
    (folder / "cohort.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--patients", type=int, required=True)
    parser.add_argument("--form", choices=FORMS, default="hours")
    parser.add_argument("--instruments", nargs="+", required=True)
    parser.add_argument("--piece", type=int, default=20_000)
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    write(
        chosen.folder,
        chosen.patients,
        form=chosen.form,
        instruments=tuple(chosen.instruments),
        size=chosen.piece,
    )


if __name__ == "__main__":
    main()
