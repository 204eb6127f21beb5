"""Keep the translations: `make messages` after a text changed.

Reads the texts out of code and templates, and out of the theme, which comes without
translations; merges them into each language's django.po, and compiles it. It needs no gettext on
the machine. `stale()` says what is left to do; a test fails until nothing is.

Who does not speak the language writes WAITING as a comment above the entry in django.po: the text
stays English until a translator has seen it, is listed each time, and `--release` fails.
"""

import ast
import io
import struct
import sys
from copy import deepcopy
from gettext import GNUTranslations
from importlib.util import find_spec
from pathlib import Path

import django
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "dispatchsite" / "locale"
ROOMS = ("dispatchsite", "drivers", "bookings", "dispatch", "perf")
THEME = Path(find_spec("unfold").origin).parent
THEME_PARTS = ("*", "mixins/*", "templates/**/*", "contrib/filters/**/*", "contrib/forms/**/*")
# Without a translation yet, and known to be: a translator's comment in django.po.
WAITING = "needs translation"
# Texts of Django of which its translations do not fit every name that they are given.
OF_DJANGO = (
    "Add %s",
    "Change %s",
    "View %s",
    "Select %s to change",
    "Select %s to view",
    "Delete selected %(verbose_name_plural)s",
)
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}


def texts() -> Catalog:
    """Return every text that is marked for translation, with the files it is in."""
    found = Catalog(project="Dispatchsite", charset="utf-8")
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*")):
            if file.suffix in (".py", ".html", ".txt") and "migrations" not in file.parts:
                _extract(file, found, ROOT)
    for text in OF_DJANGO:
        found.add(text, locations=[("django", None)])
    return found


def texts_of_theme() -> Catalog:
    """Return the theme's texts that Django does not translate itself."""
    found, known = Catalog(), _of_django()
    for part in THEME_PARTS:
        for file in sorted(THEME.glob(part)):
            if file.suffix in (".py", ".html"):
                _extract(file, found, THEME.parent)
    for text in [message.id for message in found if message.id in known]:
        found.delete(text)
    return found


def _of_django():
    """Return the texts that Django translates into each of our languages."""
    known = []
    for language, _po in catalogs():
        texts = set()
        for part in ("conf", "contrib/admin", "contrib/auth"):
            folder = Path(django.__file__).parent / part / "locale" / language / "LC_MESSAGES"
            with (folder / "django.mo").open("rb") as file:
                texts.update(GNUTranslations(file)._catalog)
        known.append(texts)
    return set.intersection(*known)


def _extract(file, found, root):
    source = file.read_text(encoding="utf-8")
    name = file.relative_to(root).as_posix()
    if file.suffix == ".py":
        rows = _calls(source)
    elif "{%" in source:
        source = templatize(source, origin=str(file))
        source = "\n".join(map(str.lstrip, source.splitlines()))  # indentation means nothing
        source = io.BytesIO(source.encode())
        extracted = extract("python", source, KEYWORDS, options={"encoding": "utf-8"})
        rows = [(message, context) for _line, message, _comments, context in extracted]
    else:
        return
    for message, context in rows:
        found.add(message, None, [(name, None)], context=context)


