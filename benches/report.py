#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes of what the benchmark measured the medians as CSV, a table, and a picture.

    report.py RAW SUMMARY [--publish]      medians of RAW into SUMMARY, and the table
    report.py --from SUMMARY [--publish]   the table and the picture again from the medians

--publish writes docs/performance.csv, docs/performance.svg and the table in docs/performance.md.
"""

import csv
import math
import pathlib
import statistics
import sys
import xml.sax.saxutils

DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"
OURS, FLOOR, FOUR = "modelreg", "floor", "hashbrown + RwLock, 4 indices"
FIELDS = ["implementation", "owners", "models_each", "names", "operation", "unit", "median", "least", "most", "runs"]
SIZES = {100: "S", 10000: "M", 100000: "L", 1000000: "X"}
BEGIN, END = "<!-- table -->", "<!-- end of the table -->"


def medians(raw):
    """The rows of the summary, in the order in which they were first measured."""
    values = {}
    with open(raw, newline="", encoding="utf-8") as file:
        for *key, value in csv.reader(file):
            values.setdefault(tuple(key), []).append(float(value))
    rows = []
    for key, measured in values.items():
        rows.append(dict(zip(FIELDS, [*key, statistics.median(measured), min(measured), max(measured), len(measured)])))
    return rows


def write_rows(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["median"] = float(row["median"])
    return rows


class Table:
    """Medians by size and operation."""

    def __init__(self, rows):
        self.groups = {}
        for row in rows:
            group = (int(row["models_each"]) != 10, row["names"] != "shared", int(row["owners"]), int(row["models_each"]))
            operations = self.groups.setdefault(group, {})
            answers = operations.setdefault((row["operation"], row["unit"]), {})
            answers[row["implementation"]] = row["median"]

    def value(self, owners, operation, implementation):
        for (name, _), answers in self.groups.get((False, False, owners, 10), {}).items():
            if name == operation:
                return answers.get(implementation)
        return None


def number(value):
    if value is None:
        return ""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def ratio(value, other):
    return f"{value / other:.2f}" if value is not None and other else ""


def best_peer(unit, answers):
    peers = {name: value for name, value in answers.items() if name not in (OURS, FLOOR)}
    if not peers:
        return "", None
    best = max if unit in ("M/s", "MB/s", "times") else min
    name = best(peers, key=peers.get)
    return name, peers[name]


def title(group):
    _, random_names, owners, each = group
    size = SIZES.get(owners, "") if each == 10 else ""
    text = f"{owners:,} owners of {each:,} model{'s' if each > 1 else ''}"
    return f"{size + ': ' if size else ''}{text}{', names of random length' if random_names else ''}"


HEADER = ["operation", "", "modelreg", "floor", "to floor", "best peer", "to best peer", "which", "with 4 indices"]


def lines(operations):
    """The cells of a group's rows; the floor's own row of an empty call counts as measured by us."""
    for (operation, unit), answers in operations.items():
        ours, floor = answers.get(OURS), answers.get(FLOOR)
        name, best = best_peer(unit, answers)
        if ours is None and floor is None:
            continue
        yield [operation, unit, number(ours), number(floor), ratio(ours, floor), number(best), ratio(ours, best), name,
               number(answers.get(FOUR))]


def text_table(table):
    for group in sorted(table.groups):
        rows = [HEADER, *lines(table.groups[group])]
        if len(rows) == 1:
            continue
        widths = [max(len(row[at]) for row in rows) for at in range(len(HEADER))]
        yield f"\n{title(group)}"
        for row in rows:
            yield "  ".join(cell.ljust(width) if at in (0, 1, 7) else cell.rjust(width)
                            for at, (cell, width) in enumerate(zip(row, widths))).rstrip()


def markdown(table):
    for group in sorted(table.groups):
        rows = list(lines(table.groups[group]))
        if not rows:
            continue
        yield f"\n**{title(group)}**\n"
        yield "| " + " | ".join(HEADER) + " |"
        yield "|" + "|".join("---" if at in (0, 1, 7) else "---:" for at in range(len(HEADER))) + "|"
        for row in rows:
            yield "| " + " | ".join(row) + " |"


# What a figure has to be at S, M and L; None where nothing is asked. Those in nanoseconds are for the machine whose call
# into a shared library takes 2.7 ns.
AT_MOST = [
    ("look up", (15, 30, 75)), ("look up latency", (None, 35, 190)), ("look up miss", (10, 10, 10)),
    ("find by name", (20, 20, 20)), ("find by name in a tenant", (30, 30, 30)),
    ("find by structure", (25, 25, 25)), ("find by structure in a tenant", (40, 40, 40)),
    ("register", (100, 150, 300)), ("register and list again", (70, 160, 250)),
    ("clear", (1000, 1000, 1000)), ("clear until visible", (1000, 1000, 1000)), ("reclaim a model", (20, 20, 20)),
    ("drop a tenant of all models", (1000, 1000, 1000)), ("drop a tenant of all models until visible", (1000, 1000, 1000)),
    ("drop a tenant of all models: reclaim a model", (20, 20, 20)),
    ("heap of a model", (None, 120, 120)), ("counted of a model", (None, 120, 120)), ("in use after letting go", (0, 0, 0)),
    ("reserved after letting go, of a slot", (32, 32, 32)), ("list beside a writer, p99.9", (1000, 1000, 1000)),
]
AT_LEAST = [
    ("list, random owners: two readers to one", (1.95, 1.95, 1.95)), ("list, one owner: two readers to one", (1.9, 1.9, 1.9)),
    ("list beside a writer to alone, random owners", (0.5, 0.5, 0.5)), ("changes beside a reader, random owners", (5, 5, 5)),
    ("parse a definition", (100, 100, 100)),
    ("list: one by one to many in one call", (None, None, 2)), ("look up: one by one to many in one call", (None, None, 2)),
]
TO_FLOOR = [("owner valid", (1.5, 1.5, 1.5)), ("list", (2, 3, 2))]
AHEAD = ["list", "look up"]


def targets(table):
    """One line for each target: what was asked and what was measured, by size."""
    def line(operation, asked, measured, right):
        cells = [f"{'-' if was is None else number(was)} ({'met' if ok else 'missed'})" if wanted is not None and was is not None
                 else "" for wanted, was, ok in zip(asked, measured, right)]
        return [operation, " / ".join("-" if wanted is None else f"{wanted:g}" for wanted in asked), *cells]

    sizes = [100, 10000, 100000]
    for operation, asked in AT_MOST:
        measured = [table.value(size, operation, OURS) for size in sizes]
        yield line(f"{operation}: at most", asked, measured, [was is not None and wanted is not None and was <= wanted
                                                              for was, wanted in zip(measured, asked)])
    for operation, asked in AT_LEAST:
        measured = [table.value(size, operation, OURS) for size in sizes]
        yield line(f"{operation}: at least", asked, measured, [was is not None and wanted is not None and was >= wanted
                                                               for was, wanted in zip(measured, asked)])
    for operation, asked in TO_FLOOR:
        pairs = [(table.value(size, operation, OURS), table.value(size, operation, FLOOR)) for size in sizes]
        measured = [ours / floor if ours is not None and floor else None for ours, floor in pairs]
        yield line(f"{operation} to the floor: at most", asked, measured, [was is not None and was <= wanted
                                                                           for was, wanted in zip(measured, asked)])
    for operation in AHEAD:
        measured = []
        for size in sizes:
            peers = [table.value(size, operation, name) for name in ORDER if name not in (OURS, FLOOR)]
            peers = [value for value in peers if value]
            ours = table.value(size, operation, OURS)
            measured.append(ours / min(peers) if peers and ours is not None else None)
        yield line(f"{operation} to the best peer: at most", (1, 1, 1), measured, [was is not None and was <= 1 for was in measured])


def target_table(table):
    rows = [["target (nanoseconds, unless it says otherwise)", "S / M / L", "S", "M", "L"], *targets(table)]
    widths = [max(len(row[at]) for row in rows) for at in range(5)]
    yield "\nTargets"
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()


PANELS = [("list", "list 10 models, ns"), ("look up", "look up by owner and name, ns"), ("register", "register a model, ns"),
          ("clear", "clear everything, ns"), ("list beside a writer, p99.9", "list beside a writer, p99.9, ns"),
          ("heap of a model", "heap of a model, bytes")]
ORDER = [FLOOR, OURS, FOUR, "hashbrown + RwLock", "dashmap", "papaya", "arc-swap", "unordered_map + shared_mutex",
         "GHashTable + GRWLock"]
LABEL, WIDTH, ROW, GAP = 205, 300, 20, 44


def draw_panel(table, operation, heading, left, top, sizes):
    """One line for each implementation, with a dot for each size, on an axis of powers of ten."""
    found = {name: [(size, table.value(size, operation, name)) for size in sizes] for name in ORDER}
    found = {name: [(size, value) for size, value in dots if value] for name, dots in found.items()}
    values = [value for dots in found.values() for _, value in dots]
    yield f'<text x="{left}" y="{top}" class="h">{xml.sax.saxutils.escape(heading)}</text>'
    if not values:
        return
    low = high = 0
    while 10**low > min(values):
        low -= 1
    while 10**(low + 1) <= min(values):
        low += 1
    while 10**high < max(values):
        high += 1
    scale = WIDTH / max(1, high - low)

    def across(value):
        return left + LABEL + (math.log10(value) - low) * scale

    bottom = top + 12 + ROW * sum(1 for dots in found.values() if dots)
    for power in range(low, high + 1):
        x = across(10**power)
        name = f"{10**power:,}" if power < 4 else f"10<tspan dy='-4' font-size='8'>{power}</tspan>"
        yield f'<line x1="{x:.1f}" y1="{top + 8}" x2="{x:.1f}" y2="{bottom}" class="g"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 13}" class="t" text-anchor="middle">{name}</text>'
    for at, name in enumerate(name for name in ORDER if found[name]):
        y = top + 22 + ROW * at
        kind = "o" if name == OURS else "f" if name == FLOOR else "p"
        yield f'<text x="{left + LABEL - 12}" y="{y + 4}" class="n {kind}t" text-anchor="end">{name}</text>'
        dots = found[name]
        ends = [across(value) for _, value in dots]
        yield f'<line x1="{min(ends):.1f}" y1="{y}" x2="{max(ends):.1f}" y2="{y}" class="{kind}l"/>'
        for (size, value), x in zip(dots, ends):
            letter = SIZES.get(size, "")
            yield (f'<circle cx="{x:.1f}" cy="{y}" r="6.5" class="{kind}"><title>{name}, {size:,} owners: {number(value)}'
                   f'</title></circle><text x="{x:.1f}" y="{y + 3}" class="d" text-anchor="middle">{letter}</text>')


STYLE = """text{font-family:sans-serif;fill:#222}.h{font-size:14px;font-weight:bold}.n{font-size:11px}.t{font-size:10px;fill:#666}
.d{font-size:9px;fill:#fff}.g{stroke:#ddd}.o{fill:#c0392b}.ol{stroke:#c0392b;stroke-width:3}.ot{font-weight:bold;fill:#c0392b}
.f{fill:#888}.fl{stroke:#888;stroke-width:2}.ft{fill:#666}.p{fill:#2c5d8a}.pl{stroke:#2c5d8a;stroke-width:2}.pt{fill:#222}"""


def picture(table):
    sizes = [size for size in SIZES if (False, False, size, 10) in table.groups and SIZES[size] != "X"]
    letters = ", ".join(f"{SIZES[size]} {size:,}" for size in sizes)
    panel_width, panel_height = LABEL + WIDTH + 40, 12 + ROW * len(ORDER) + GAP + 14
    width, height = 2 * panel_width + 20, 60 + 3 * panel_height
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    yield f"<style>{STYLE}</style>"
    yield f'<rect width="{width}" height="{height}" fill="#fff"/>'
    yield (f'<text x="20" y="26" class="n">Medians; left is better. Owners: {letters}; 10 models each. modelreg over the C '
           "ABI of the shared library, peers inlined.</text>")
    for at, (operation, heading) in enumerate(PANELS):
        yield from draw_panel(table, operation, heading, 20 + at % 2 * panel_width, 58 + at // 2 * panel_height, sizes)
    yield "</svg>"


def publish(table, rows):
    page = DOCS / "performance.md"
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(before + BEGIN + "\n" + "\n".join(markdown(table)) + "\n\n" + END + after, encoding="utf-8")
    write_rows(DOCS / "performance.csv", rows)
    (DOCS / "performance.svg").write_text("\n".join(picture(table)) + "\n", encoding="utf-8")
    print("\nWritten: docs/performance.md, docs/performance.csv, docs/performance.svg")


def main(arguments):
    wanted = "--publish" in arguments
    paths = [argument for argument in arguments if argument != "--publish"]
    if len(paths) != 2:
        sys.exit(__doc__)
    if paths[0] == "--from":
        rows = read_rows(paths[1])
    else:
        rows = medians(paths[0])
        write_rows(paths[1], rows)
        picture_path = pathlib.Path(paths[1]).with_suffix(".svg")
        picture_path.write_text("\n".join(picture(Table(rows))) + "\n", encoding="utf-8")
    table = Table(rows)
    print("\n".join([*text_table(table), *target_table(table)]))
    if wanted:
        publish(table, rows)
    elif paths[0] != "--from":
        print(f"\nMedians: {paths[1]}, picture: {picture_path}")


if __name__ == "__main__":
    main(sys.argv[1:])
