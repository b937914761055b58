"""The ratios and the memory as a picture: sizes across, one column per model."""

from __future__ import annotations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator
from mixed_peers.clinics import MODELS
from mixed_peers.tables import OURS

from ketaoutcomes.draw.theme import PALETTE, PX_PER_INCH, context

RESOLVED_MB = 1.0  # less than this is reused memory and page rounding rather than need


def draw(frame, path):
    """Write the picture of `rows(cells)` to `path` (PNG)."""
    models = list(dict.fromkeys(frame["model"]))
    rows = {
        "ratio": f"Time to the coefficient table, over that of {frame['base'].iloc[0]}",
        "memory_matrices": f"Peak memory above the data, in model matrices (where above {RESOLVED_MB:g} MB)",
    }
    width, height = 70 + 330 * len(models), 720
    with context():
        figure = Figure(figsize=(width / PX_PER_INCH, height / PX_PER_INCH))
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(
            2, len(models), left=60 / width, right=1 - 6 / width, top=1 - 56 / height,
            bottom=44 / height, hspace=0.42, wspace=0.1, height_ratios=(3, 2),
        )  # fmt: skip
        panels = []
        for row, (column, heading) in enumerate(rows.items()):
            shared = None
            for place, model in enumerate(models):
                shared = figure.add_subplot(grid[row, place], sharey=shared)
                panels.append((shared, _panel(shared, frame[frame["model"] == model], column)))
                shared.tick_params(labelleft=place == 0)
                shared.set_title(MODELS[model], loc="left")
            top = shared.get_position().y1 + 28 / height
            figure.text(12 / width, top, heading, weight="bold", va="bottom")
        # The names last: a later panel may still move the limits that it shares with an earlier one.
        figure.canvas.draw()
        for ax, ends in panels:
            _name(ax, ends, frame["patients"].max())
        figure.savefig(path, dpi=160)


def _panel(ax, part, column):
    """One line per peer, named at its right end."""
    sizes = sorted(part["patients"].unique())
    ends = []
    for peer, line in part.groupby("peer", sort=False):
        seen = line[line["fits"] > 0].dropna(subset=[column])
        if column == "memory_matrices":
            seen = seen[seen["memory_mb"] >= RESOLVED_MB]
        above = line.dropna(subset=["ratio_above"]) if column == "ratio" else line.iloc[:0]
        if seen.empty and above.empty:
            continue
        style = _style(peer)
        ax.plot(seen["patients"], seen[column], **style)
        x, y = (seen["patients"].iloc[-1], seen[column].iloc[-1]) if len(seen) else (np.nan, np.nan)
        name = peer
        for _, bound in above.iterrows():
            # What took longer than the limit lies somewhere above this point, so no line leads there.
            x, y, name = bound["patients"], bound["ratio_above"], f"{peer}: above"
            ax.plot(x, y, marker="^", mfc=PALETTE["paper"], mec=style["color"], ms=5, zorder=3)
        ends.append((name, x, y, style["color"]))
    ax.set(xscale="log", yscale="log")
    ax.set_xlim(sizes[0] / 1.4, sizes[-1] * (sizes[-1] / sizes[0] * 4) ** 0.42)
    ax.xaxis.set_major_locator(FixedLocator(sizes))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0,) if column == "ratio" else (1.0, 3.0), numticks=12))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:,g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("patients", loc="left")
    ax.margins(y=0.06)
    if column == "ratio":
        ax.axhline(1, color=PALETTE["axis"], lw=0.6, zorder=0)
    return ends


def _style(peer):
    ours = peer.startswith(OURS)
    in_r = peer in ("lme4", "lmerTest", "pbkrtest KR")
    return {
        "color": PALETTE["main"] if ours else PALETTE["text"] if in_r else PALETTE["axis"],
        "linestyle": (0, (3.0, 1.5)) if peer.endswith("KR") else "solid",
        "linewidth": 1.6 if ours else 1.1,
        "marker": "s" if in_r else "o",
        "markersize": 3.5,
    }


def _name(ax, ends, last_size):
    """Names right of the lines' ends, moved apart where they would touch, each with its leader."""
    height = 13.0 * ax.figure.dpi / PX_PER_INCH
    to_pixels, to_data = ax.transData.transform, ax.transData.inverted().transform
    ends = sorted((to_pixels((x, y))[1], peer, x, y, color) for peer, x, y, color in ends)
    low, high = ax.get_window_extent().y0, ax.get_window_extent().y1
    places = _apart([end[0] for end in ends], height, low + height / 2, high)
    for place, (_, peer, x, y, color) in zip(places, ends, strict=True):
        at = to_data((0, place))[1]
        ax.annotate(
            peer, (x, y), xytext=(last_size * 1.25, at), textcoords="data", color=color, va="center",
            fontsize=8, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": PALETTE["spread"], "lw": 0.6, "shrinkA": 1, "shrinkB": 3},
        )  # fmt: skip


def _apart(wanted, gap, low, high):
    """Ascending places as near to `wanted` as a distance of `gap` between neighbours allows."""
    places = list(wanted)
    for _ in range(200):
        for k in range(1, len(places)):
            short = gap - (places[k] - places[k - 1])
            if short > 0.01:
                places[k - 1] -= short / 2
                places[k] += short / 2
        places = [min(max(place, low), high) for place in places]
    return places
