"""Check types with mypy: strictly where pyproject.toml says so, elsewhere by a ratchet.

A module of the strict list in pyproject.toml (`[tool.mypy]`) must have no error. Every other
error counts for its package, and the number of errors of a package must not grow: the numbers
allowed stand in `type_errors.json` beside this file. Lower them when this script says so:

    python .ci/check_types.py            # check; exits with 1 if a rule is broken
    python .ci/check_types.py --write    # write today's numbers
"""

import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
ALLOWED = PROJECT / ".ci" / "type_errors.json"
ERROR = re.compile(r"^(?P<path>[^:]+\.pyi?):\d+(:\d+)?: error: ")


def strict_modules():
    """Return the names on the strict list, such as `dispatch.planner`."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["mypy"]
    (strict,) = (row for row in settings["overrides"] if row.get("disallow_untyped_defs"))
    return tuple(name.removesuffix(".*") for name in strict["module"])


def module_of(path):
    """Return the module of a file as mypy names it, relative to the project."""
    return ".".join(Path(path).with_suffix("").parts).removesuffix(".__init__")


def is_strict(module, strict):
    """Return whether the module is on the strict list or inside a package on it."""
    return any(module == name or module.startswith(f"{name}.") for name in strict)


def errors():
    """Run mypy on the files of pyproject.toml; return [(path, line of output)]."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "--no-pretty"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    found = [(match["path"], line) for line in lines if (match := ERROR.match(line))]
    # mypy exits with 1 for errors in the code; anything else, or no line, is a failure of mypy.
    if done.returncode not in (0, 1) or (done.returncode == 1) != bool(found):
        sys.exit(f"mypy failed:\n{done.stdout}{done.stderr}")
    return found


def main():
    """Compare mypy's errors with the rules, print the difference, exit with 1 if they grew."""
    strict, in_strict, by_package = strict_modules(), [], defaultdict(list)
    for path, line in errors():
        if is_strict(module_of(path), strict):
            in_strict.append(line)
        else:
            by_package[Path(path).parts[0]].append(line)
    counts = {package: len(lines) for package, lines in sorted(by_package.items())}
    if "--write" in sys.argv[1:]:
        ALLOWED.write_text(json.dumps(counts, indent=4) + "\n")
    allowed = json.loads(ALLOWED.read_text())
    failed = bool(in_strict)
    print(*in_strict, sep="\n", end="\n" if in_strict else "")
    for package in sorted(counts.keys() | allowed.keys()):
        count, limit = counts.get(package, 0), allowed.get(package, 0)
        if count > limit:
            failed = True
            print(*by_package[package], sep="\n")
            print(f"{package}: {count} type errors, {limit} are allowed. Some above are new.")
        elif count < limit:
            print(f"{package}: {count} type errors, {limit} are allowed. Lower it with --write.")
    if not failed:
        print(f"Types: no error in {', '.join(strict)}; {sum(counts.values())} elsewhere.")
    sys.exit(failed)


if __name__ == "__main__":
    main()
