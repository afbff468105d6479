"""The benchmark's rows: what was measured, what is missing, how it compares, and whether the goals
are met.

A row has a figure a column: native, paravane, xen (Xen 4.17 with our dom0), xen_linux (Xen 4.17
with a Linux dom0, its backends and xl).  Of several runs it is the mean where instructions are
counted and the median where time is; the spread is between the least and the greatest, as a part
of that.  The ratio is of what a hypervisor adds to native, for instructions, and of the figures
themselves otherwise.
"""
import json
import math
import statistics

COLUMNS = ("native", "paravane", "xen", "xen_linux")
LESS = ("ns", "us", "s", "ms", "KiB", "instructions")
# Goals for rows of instructions: of the ratios' geometric mean, in which none counts as less than
# FLOOR (so that one cheap row cannot pay for the others), and of the worst.
FLOOR, MEAN_GOAL, WORST_GOAL = 0.1, 0.42, 0.65
# What the reference machine's Xen costs where its clock is native: a column that is far above is not
# the one to compare with.
XEN_AT_ITS_BEST = {"getppid": 1000}


def middle(unit, samples):
    if not samples:
        return None
    return statistics.mean(samples) if unit == "instructions" else statistics.median(samples)


def ratio(row):
    native, paravane, xen, linux = (row[c] for c in COLUMNS)
    if row["unit"] == "instructions":
        return (paravane - native) / (xen - native) if None not in (native, paravane, xen) and xen != native \
            else None
    other = linux if xen is None else xen
    return paravane / other if paravane is not None and other else None


class Report:
    """Rows in the order they are added, and what is wrong with them."""

    def __init__(self):
        self.rows, self.trouble = [], []

    def add(self, name, unit, samples, wanted):
        """samples: a list of figures a column; wanted: the columns that must have one."""
        row = {"name": name, "unit": unit, "better": "less" if unit in LESS else "more",
               **{c: middle(unit, samples.get(c)) for c in COLUMNS}}
        row["overhead_ratio"] = ratio(row)
        row["spread"] = {c: (max(got) - min(got)) / row[c]
                         for c, got in samples.items() if len(got) > 1 and row.get(c)}
        self.rows.append(row)
        self.trouble += [f"{name}: no figure for {c}" for c in wanted if row[c] is None]
        best = XEN_AT_ITS_BEST.get(name)
        if unit == "instructions" and best and row["xen"] and row["xen"] > 1.1 * best:
            self.trouble.append(f"{name}: {row['xen']:.0f} on Xen, where about {best} is its best: is its clock "
                                "emulated?")

    def missing(self, what):
        self.trouble.append(what)

    def instruction_goals(self):
        """None, or (geometric mean, name of the worst, its ratio)."""
        ratios = {r["name"]: r["overhead_ratio"] for r in self.rows
                  if r["unit"] == "instructions" and r["overhead_ratio"] is not None}
        if not ratios:
            return None
        mean = math.exp(statistics.mean(math.log(max(r, FLOOR)) for r in ratios.values()))
        worst = max(ratios, key=ratios.get)
        return mean, worst, ratios[worst]

    def write(self, path):
        with open(path, "w", encoding="ascii") as out:
            json.dump(self.rows, out, indent=1)

    def show(self):
        print(f"{'row':26}{'unit':14}" + "".join(f"{c:>19}" for c in COLUMNS) + f"{'ratio':>8}")
        for row in self.rows:
            print(f"{row['name']:26}{row['unit']:14}" + "".join(f"{cell(row, c):>19}" for c in COLUMNS) +
                  ("       -" if row["overhead_ratio"] is None else f"{row['overhead_ratio']:8.2f}"))
        goals = self.instruction_goals()
        if goals:
            mean, worst, most = goals
            print(f"instructions: geometric mean {mean:.2f} of what Xen adds (goal: at most {MEAN_GOAL}, each row as "
                  f"at least {FLOOR}), worst {worst} {most:.2f} (goal: at most {WORST_GOAL})")


def cell(row, column):
    figure = row[column]
    if figure is None:
        return "-"
    spread = row["spread"].get(column)
    return f"{figure:.{0 if figure > 100 else 2}f}" + ("" if spread is None else f" ({100 * spread:.1f} %)")
