"""`ketaoutcomes deidentify`: a cohort's folder anew, without what identifies people."""

from __future__ import annotations

import argparse

from ketaoutcomes.cli.say import need_folder, print_json, progress, records

__all__ = ["run_deidentify"]


def run_deidentify(options: argparse.Namespace) -> int:
    """Write the folder, and say what was done and where the key is."""
    say = progress(options)
    need_folder(options.folder)
    say("loading the library")
    from ketaoutcomes.cohort.deidentify import deidentify

    say("writing")
    done = deidentify(
        options.folder,
        options.out,
        level=options.level,
        key=options.key,
        dates=options.dates,
        keep_text=tuple(options.keep_text),
    )
    say(None)
    if options.json:
        content = {
            "folder": str(done.folder),
            "key": str(done.key),
            "level": done.level,
            "counts": records(done.counts),
            "columns": records(done.columns),
            "uniqueness": records(done.uniqueness),
        }
        print_json(content)
    elif not options.quiet:
        print(done.summary())
        print(f"Next: ketaoutcomes report {options.out}")
    return 0
