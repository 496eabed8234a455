"""The lines in which figures are printed."""

import statistics

WHAT, FIGURE = 62, 12


def line(what, *figures):
    print(f"{what:<{WHAT}}" + "".join(f"{figure:>{FIGURE}}" for figure in figures), flush=True)


def head(title):
    line(title, "median", "best", "worst", "budget")


def number(value, unit):
    if value is None:
        return "-"
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3}f} {unit}"


def row(what, unit, values, budget=None):
    line(what, *(number(v, unit) for v in (statistics.median(values), min(values), max(values), budget)))
