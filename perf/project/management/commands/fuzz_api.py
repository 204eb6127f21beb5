from importlib.util import find_spec
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from drivers.models import Role
from perf.project.fuzzing.fuzz import fuzz
from perf.project.load.server import ServerDied

PHASES = "examples,coverage,fuzzing,stateful"


class Command(BaseCommand):
    help = "Sends generated requests to the API of a scratch server, as each role."

    def add_arguments(self, parser):
        parser.add_argument(
            "--examples", type=int, default=20, metavar="N",
            help="Generated cases of each operation, beside those of the edges (default: 20).",
        )  # fmt: skip
        parser.add_argument(
            "--roles", nargs="+", choices=Role.values, default=Role.values, metavar="ROLE",
            help="Default: all.",
        )  # fmt: skip
        parser.add_argument("--phases", default=PHASES, help=f"Default: {PHASES}.")
        parser.add_argument("--seed", type=int, default=1, help="Of the cases (default: 1).")
        parser.add_argument(
            "--output", type=Path, metavar="DIR", help="Write what schemathesis says there."
        )

    def handle(self, *, examples, roles, phases, seed, output, **options):
        if find_spec("schemathesis") is None:
            raise CommandError("schemathesis is missing: install requirements-dev.txt.")
        if output:
            output.mkdir(parents=True, exist_ok=True)
        total, failed = 0, []
        try:
            for result in fuzz(
                roles,
                examples=examples,
                phases=phases,
                now=timezone.now(),
                seed=seed,
                output=output,
            ):
                self.stdout.write(f"{result.role}: {result.cases:,} cases")
                self.stdout.flush()
                total += result.cases
                if result.failed:
                    failed.append(result.role)
                    self.stdout.write(result.report)
        except ServerDied as error:
            raise CommandError(str(error)) from error
        if failed:
            raise CommandError(f"The answers to {', '.join(failed)} are not as promised.")
        return f"{total:,} cases, every answer as the schema says."
