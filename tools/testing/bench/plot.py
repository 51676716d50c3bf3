# SPDX-License-Identifier: GPL-2.0-only
"""Plots of the report, as SVG: bars for cases, curves over the number of slots."""

import math
import os

COLOURS = {"reference": "#9aa0a6", "ours": "#1a73e8"}
NAMES = {"reference": "distribution", "ours": "ours"}
FONT = 'font-family="sans-serif" font-size="12"'

BARS = ["tx-64", "tx-64-indirect", "tx-64-x4", "tx-1500", "rx-64", "rx-64-log", "rx-1500",
        "kick-to-call", "iotlb-update"]
CURVES = {
    "slots": ("Worker instructions for a packet in 16 pieces, over memory slots",
              "tx-1024-x16-random"),
    "memtable": ("Instructions of a call that adds or removes a region, over regions",
                 "toggle-middle"),
    "iotlb": ("Instructions of an IOTLB UPDATE, over entries", "iotlb-update"),
}


def text(x, y, words, anchor="start"):
    """A text element."""
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" {FONT}>{words}</text>'


def document(width, height, parts):
    """A whole file."""
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
                      f'height="{height}" viewBox="0 0 {width} {height}">',
                      '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>", ""])


def ratios(kernel, entry):
    """A bar for each case: ours as a part of the distribution's."""
    parts = [text(10, 20, f"Ours as a part of the distribution's, {kernel} ({entry['release']})")]
    y, scale = 40, 300
    for case in BARS:
        both = [entry[m].get(case) for m in ("reference", "ours")]
        if not all(both):
            continue
        n = min(set(both[0]) & set(both[1]), key=int, default=None)
        if n is None:
            continue
        ratio = both[1][n] / both[0][n]
        parts += [text(130, y + 13, case, "end"),
                  f'<rect x="140" y="{y}" width="{scale}" height="18" '
                  f'fill="{COLOURS["reference"]}" fill-opacity="0.4"/>',
                  f'<rect x="140" y="{y}" width="{scale * min(ratio, 1.6):.0f}" height="18" '
                  f'fill="{COLOURS["ours"]}" fill-opacity="0.8"/>',
                  text(150 + scale * max(min(ratio, 1.6), 1), y + 13,
                       f"{ratio:.2f} ({both[1][n]} : {both[0][n]})")]
        y += 24
    return document(720, y + 10, parts)


def curves(title, kernel, entry, case):
    """Both module sets over N, both axes logarithmic."""
    sets = {m: sorted((int(n), v) for n, v in entry[m].get(case, {}).items()) for m in COLOURS}
    points = [p for curve in sets.values() for p in curve if p[1]]
    if len({n for n, _ in points}) < 2:
        return None
    left, right, top, bottom = 80, 600, 40, 300
    lows, highs = ([f(math.log10(p[i]) for p in points) for i in (0, 1)] for f in (min, max))
    lows[1], highs[1] = math.floor(lows[1]), math.ceil(highs[1])

    def place(n, value):
        x = left + (math.log10(n) - lows[0]) / (highs[0] - lows[0]) * (right - left)
        y = bottom - (math.log10(value) - lows[1]) / (highs[1] - lows[1]) * (bottom - top)
        return x, y

    parts = [text(10, 20, f"{title}, {kernel}")]
    for power in range(lows[1], highs[1] + 1):
        y = place(10 ** lows[0], 10 ** power)[1]
        parts += [f'<path d="M{left} {y:.0f}H{right}" stroke="#dddddd"/>',
                  text(left - 8, y + 4, f"{10 ** power:,}", "end")]
    for n in sorted({n for n, _ in points}):
        parts.append(text(place(n, 10 ** lows[1])[0], bottom + 18, n, "middle"))
    for i, (modules, curve) in enumerate(sets.items()):
        colour = COLOURS[modules]
        line = "L".join(f"{x:.1f} {y:.1f}" for x, y in (place(*p) for p in curve))
        if line:
            parts.append(f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
                  for x, y in (place(*p) for p in curve)]
        parts += [f'<rect x="{left + 10 + 120 * i}" y="{bottom + 30}" width="12" height="12" '
                  f'fill="{colour}"/>',
                  text(left + 28 + 120 * i, bottom + 41, NAMES[modules])]
    return document(640, bottom + 60, parts)


def write_all(out, results):
    """All plots of all kernels."""
    for kernel, entry in results.items():
        plots = {"ratios": ratios(kernel, entry)}
        for name, (title, case) in CURVES.items():
            plots[name] = curves(title, kernel, entry, case)
        for name, svg in plots.items():
            if svg:
                with open(os.path.join(out, f"{name}-{kernel}.svg"), "w",
                          encoding="utf-8") as file:
                    file.write(svg)
