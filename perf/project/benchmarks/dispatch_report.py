"""Tell a dispatch benchmark to people: a table for the terminal, a report in Markdown.

Both are made from the result that benchmark.json holds, and from nothing else.
"""

from perf.project.benchmarks.goals import GUIDE, OURS, OURS_AT, change, measured, reached

STOCK = "the indexes of a stock Django project (one for each foreign key)"
WHAT = {
    "naive": f"reads in loops, a save and a commit for each row, {STOCK}",
    "indexes": "the naive code on tables with the performance indexes",
    "eager": f"loads as `dispatch` does, writes naively, {STOCK}",
    "bulk": f"reads in loops, writes in one transaction, {STOCK}",
    "tuned": "`dispatch`: loads without loops, one transaction of bulk statements, indexes",
    "copy": "`dispatch`'s load; the same rows written unchecked from Python, by COPY (which is "
    "not counted among the statements) and one UPDATE",
}


def table(result: dict) -> str:
    """Return the result for a terminal: a line for each size and arm."""
    lines = [
        f"{'bookings':>8}  {'arm':<8} {'median s':>9} {'mean s':>9} {'sd':>7} {'min':>8} "
        f"{'max':>8} {'stmts':>6} {'>50ms':>6} {'ratio [95 %]':>24}"
    ]
    for size in result["sizes"].values():
        for name, arm in _arms(size):
            total = arm["summary"]["total_s"]
            facts = _recorded(arm)
            lines.append(
                f"{size['bookings']:>8}  {name:<8} {total['median']:>9.3f} {total['mean']:>9.3f} "
                f"{total['sd']:>7.3f} {total['min']:>8.3f} {total['max']:>8.3f} "
                f"{facts['statements']:>6} {facts['slow_50']:>6} "
                f"{_interval(size['ratios'].get(name, {}).get('total_s')):>24}"
            )
        lines.append(f"{size['bookings']:>8}  A/A {_interval(size['control'])}{_unstable(size)}")
    return "\n".join(lines)


def markdown(result: dict, charts: list[tuple[str, str]], comparison: list[dict] = ()) -> str:
    """Return PERFORMANCE_REPORT.md; `charts` are (file name, what it shows)."""
    before, after = result["compare"]
    parts = [
        _head(result, before, after),
        _summary(result, before, after),
        *(_size(size, before, after) for size in result["sizes"].values()),
        _growth(result, before, after),
        "## Charts\n",
        *(f"![{title}]({name})\n" for name, title in charts),
        _comparison(comparison),
        METHOD,
    ]
    return "\n".join(part for part in parts if part)


def _head(result, before, after):
    machine = result["machine"]
    settings = ", ".join(f"{k} {v}" for k, v in machine["database_settings"].items())
    changed = f" with {machine['changed_files']} changed files" if machine["changed_files"] else ""
    load = f"{_numbers(result['load_average_before'])} → {_numbers(result['load_average_after'])}"
    unstable = [f"{s['bookings']}" for s in result["sizes"].values() if s["control"]["unstable"]]
    warning = (
        f"\n> **Unstable:** at {', '.join(unstable)} bookings two runs of the same code differed "
        "by more than 10 % (A/A interval). Trust the counts; take the times with care.\n"
        if unstable
        else ""
    )
    return f"""# Performance report: {before} → {after}

Every number here is in `benchmark.json` beside this file, with every raw value.
{warning}
| | |
|---|---|
| measured | {result["began_at"]} to {result["ended_at"]} |
| commit | {machine["commit"] or "unknown"}{changed} |
| database | {machine["database"]} ({settings}) |
| machine | {machine["processor"]}, {machine["cores"]} cores, {machine["memory_gb"]} GB, \
{machine["system"]} |
| Python, Django | {machine["python"]}, {machine["django"]} |
| load average | {load} |
| data | {result["history"]} past bookings of one company, seed {result["seed"]} |
| rounds | {result["iterations"]}, each arm once a round, `{after}` twice (A/A control)\
{_seldom(result)} |

- **{before}**: {WHAT[before]}
- **{after}**: {WHAT[after]}

Both write the same rows of the same plan. Planning is not in these times; it is shown beside.
"""


