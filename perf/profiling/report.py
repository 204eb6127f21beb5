"""Write a profile for people: the terminal, PROFILING_RESULTS.md, and the files beside it."""

import json
from functools import partial
from pathlib import Path

from django.utils.translation import gettext as _

from perf.measuring.machine import git
from perf.profiling.profile import SLOWER_MS, Profile
from perf.recording import notes

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


def in_format(profile: Profile, form: str) -> str:
    """Return the profile in one of `notes.FORMATS`; for GitHub its findings and notices."""
    if form == "json":
        return notes.as_json(profile.as_dict())
    if form == "markdown":
        return as_markdown(profile)
    if form == "github":
        all_of_it = [*map(partial(_notice, profile), profile.notices), *told(profile)]
        return notes.as_github(all_of_it, prefix=git("rev-parse", "--show-prefix"))
    return as_text(profile)


def _notice(profile, text):
    return notes.Note(what=text, kind="answer", door=profile.what)


def told(profile: Profile) -> list[notes.Note]:
    """Return the findings as notes."""
    return [notes.note_of(finding, door=profile.what) for finding in profile.findings]


def figures(profile: Profile) -> list[tuple[str, str]]:
    """Return the figures of the first table, (name, value)."""
    rows = [
        (_("Total time"), f"{profile.total_ms:.1f} ms"),
        (_("Time in the database"), f"{profile.database_ms:.1f} ms"),
        *_first_run(profile),
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


def _first_run(profile):
    if not profile.first:
        return []
    return [
        (_("Total time of the first run, sampled"), f"{profile.first['total_ms']:.1f} ms"),
        (_("Time in the database of the first run"), f"{profile.first['database_ms']:.1f} ms"),
        (_("Statements of the first run"), str(profile.first["statements"])),
    ]


def as_text(profile: Profile) -> str:
    """Return what the terminal shows."""
    title = f"{profile.what} · {profile.environment['database']}"
    lines = [title, "=" * len(title), *(f"! {notice}" for notice in profile.notices)]
    lines += [f"  {name:36} {value:>12}" for name, value in figures(profile)]
    lines += ["", _("Longest statements, all calls together")]
    lines.append(f"  {'ms':>9} {_('first ms'):>9} {_('calls'):>6} {_('rows'):>7}  {_('where')}")
    for top in profile.top:
        first = "" if top.first_ms is None else f"{top.first_ms:.1f}"
        lines.append(
            f"  {top.ms:9.1f} {first:>9} {top.count:6} {top.rows:7}  {', '.join(top.sites[:2])}"
        )
        lines.append(f"  {'':35} {_short(top.fingerprint)}")
        lines.append(f"  {'':35} → {top.action}")
    lines += ["", _("Findings")]
    lines.append(notes.as_text(told(profile)) or "  " + _("None."))
    lines += ["", _("Index plan")]
    lines += _index_lines(profile)
    lines += ["", _("What the database says of itself")]
    lines += [f"  {finding}" for finding in profile.server] or ["  " + _("Nothing.")]
    return "\n".join(lines)


def _index_lines(profile):
    tried = sum(attempt.was_tried for attempt in profile.attempts)
    if not profile.attempts:
        return ["  " + _("Nothing to try: no index that is known here could serve more of them.")]
    if not tried:
        return [
            "  "
            + _("Nothing was tried. Considered: %(indexes)s.")
            % {
                "indexes": "; ".join(
                    f"{a.candidate.django()} ({a.outcome.label})" for a in profile.attempts
                )
            }
        ]
    if not profile.advice:
        return ["  " + _("Indexes tried: %(count)d; none was shown to pay.") % {"count": tried}]
    lines = []
    for item in profile.advice:
        lines.append(f"  {item.priority}. {item.candidate.table}: {item.candidate.django()}")
        lines.append(f"     {item.candidate.reason}; {_saving(item)}; {item.cost}")
    return lines


def _saving(item):
    best = min(item.trials, key=lambda trial: trial.ratio)
    return _("saves %(saved).1f ms of this run (%(before).2f → %(after).2f ms, × %(ratio)s)") % {
        "saved": item.saved_ms,
        "before": best.before_ms,
        "after": best.after_ms,
        "ratio": best.comparison.ratio,
    }


def as_markdown(profile: Profile) -> str:
    """Return PROFILING_RESULTS.md."""
    lines = [f"# {_('Profile')}: {profile.what}", ""]
    for notice in profile.notices:
        lines += [f"> {notice}", ""]
    facts = {_("Date"): f"{profile.at:%Y-%m-%d %H:%M %Z}"} | profile.environment | profile.sizes
    lines += notes.table((_("Fact"), _("Value")), facts.items())
    lines += ["", f"## {_('Figures')}", ""]
    lines += notes.table((_("Figure"), _("Value")), figures(profile))
    lines += ["", f"## {_('Longest statements')}", ""]
    lines += notes.table(
        (
            "#",
            _("Total ms"),
            _("First run, ms"),
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
                "" if t.first_ms is None else f"{t.first_ms:.1f}",
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
            lines += ["", _("Plan, asked for between the two runs:") if profile.first else ""]
            shown = str(top.plan).splitlines()
            lines += ["", "```", *shown[:PLAN_LINES], "```"]
    lines += ["", f"## {_('Findings')}", ""]
    lines.append(notes.as_markdown(told(profile)) if profile.findings else _("None."))
    lines += ["", f"## {_('Index plan')}", ""]
    if profile.advice:
        lines += notes.table(
            (
                _("Priority"),
                _("Table"),
                _("Columns"),
                _("Condition"),
                _("Reason"),
                _("Saves"),
                _("Costs"),
            ),
            [
                (
                    item.priority,
                    item.candidate.table,
                    ", ".join(filter(None, (*item.candidate.columns, item.candidate.expression))),
                    item.candidate.condition,
                    item.candidate.reason,
                    _saving(item),
                    item.cost,
                )
                for item in profile.advice
            ],
        )
        lines += [""] + [f"    {item.candidate.django()}" for item in profile.advice]
    else:
        lines += [line.strip() for line in _index_lines(profile)]
    lines += ["", f"## {_('What the database says of itself')}", ""]
    lines += [f"- {finding}" for finding in profile.server] or [_("Nothing.")]
    return "\n".join(lines) + "\n"


def _short(sql, width=110):
    return sql if len(sql) <= width else sql[: width - 1] + "…"