def _calls(source):
    """Yield (message, context) of each marked text, by syntax: f-strings' tokens change."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", None))
        if name not in KEYWORDS:
            continue
        context, texts = None, []
        for place in KEYWORDS[name] or (1,):
            number = place[0] if isinstance(place, tuple) else place
            given = node.args[number - 1] if len(node.args) >= number else None
            if not (isinstance(given, ast.Constant) and isinstance(given.value, str)):
                break
            if isinstance(place, tuple):
                context = given.value
            else:
                texts.append(given.value)
        else:
            yield (texts[0] if len(texts) == 1 else tuple(texts)), context


def catalogs():
    """Return (language, file) of each django.po."""
    return [(po.parts[-3], po) for po in sorted(LOCALE.glob("*/LC_MESSAGES/django.po"))]


def merged(language, po, current) -> Catalog:
    """Return the language's catalog with the texts of today; what is gone is dropped."""
    with po.open("rb") as file:
        catalog = read_po(file, locale=language)
    catalog.update(current, no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    for message in catalog:
        if _whole(message) and WAITING in message.user_comments:
            message.user_comments.remove(WAITING)
    return catalog


def compiled(catalog) -> bytes:
    """Return the compiled catalog; texts that wait for a translator are not in it."""
    if any(map(_waits, catalog)):
        catalog = deepcopy(catalog)
        for message in filter(_waits, list(catalog)):
            catalog.delete(message.id, message.context)
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def waiting() -> list[str]:
    """Return a line for each text that waits for a translator."""
    return [f"{language}: {message.id!r} {WAITING}" for language, message in _waiting()]


def waiting_texts() -> set[str]:
    """Return the texts that some language shows in English, singular and plural apart."""
    texts = set()
    for _language, message in _waiting():
        texts.update([message.id] if isinstance(message.id, str) else message.id)
    return texts


def _waiting():
    for language, po in catalogs():
        with po.open("rb") as file:
            catalog = read_po(file, locale=language)
        yield from ((language, message) for message in catalog if _waits(message))


def _waits(message):
    return bool(message.id) and WAITING in message.user_comments and not _whole(message)


def stale() -> list[str]:
    """Return a line for each text without a translation, and each file that is not of today."""
    lines, current = [], texts()
    for language, po in catalogs():
        catalog = merged(language, po, current)
        lines += [
            f"{language}: {message.id!r} is not translated ({message.locations[0][0]})"
            for message in catalog
            if _is_ours(message) and (message.fuzzy or not _whole(message)) and not _waits(message)
        ]
        lines += [
            f"{language}: {message.id!r}: {error}"
            for message, errors in catalog.check()
            for error in errors
        ]
        with po.open("rb") as file:
            written = read_po(file, locale=language)
        lines += [
            f"{language}: {message.id!r}: its translation begins or ends without its line break"
            for message in written
            if message.id and len(set(map(_edges, _written_forms(message)))) > 1
        ]
        if _ours(written) != _ours(catalog):
            lines.append(f"{po.relative_to(ROOT)} is not of today")
        if _meaning(_compiled(po.with_suffix(".mo"))) != _meaning(written):
            lines.append(f"{po.with_suffix('.mo').relative_to(ROOT)} is not of today")
    return lines


def _ours(catalog):
    return {(message.context, message.id) for message in catalog if _is_ours(message)}


def _compiled(mo):
    """Return the catalog in a compiled file, an empty one if it is none."""
    try:
        with mo.open("rb") as file:
            return read_mo(file)
    except (OSError, struct.error):
        return Catalog()


def _meaning(catalog):
    """Return what Django gets out of a catalog, in whatever order and by whichever tool."""
    texts = {
        (message.context, _forms(message.id)): _forms(message.string)
        for message in catalog
        if message.id and not message.fuzzy and any(_forms(message.string))
    }
    return texts, catalog.num_plurals, catalog.plural_expr


def _is_ours(message):
    """Tell whether a text is not, or not only, one of the theme, whose releases are its own."""
    return any(not name.startswith(f"{THEME.name}/") for name, _line in message.locations)


def _written_forms(message):
    """Return the text and its translations: gettext's own tools compare how they begin and end."""
    return [form for form in (*_forms(message.id), *_forms(message.string)) if form]


def _edges(form):
    return form.startswith("\n"), form.endswith("\n")


def _whole(message):
    return all(message.string) if isinstance(message.string, tuple) else bool(message.string)


def _forms(text):
    return (text,) if isinstance(text, str) else tuple(text)


def main():
    settings.configure()
    current = texts()
    for message in texts_of_theme():
        current.add(message.id, locations=message.locations, context=message.context)
    for language, po in catalogs():
        catalog = merged(language, po, current)
        with po.open("wb") as file:
            write_po(file, catalog, sort_output=True, width=96)
        po.with_suffix(".mo").write_bytes(compiled(catalog))
    lines, left = stale(), waiting()
    print("\n".join(lines + left) or "Every text is translated.")
    if left:
        print(f"Waiting for a translator: {len(left)}.")
    return bool(lines or (left and "--release" in sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
