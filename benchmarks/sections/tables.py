"""Paragraphs, and tables of rates: medians, spreads, ratios."""

from statistics import median
from textwrap import fill


def paragraph(*sentences):
    return fill(" ".join(sentences), 120, break_long_words=False, break_on_hyphens=False)


def number(value):
    """Three digits or, above a hundred, whole."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def spread(values):
    return f"{number(min(values))}–{number(max(values))}"


def table(rates, ours, unit, convert):
    """A table of one figure, the fastest first; `rates` by worker, `convert` from calls a second to the unit. Ratios are those
    of the rates, round by round."""
    lines = [f"| | {unit}, median | min–max | {ours} is faster, times | min–max |", "|---|---|---|---|---|"]
    for name in sorted(rates, key=lambda name: -median(rates[name])):
        values = [convert(rate) for rate in rates[name]]
        line = f"| {name} | {number(median(values))} | {spread(values)} |"
        if name == ours:
            line = f"| **{name}** | **{number(median(values))}** | {spread(values)} | | |"
        else:
            ratios = [a / b for a, b in zip(rates[ours], rates[name])]
            line += f" {number(median(ratios))} | {spread(ratios)} |"
        lines.append(line)
    return "\n".join(lines)


def ahead(figures, ours):
    """A sentence: where a peer is faster. `figures` are the titles with their rates by worker."""
    found = []
    for title, rates in figures.items():
        faster = [n for n in rates if not n.startswith("flow-") and median(rates[n]) > median(rates[ours])]
        if faster:
            found.append(f"{title}: {', '.join(faster)}")
    return paragraph(f"Peers that are ahead: {'; '.join(found)}." if found else "No peer that was measured is ahead.")
