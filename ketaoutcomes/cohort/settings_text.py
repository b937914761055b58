"""Settings as the text of a `cohort.toml`."""

from __future__ import annotations

import json
from collections.abc import Mapping

__all__ = ["settings_text"]


def settings_text(values: Mapping[str, object], *, head: str = "") -> str:
    """Return keys and values as TOML that `read_settings` reads; what is None is left out.

    Parameters
    ----------
    values : mapping of str to bool, str, sequence of str, or mapping of str to sequence of str
        A mapping becomes a table, which stands after all other keys.
    head : str
        A comment for the first line.
    """
    lines = [f"# {head}"] if head else []
    given = {key: value for key, value in values.items() if value is not None}
    lines += [f"{key} = {_value(one)}" for key, one in given.items() if not isinstance(one, Mapping)]
    for key, table in given.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{key}]", *(f"{_value(name)} = {_value(one)}" for name, one in table.items())]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    # A string of JSON is a basic string of TOML, save for the sign DEL.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