def _seldom(result):
    """Name the arms that ran fewer rounds."""
    told = [
        f"{rounds} of {name} at {size['bookings']}"
        for size in result["sizes"].values()
        for name, arm in size["arms"].items()
        if (rounds := len(arm["values"]["total_s"])) < result["iterations"]
    ]
    return f"; only {', '.join(told)}" if told else ""


def _summary(result, before, after):
    lines = [
        "## Result\n",
        f"| bookings | {before}, median | {after}, median | times faster [95 %] | statements | "
        "over 50 ms | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    for size in result["sizes"].values():
        facts = measured(size, before, after)
        ratio = size["ratios"][after]["total_s"]
        faster = f"{1 / ratio['ratio']:.1f} [{1 / ratio['high']:.1f}, {1 / ratio['low']:.1f}]"
        lines.append(
            f"| {size['bookings']} | {facts['total_s'][0]:.3f} s | {facts['total_s'][1]:.3f} s | "
            f"{faster} | {facts['statements'][0]} → {facts['statements'][1]} | "
            f"{facts['slow_50'][0]} → {facts['slow_50'][1]} | {_verdict(ratio)} |"
        )
    if (before, after) == ("naive", "tuned"):
        for title, goals in (("The guide's goals", GUIDE), (f"Our own, at {OURS_AT}", OURS)):
            lines += ["", f"### {title}\n", "| bookings | goal | answer | measured |"]
            lines.append("|---|---|---|---|")
            for size in result["sizes"].values():
                if goals is OURS and size["bookings"] != OURS_AT:
                    continue
                for goal in goals:
                    answer, why = reached(goal, size, before, after)
                    lines.append(f"| {size['bookings']} | {goal.name} | {answer} | {why} |")
        lines.append(
            "\nSlow is over 50 ms; of a statement that writes thousands of rows, over 50 ms for "
            "each 1,000 of them. Undecided: the interval reaches over the goal, more rounds would "
            "tell. What users notice of a large write is how long its locks are held: see below."
        )
    return "\n".join([*lines, ""])


def _size(size, before, after):
    planning = size["planning"]
    lines = [
        f"## {size['bookings']} bookings, {size['drivers']} drivers, {size['assigned']} assigned\n",
        "Seconds over the rounds; with fewer than 60 of them p95 is nearly the maximum.\n",
        "| arm | phase | n | mean | sd | min | max | median | p95 | outliers | ratio [95 %] | p "
        "| verdict |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, arm in _arms(size, control=True):
        for key, phase in (("load_s", "load"), ("apply_s", "apply"), ("total_s", "both")):
            s = arm["summary"][key]
            ratio = size["ratios"].get(name, {}).get(key)
            lines.append(
                f"| {name} | {phase} | {s['n']} | {s['mean']:.4f} | {s['sd']:.4f} | "
                f"{s['min']:.4f} | {s['max']:.4f} | {s['median']:.4f} | {s['p95']:.4f} | "
                f"{s['outliers']} | {_interval(ratio)} | "
                f"{'' if not ratio else format(ratio['p'], '.3f')} | "
                f"{_verdict(ratio) if ratio else ''} |"
            )
    lines += [
        f"\nA/A control ({after} against itself): {_interval(size['control'])}{_unstable(size)}\n",
        "One recorded run of each arm:\n",
        "| arm | phase | statements | slow | over 50 ms | over 100 ms | rows | commits | "
        "in the database, s | writing, ms per 1,000 rows | locks held at most, s |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, arm in _arms(size):
        for phase, facts in arm["recorded"].items():
            lines.append(
                f"| {name} | {phase} | {facts['statements']} | {facts['slow']} | "
                f"{facts['slow_50']} | {facts['slow_100']} | {facts['rows']} | "
                f"{facts['commits']} | {facts['database_s']:.4f} | "
                f"{_per_1000(facts['write_ms_per_1000_rows'])} | {facts['locks_held_s']:.4f} |"
            )
    peaks = ", ".join(
        f"{name} {size['arms'][name]['peak_bytes'] / 1e6:.1f} MB" for name in (before, after)
    )
    lines += [
        f"\nPeak of Python's memory: {peaks}.",
        f"Planning beside it, once, without search: {planning['plan_s']:.3f} s; checking the plan "
        f"and finding reasons: {planning['check_s']:.3f} s.\n",
    ]
    alone = [name for name in size["ratios"] if name != after]
    if alone:
        lines += [
            f"Each optimisation alone, against naive, at {size['bookings']} bookings a day and "
            f"{size['history']} past ones (what indexes bring grows with these: the index report "
            "measures them at a million):\n"
        ]
        lines += [f"- **{name}**: {WHAT[name]}: {_alone(size, before, name)}" for name in alone]
        lines += [f"- **{after}**, all together: {_alone(size, before, after)}", ""]
    return "\n".join(lines)


def _alone(size, before, name):
    facts = measured(size, before, name)
    ratio = size["ratios"][name]["total_s"]
    return (
        f"time {change(ratio['ratio'])} (ratio {_interval(ratio)}, {ratio['verdict']}), "
        f"statements {facts['statements'][0]} → {facts['statements'][1]}"
    )


def _per_1000(value):
    return "" if value is None else f"{value:.1f}"


def _growth(result, before, after):
    if not result["growth"]:
        return ""
    lines = [
        "## Growth\n",
        "Slope of log time over log bookings: 1 is linear, 2 quadratic.\n",
        "| arm | load | apply | both |",
        "|---|---|---|---|",
    ]
    for name in (before, after):
        slopes = result["growth"][name]
        shown = (
            f"{slopes[key]['slope']:.2f} [{slopes[key]['low']:.2f}, {slopes[key]['high']:.2f}]"
            for key in ("load_s", "apply_s", "total_s")
        )
        lines.append(f"| {name} | {' | '.join(shown)} |")
    return "\n".join([*lines, ""])


def _comparison(rows):
    if not rows:
        return ""
    lines = [
        "## Against the older result\n",
        "| bookings | statements then | now | ratio then | ratio now | verdict |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['bookings']} | {row['old']['statements']} | {row['new']['statements']} | "
        f"{_interval(row['old']['ratio'])} | {_interval(row['new']['ratio'])} | {row['verdict']} |"
        for row in rows
    ]
    return "\n".join([*lines, ""])


METHOD = """## How it was measured

On scratch databases of their own, one with the performance indexes and a copy of it with those
of a stock project. A round runs every arm once on the same day, which is restored in between;
rounds alternate their order, so that slow drift of the machine falls out of the ratios. The
ratio is the median over rounds of after/before; its interval is the percentile bootstrap over
rounds (5,000 draws, fixed seed), p is Wilcoxon's signed-rank test. "Faster" and "slower" need an
interval without 1 and a p that agrees, an effect of 5 % or more, and one that lies beyond the
A/A control where that is unstable or does not include 1; and they have to hold among all
comparisons of this report (Holm's procedure on Student's t of the logarithms: one false verdict
in at most 5 % of whole reports). Otherwise no difference was shown, which is not the same as
none. The intervals tell of the machine's noise alone: it is one day, one plan, one seed.
Outliers are counted and kept. Statements are those of a recorded run, BEGIN and COMMIT not
counted.
"""


def _arms(size, *, control=False):
    return [(name, arm) for name, arm in size["arms"].items() if control or name != "control"]


def _recorded(arm):
    keys = ("statements", "slow_50")
    return {key: sum(phase[key] for phase in arm["recorded"].values()) for key in keys}


def _interval(ratio):
    return f"{ratio['ratio']:.3f} [{ratio['low']:.3f}, {ratio['high']:.3f}]" if ratio else ""


def _unstable(size):
    return ", unstable" if size["control"]["unstable"] else ""


def _verdict(ratio):
    return f"{ratio['verdict']} ({ratio['why']})" if ratio["why"] else ratio["verdict"]


def _numbers(values):
    return " ".join(f"{value:.2f}" for value in values)
