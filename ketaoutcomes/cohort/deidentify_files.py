"""Where de-identified tables and their key may stand, and the folder's files, which are checked first."""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ketaoutcomes.cohort.build import Build
from ketaoutcomes.cohort.csv_write import csv_text
from ketaoutcomes.cohort.deidentify_originals import Originals, names_clinic, names_patient
from ketaoutcomes.cohort.deidentify_scan import is_spoken
from ketaoutcomes.cohort.files import folder_path
from ketaoutcomes.cohort.folder_write import replace_folder
from ketaoutcomes.cohort.import_record import RECORD, UNMAPPED, nothing, record_text
from ketaoutcomes.cohort.privacy import scan_name
from ketaoutcomes.cohort.privacy_cells import class_of_name
from ketaoutcomes.cohort.read import examine
from ketaoutcomes.cohort.schema import TABLES
from ketaoutcomes.cohort.settings import FILE_NAME, Settings
from ketaoutcomes.cohort.settings_text import settings_text
from ketaoutcomes.errors import DataError, PrivacyError, Problem

__all__ = ["AUDIT", "KIND", "folder_files", "hold_to_check", "out_settings", "paths", "place"]

AUDIT = "deidentification.json"
UNIQUENESS = "uniqueness.csv"
KIND = "ketaoutcomes de-identified cohort"
OWN = {AUDIT, UNIQUENESS, RECORD, FILE_NAME} | {
    f"{name}.{ending}" for name in TABLES for ending in ("csv", "parquet")
}
PRIVATE_FOLDER = 0o700
# A longer word for a side effect is free text.
MOST_SIGNS = 100
# What tells that a folder holds a cohort, or an output, and is passed on as such.
PASSED_ON = {AUDIT} | {f"sessions.{ending}" for ending in ("csv", "parquet")}


def paths(out: str | Path, key: str | Path | None, source: Path | None) -> tuple[Path, Path]:
    """Return where the folder and its key go, or refuse the place; all reasons at once.

    Raises
    ------
    DataError
    """
    out = Path(os.path.abspath(folder_path(out)))
    target = Path(os.path.realpath(out.parent)) / out.name
    key = (
        target.with_name(f"{target.name}-key.csv") if key is None else Path(os.path.abspath(folder_path(key)))
    )
    key = Path(os.path.realpath(key.parent)) / key.name
    problems = []
    if target.is_symlink():
        problems.append("out is a link; name a folder that does not exist yet")
    elif target.exists() and not _is_own(target):
        problems.append("out exists and is not an earlier output of deidentify alone; name a new folder")
    if not target.parent.is_dir():
        problems.append("the folder in which out is to stand does not exist; make it first")
    folders = {"out": target}
    if source is not None:
        folders["the source"] = source = Path(os.path.realpath(source))
        if target == source or source in target.parents or target in source.parents:
            problems.append("out and the source lie in one another; name a folder beside the source")
    for what, folder in folders.items():
        if key == folder or folder in key.parents:
            problems.append(f"the key would stand inside {what}, and goes where neither is passed on from")
    if any(map(_is_passed_on, key.parents)) or any((key.parent / name).exists() for name in PASSED_ON):
        problems.append(
            "the key would stand inside a folder that holds a cohort or an output of deidentify, and goes "
            "where neither is passed on from; give key= another folder"
        )
    if key.is_symlink():
        problems.append("the key is a link; name the file itself")
    elif not key.parent.is_dir() or key.is_dir():
        problems.append("the key is a folder, or the folder in which it is to stand does not exist")
    if problems:
        raise DataError([Problem(message) for message in dict.fromkeys(problems)])
    return target, key


def _is_passed_on(folder: Path) -> bool:
    """Whether a folder holds an output, or the two tables without which there is no cohort."""
    endings = ("csv", "parquet")
    both = (any((folder / f"{name}.{one}").exists() for one in endings) for name in ("patients", "sessions"))
    return (folder / AUDIT).exists() or all(both)


def out_settings(
    settings: Settings,
    tables: Mapping[str, pd.DataFrame],
    *,
    level: str,
    shifted: bool,
    kept_text: tuple[str, ...],
    originals: Originals,
) -> tuple[dict[str, object], int]:
    """Return what `cohort.toml` is to say, and how many words for side effects had to go.

    Nothing in it identifies: of a clinic's own words for side effects those go that are
    free text or identifiers, or hold an id or a clinic's name. Its name goes always,
    unless nobody in it is real.
    """
    columns = {column for frame in tables.values() for column in frame.columns}

    def left(names: tuple[str, ...] | None) -> list[str] | None:
        return [name for name in names or () if name in columns] or None

    months = any("month" in frame.columns for frame in tables.values())
    words, n_dropped = _kept_words(settings, originals)
    invented = settings.synthetic and settings.name and _is_harmless(settings.name)
    return {
        "name": settings.name if invented else None,
        "deidentification": level,
        "timezone": "UTC" if shifted else None,
        "same_time": settings.same_time,
        "synthetic": settings.synthetic,
        "data_cut": settings.data_cut if months else None,
        "dates_shifted": True if shifted else None,
        "reviewed_text": list(kept_text) or None,
        "known_at_start": left(settings.known_at_start),
        "known_after_start": left(settings.known_after_start),
        "side_effect_names": words or None,
    }, n_dropped


