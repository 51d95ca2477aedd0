"""Charts drawn by the server as plain SVG: they print, they need no script, and a mark can be a link.

    line_path   a value over time, the path required from baseline to goal, the goal, today
    bars        amounts side by side             stacked    parts of wholes, side by side
    gantt       a plan over time                 donut      few parts of one whole
    progress    how much is done                 sparkline  the shape of some values, in a line of text

Marks carry classes, never styles: the Content-Security-Policy forbids those, and the theme and the printer
decide the colours. Labels are text and are always escaped. Each chart has words and a table beside the
drawing for those who read.
"""

from talka.ui.charts.amounts import Bar, bars, donut, progress, stacked
from talka.ui.charts.drawing import text_width, ticks, wrap
from talka.ui.charts.figure import Figure, data_table
from talka.ui.charts.histories import line_path, required, sparkline
from talka.ui.charts.plans import Span, gantt

__all__ = [
    "Bar",
    "Figure",
    "Span",
    "bars",
    "data_table",
    "donut",
    "gantt",
    "line_path",
    "progress",
    "required",
    "sparkline",
    "stacked",
    "text_width",
    "ticks",
    "wrap",
]
