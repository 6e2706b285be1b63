# SPDX-License-Identifier: BSD-3-Clause
# Draws the rows growth-* of the benchmark's lines, whose contestants are named
# SERIES:SIZE, one SVG a row, both axes logarithmic: a straight line at 45 degrees
# is a cost that grows as the work does.    plot.py LINES FOLDER
import math
import os
import statistics
import sys

WIDTH, HEIGHT, LEFT, BOTTOM, EDGE = 560, 360, 70, 50, 40
COLORS = ("#1f5fa8", "#c0561f", "#3a7d34")


def read(path):
    """The titles of the rows, and of each series the medians by size."""
    titles, samples, units = {}, {}, {}
    for line in open(path):
        kind, *fields = line.rstrip("\n").split("\t")
        if kind == "row":
            titles[fields[0]] = fields[1]
        if kind == "sample" and ":" in fields[1]:
            series, size = fields[1].split(":")
            row = samples.setdefault(fields[0], {})
            row.setdefault(series, {}).setdefault(int(size), []).append(float(fields[2]))
            units[fields[0]] = fields[3]
    for row, all_series in samples.items():
        medians = {name: {size: statistics.median(values) for size, values in sizes.items()}
                   for name, sizes in all_series.items()}
        yield row, titles[row], units[row], medians


def scale(values, low, high):
    """Where a value is drawn between two coordinates."""
    first, last = math.log(min(values)), math.log(max(values))
    return lambda value: low + (high - low) * (math.log(value) - first) / (last - first or 1)


def draw(title, unit, medians):
    sizes = sorted({size for points in medians.values() for size in points})
    values = [value for points in medians.values() for value in points.values()]
    x = scale(sizes, LEFT, WIDTH - EDGE)
    y = scale([min(values) / 1.3, max(values) * 1.3], HEIGHT - BOTTOM, EDGE)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{LEFT}" y="20" font-size="14">{title}, {unit}</text>',
           f'<path d="M{LEFT} {EDGE}V{HEIGHT - BOTTOM}H{WIDTH - EDGE}" fill="none" stroke="black"/>']
    for size in sizes:
        out.append(f'<text x="{x(size):.0f}" y="{HEIGHT - BOTTOM + 18}" '
                   f'text-anchor="middle">{size:,}</text>')
    for i, (name, points) in enumerate(medians.items()):
        color = COLORS[i % len(COLORS)]
        path = " ".join(f"{x(size):.1f},{y(points[size]):.1f}" for size in sorted(points))
        out.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        for size in points:
            out.append(f'<circle cx="{x(size):.1f}" cy="{y(points[size]):.1f}" r="3" fill="{color}"/>'
                       f'<text x="{x(size):.1f}" y="{y(points[size]) - 8:.1f}" fill="{color}" '
                       f'text-anchor="middle">{points[size]:.3g}</text>')
        out.append(f'<text x="{LEFT + 90 * i}" y="{HEIGHT - 10}" fill="{color}">{name}</text>')
    return "\n".join(out + ["</svg>"]) + "\n"


for row, title, unit, medians in read(sys.argv[1]):
    with open(os.path.join(sys.argv[2], row + ".svg"), "w") as file:
        file.write(draw(title, unit, medians))
