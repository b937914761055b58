"""The structure: a module imports only from lower layers, or from its own folder without circles."""

from __future__ import annotations

import ast
import re
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "ketaoutcomes"

RANK = {
    "errors": 0,
    "catalog": 1,
    "engine": 2,
    "draw": 2,
    "cohort": 3,
    "readers": 4,
    "derive": 4,
    "formula": 4,
    "results": 5,
    "analysis": 6,
    "report": 7,
    "cli": 8,
    "__init__": 9,
    "__main__": 9,
}

# Outside packages that a folder may use, where design demands fewer than the project has.
ONLY = {
    "errors": set(),
    "catalog": {"numpy"},
    "engine": {"numpy", "scipy"},
    "draw": {"numpy", "pandas", "matplotlib", "seaborn"},
    "cohort": {"numpy", "pandas", "pyarrow"},
    "cohort.simulation": {"numpy", "pandas", "scipy"},
    "derive": {"numpy", "pandas"},
    "results": {"numpy", "pandas", "matplotlib"},
}

DOTTED = re.compile(r"ketaoutcomes(\.\w+)+")
STANDARD = set(sys.stdlib_module_names)


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("ketaoutcomes", *path.relative_to(PACKAGE).with_suffix("").parts)
        found[".".join(parts)] = path
    return found


def layer(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports(module: str, path: Path) -> set[str]:
    """Every module that is imported anywhere in the file, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".")[: -node.level]
                base = ".".join([*package, base] if base else package)
            found |= {f"{base}.{alias.name}" for alias in node.names} | {base}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and DOTTED.fullmatch(node.value):
            # A module named in a table or given to import_module is an import all the same.
            found.add(node.value)
    return found


def own(name: str, known: dict[str, Path]) -> str | None:
    """The project's module that an imported name stands for."""
    while name.startswith("ketaoutcomes"):
        if name in known:
            return name
        if f"{name}.__init__" in known:
            return f"{name}.__init__"
        name = name.rpartition(".")[0]
    return None


KNOWN = modules()
EDGES = {
    module: {target for name in imports(module, path) if (target := own(name, KNOWN)) and target != module}
    for module, path in KNOWN.items()
}


@pytest.mark.parametrize("module", sorted(KNOWN))
def test_module_imports_only_from_lower_layers_or_its_own_folder(module):
    assert layer(module) in RANK, f"{module} is in no layer of the design"
    wrong = [
        target
        for target in EDGES[module]
        if target != "ketaoutcomes.__init__"
        and layer(target) != layer(module)
        and RANK[layer(target)] >= RANK[layer(module)]
    ]
    assert not wrong, f"{module} looks up to {wrong}"


@pytest.mark.parametrize("module", sorted(KNOWN))
def test_only_the_top_reads_names_from_the_package_itself(module):
    if layer(module) in {"cli", "__main__", "report", "cohort"}:
        return  # these need the package's version
    assert "ketaoutcomes.__init__" not in EDGES[module]


def test_there_is_no_circle_of_imports():
    graph = {
        module: {target for target in targets if target != "ketaoutcomes.__init__"}
        for module, targets in EDGES.items()
    }
    list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("module", sorted(KNOWN))
def test_folder_does_without_the_outside_packages_it_must_do_without(module):
    folder = ".".join(module.split(".")[1:-1])
    allowed = ONLY.get(folder, ONLY.get(layer(module)))
    if allowed is None:
        return
    outside = {name.split(".")[0] for name in imports(module, KNOWN[module])} - STANDARD
    assert outside <= allowed | {"ketaoutcomes", ""}, f"{module} imports {sorted(outside - allowed)}"


def test_a_planted_upward_import_is_seen(tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text("def f():\n    from ketaoutcomes.report import monthly\n    return monthly\n")
    assert "ketaoutcomes.report" in imports("ketaoutcomes.engine.planted", planted)


@pytest.mark.parametrize("module", sorted(KNOWN))
def test_file_is_short_enough_to_hold_one_job(module):
    assert len(KNOWN[module].read_text(encoding="utf-8").splitlines()) <= 400
