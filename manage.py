#!/usr/bin/env python
"""Run Django's commands for this project."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dispatchsite.settings")
    from dispatchsite.command_line import run

    run(sys.argv)