def _kept_words(settings: Settings, originals: Originals) -> tuple[dict[str, list[str]], int]:
    """Return the words for side effects in which nothing identifies, and the number of the others."""
    kept, n_dropped = {}, 0
    for name, words in (settings.effect_words or {}).items():
        left = [one for one in words if _is_a_term(one, originals)]
        if not _is_a_term(name, originals):
            n_dropped += 1 + len(words)
            continue
        n_dropped += len(words) - len(left)
        if left:
            kept[name] = left
    return kept, n_dropped


def _is_a_term(word: str, originals: Originals) -> bool:
    named = names_patient(word, originals) or names_clinic(word, originals.named_clinics)
    return not named and not is_spoken(word) and len(word) <= MOST_SIGNS and _is_harmless(word)


def folder_files(
    tables: Mapping[str, pd.DataFrame],
    settings: Mapping[str, object],
    audit: Mapping[str, object],
    uniqueness: pd.DataFrame,
    counts: pd.DataFrame,
    *,
    parquet: bool,
) -> dict[str, bytes]:
    """Return the content of every file by its name; what was set aside stays told in the import's record."""
    files = {}
    for name, frame in tables.items():
        if parquet:
            buffer = io.BytesIO()
            frame.to_parquet(buffer, index=False)
            files[f"{name}.parquet"] = buffer.getvalue()
        else:
            files[f"{name}.csv"] = csv_text(frame, digits=None).encode("utf-8")
    files[FILE_NAME] = settings_text(settings, head="Written by deidentify.").encode("utf-8")
    files[UNIQUENESS] = csv_text(uniqueness).encode("utf-8")
    sources = counts.rename(columns={"table": "source"}).assign(n_unmapped=0)
    files[RECORD] = record_text(sources, nothing(UNMAPPED)).encode("utf-8")
    files[AUDIT] = (json.dumps({"kind": KIND, **audit}, indent=2, ensure_ascii=False) + "\n").encode("utf-8")
    return files


def hold_to_check(target: Path, files: Mapping[str, bytes], tables: Mapping[str, pd.DataFrame]) -> None:
    """Write the files beside their place, read them as anybody would, and remove them.

    Raises
    ------
    PrivacyError, DataError
        If anything at all is refused, set aside or set to missing.
    """
    made = _examined(target, files)
    found = list(made.problems)
    found += [
        Problem(row.reason, row.table, None, row.rule, row.n_rows, row.first_row)
        for row in made.quarantine.itertuples()
    ]
    found += [
        Problem(row.reason, row.table, row.column, row.rule, row.n_cells, row.first_row)
        for row in made.blanked.itertuples()
    ]
    kept = dict(zip(made.counts["table"], made.counts["n_kept"], strict=True))
    found += [
        Problem("the table as written has not the rows that it should have", name)
        for name, frame in tables.items()
        if not found and kept.get(name) != len(frame)
    ]
    if found:
        private = any((problem.rule or "").startswith("identifier") for problem in found)
        head = Problem(
            "the tables as they would be written do not pass their own check, so nothing was written"
        )
        raise (PrivacyError if private else DataError)([head, *found])


def _examined(target: Path, files: Mapping[str, bytes]) -> Build:
    """Return what is found in the files, written to a folder of their own for as long as it takes."""
    try:
        staged = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            for name, content in files.items():
                (staged / name).write_bytes(content)
            return examine(staged)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    except OSError:
        raise DataError("the folder in which out is to stand cannot be written to") from None


def place(target: Path, files: Mapping[str, bytes]) -> None:
    """Put the folder in its place, whole or not at all.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    try:
        replace_folder(target, files, is_own=_is_own, what="de-identified cohort", mode=PRIVATE_FOLDER)
    except FileExistsError as error:
        raise DataError(f"out: {error.strerror}") from None
    except OSError:
        raise DataError("out cannot be written; nothing is left there that was not before") from None


def _is_own(folder: Path) -> bool:
    """Whether a folder holds an earlier output, and nothing else."""
    try:
        if not {entry.name for entry in folder.iterdir()} <= OWN:
            return False
        audit = json.loads((folder / AUDIT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(audit, dict) and audit.get("kind") == KIND


def _is_harmless(name: str) -> bool:
    return not scan_name("cohort", name) and class_of_name(name, "safe-harbor") is None
