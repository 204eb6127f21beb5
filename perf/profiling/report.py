"""Write a profile for people: the terminal, PROFILING_RESULTS.md, and the files beside it."""

import json
from pathlib import Path

from django.utils.translation import gettext as _

from perf.profiling.profile import SLOWER_MS, Profile

HISTORY = "history.jsonl"
PLAN_LINES = 12


def write_profile(profile: Profile, folder: Path) -> list[Path]:
    """Write PROFILING_RESULTS.md, profile.json and speedscope.json, and add to the history."""
    folder.mkdir(parents=True, exist_ok=True)
    data = profile.as_dict()
    files = {
        "PROFILING_RESULTS.md": as_markdown(profile),
        "profile.json": json.dumps(data, indent=2, ensure_ascii=False) + "\n",
    }
    if profile.speedscope:
        files["speedscope.json"] = profile.speedscope
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    short = {name: value for name, value in data.items() if name not in ("top", "index_plan")}
    short["findings"] = len(profile.findings)
    with (folder / HISTORY).open("a", encoding="utf-8") as history:
        history.write(json.dumps(short, ensure_ascii=False) + "\n")
    return [folder / name for name in files]


def figures(profile: Profile) -> list[tuple[str, str]]:
    """Return the figures of the first table, (name, value)."""
    rows = [
        (_("Total time"), f"{profile.total_ms:.1f} ms"),
        (_("Time in the database"), f"{profile.database_ms:.1f} ms"),
        (_("Share of the database"), f"{100 * profile.database_share:.1f} %"),
        (_("Statements"), str(profile.statements)),
        (_("Transactions"), str(profile.transactions)),
        (_("Rows read and written"), str(profile.rows)),
        (_("Slow statements, over %(ms)g ms") % {"ms": profile.slow_ms}, str(profile.slow)),
        (_("Slow statements, over %(ms)g ms") % {"ms": SLOWER_MS}, str(profile.slower)),
    ]
    rows += [(name, str(value)) for name, value in profile.outcome.items()]
    rows += [
        (_("Phase: %(phase)s") % {"phase": name}, f"{ms:.1f} ms")
        for name, ms in profile.phases.items()
    ]
    return rows


def as_text(profile: Profile) -> str:
    """Return what the terminal shows."""
    title = f"{profile.what} · {profile.environment['database']}"
    lines = [title, "=" * len(title)]
    lines += [f"  {name:36} {value:>12}" for name, value in figures(profile)]
    lines += ["", _("Longest statements, all calls together")]
    lines.append(f"  {'ms':>9} {_('calls'):>6} {_('rows'):>7}  {_('where')}")
    for top in profile.top:
        lines.append(f"  {top.ms:9.1f} {top.count:6} {top.rows:7}  {', '.join(top.sites[:2])}")
        lines.append(f"  {'':25} {_short(top.fingerprint)}")
        lines.append(f"  {'':25} → {top.action}")
    lines += ["", _("Findings")]
    for finding in profile.findings:
        lines += [f"  {finding.place}", f"    {finding.what} ({finding.ms:.1f} ms)"]
        lines.append(f"    → {finding.cure}")
    lines += [] if profile.findings else ["  " + _("None.")]
    lines += ["", _("Index plan")]
    lines += _index_lines(profile)
    lines += ["", *profile.notices] if profile.notices else []
    return "\n".join(lines)


def _index_lines(profile):
    if profile.advice is None:
        return ["  " + _("Not made; --explain makes it.")]
    if not profile.advice:
        return ["  " + _("No index is missing for the statements above.")]
    lines = []
    for item in profile.advice:
        lines.append(f"  {item.priority}. {item.candidate.table}: {item.candidate.django()}")
        lines.append(f"     {item.candidate.reason}; " + _saving(item))
    return lines


def _saving(item):
    best = min(item.trials, key=lambda trial: trial.ratio)
    if best.before_ms:
        return _("saves %(saved).1f ms of this run (%(before).2f → %(after).2f ms)") % {
            "saved": item.saved_ms,
            "before": best.before_ms,
            "after": best.after_ms,
        }
    return _("the planner's cost becomes %(ratio).2f of what it is") % {"ratio": best.ratio}


def as_markdown(profile: Profile) -> str:
    """Return PROFILING_RESULTS.md."""
    lines = [f"# {_('Profile')}: {profile.what}", ""]
    facts = {_("Date"): f"{profile.at:%Y-%m-%d %H:%M %Z}"} | profile.environment | profile.sizes
    lines += _table((_("Fact"), _("Value")), facts.items())
    lines += ["", f"## {_('Figures')}", ""]
    lines += _table((_("Figure"), _("Value")), figures(profile))
    lines += ["", f"## {_('Longest statements')}", ""]
    lines += _table(
        (
            "#",
            _("Total ms"),
            _("Slowest ms"),
            _("Fetching ms"),
            _("Calls"),
            _("Rows"),
            _("Where"),
            _("Suggested action"),
        ),
        [
            (
                n,
                f"{t.ms:.1f}",
                f"{t.slowest_ms:.1f}",
                f"{t.fetch_ms:.1f}",
                t.count,
                t.rows,
                ", ".join(t.sites),
                t.action,
            )
            for n, t in enumerate(profile.top, 1)
        ],
    )
    for number, top in enumerate(profile.top, 1):
        lines += ["", f"### {number}. {', '.join(top.sites)}", "", "```sql", top.fingerprint, "```"]
        if top.params:
            lines += ["", _("Parameters (masked): %(params)s") % {"params": top.params}]
        if top.plan:
            shown = str(top.plan).splitlines()
            lines += ["", "```", *shown[:PLAN_LINES], "```"]
    lines += ["", f"## {_('Findings')}", ""]
    if profile.findings:
        lines += _table(
            (_("Where"), _("What"), _("Total ms"), _("Cure")),
            [(f.place, f.what, f"{f.ms:.1f}", f.cure) for f in profile.findings],
        )
    else:
        lines.append(_("None."))
    lines += ["", f"## {_('Index plan')}", ""]
    if profile.advice:
        lines += _table(
            (_("Priority"), _("Table"), _("Columns"), _("Condition"), _("Reason"), _("Saves")),
            [
                (
                    item.priority,
                    item.candidate.table,
                    ", ".join(item.candidate.columns),
                    item.candidate.condition,
                    item.candidate.reason,
                    _saving(item),
                )
                for item in profile.advice
            ],
        )
        lines += [""] + [f"    {item.candidate.django()}" for item in profile.advice]
    else:
        lines += [line.strip() for line in _index_lines(profile)]
    lines += ["", *profile.notices] if profile.notices else []
    return "\n".join(lines) + "\n"


def _table(head, rows):
    def cells(values):
        return "| " + " | ".join(str(value).replace("|", "\\|") for value in values) + " |"

    return [cells(head), "|" + "---|" * len(head), *(cells(row) for row in rows)]


def _short(sql, width=110):
    return sql if len(sql) <= width else sql[: width - 1] + "…"
