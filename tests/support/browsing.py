"""A real browser for tests: the installed Chromium, or the one that Playwright brings."""

import asyncio
import os
import shutil
from contextlib import contextmanager
from unittest import mock

from django.db import connections
from django.utils import timezone
from playwright.sync_api import sync_playwright

from dispatch.runs import background, worker

PASSWORD = "open sesame"
WAIT_MS = 10_000


@contextmanager
def chromium():
    """Yield a browser, which all tests of this process drive: starting one takes seconds."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield browser
        asyncio._set_running_loop(loop)
        browser.close()


@contextmanager
def lent(browser):
    """Lend the browser to a test and take it back as it was, without a window of the test.

    Playwright runs a loop in this thread, which Django takes for async: only while it is lent.
    """
    with mock.patch.dict(os.environ, {"DJANGO_ALLOW_ASYNC_UNSAFE": "1"}), at_once():
        asyncio._set_running_loop(browser._loop)
        try:
            yield browser
            for context in browser.contexts:
                context.close()
        finally:
            connections.close_all()  # those of this loop: nobody else finds them
            asyncio._set_running_loop(None)


def at_once():
    """Plan where the request is, instead of a process that knows another database."""
    return mock.patch.object(background, "send", _work)


def _work(run):
    worker.work(worker.take_over(run.id, now=timezone.now()))


def log_in(browser, server, user, path, *, width=1440, height=900):
    """Return a page at the path, in a session of its own; `errors` are those of its scripts."""
    page = browser.new_context(viewport={"width": width, "height": height}).new_page()
    page.set_default_timeout(WAIT_MS)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(error))
    page.goto(f"{server.url}/admin/login/?next={path}")
    page.fill("input[name=username]", user.get_username())
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"**{path}")
    return page
