"""A notebook that has run as one page of HTML: no scripts, no styles or pictures from elsewhere."""

from __future__ import annotations

from markupsafe import escape
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter
from traitlets.config import Config

__all__ = ["GENERATOR", "page_of"]

GENERATOR = '<meta name="generator" content="ketaoutcomes notebook">'
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'"
NOT_GATED = (
    "For use inside the clinic. Small counts are not hidden here, and tables may describe single patients: "
    "do not publish or send it. The monthly report is what passes the disclosure gate."
)
TEXT_IS_GENERAL = (
    "The notebook ran on the folder “{folder}”. Its text explains the method; where it quotes a number, "
    "that is one of the simulated sample."
)
STYLE = """
body{max-width:60rem;margin:2rem auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif;color:#1c2530}
h1,h2,h3{line-height:1.25;margin:2rem 0 .5rem}
pre{font:13px/1.45 ui-monospace,monospace;overflow-x:auto;margin:0;white-space:pre-wrap}
.highlight{background:#f4f6f8;padding:.6rem .8rem;margin:.8rem 0}
.jp-OutputArea-output,.output_area{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;font-size:14px}
th,td{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #d9dfe5}
td:first-child,th:first-child{text-align:left}
img,svg{max-width:100%;height:auto}
.inside{border:2px solid #1c2530;padding:.6rem .9rem}
.prompt,.anchor-link{display:none}
"""


def page_of(notebook: NotebookNode, *, name: str, title: str, folder: str) -> str:
    """The page of a notebook that has run.

    Parameters
    ----------
    notebook : NotebookNode
    name, title : str
        Of the notebook.
    folder : str
        Name of the data's folder, without the folders it is in.
    """
    exporter = HTMLExporter(config=Config(), template_name="basic")
    body, _ = exporter.from_notebook_node(notebook)
    style = STYLE + HtmlFormatter(style="bw").get_style_defs(".highlight")
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">{GENERATOR}\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style></head>\n<body>\n"
        f'<p class="inside"><strong>{escape(NOT_GATED)}</strong> '
        f"{escape(TEXT_IS_GENERAL.format(folder=folder))}</p>\n"
        f"{body}\n</body></html>\n"
    )
