"""Fill in a form of a page as a browser would: what it shows is sent, changed or not."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


class _Fields(HTMLParser):
    """Collect {name: [value]} of a page's form fields; those of other forms do no harm."""

    def __init__(self):
        super().__init__()
        self.found = {}
        self._select = self._textarea = None
        self._text = ""

    def _add(self, name, value):
        self.found.setdefault(name, []).append(value)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        name, kind = attrs.get("name"), attrs.get("type", "text")
        if tag == "input" and name and kind not in ("submit", "button", "file"):
            if kind not in ("checkbox", "radio"):
                self._add(name, attrs.get("value") or "")
            elif "checked" in attrs:
                self._add(name, attrs.get("value", "on"))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in attrs:
            self._add(self._select, attrs.get("value") or "")
        elif tag == "textarea":
            self._textarea, self._text = name, ""

    def handle_endtag(self, tag):
        if tag == "select":
            self._select = None
        elif tag == "textarea" and self._textarea:
            self._add(self._textarea, self._text.removeprefix("\n"))
            self._textarea = None

    def handle_data(self, data):
        self._text += data


def shown_fields(response):
    """Return {name: [value]} of the form fields on a page."""
    page = _Fields()
    page.feed(response.content.decode())
    return {name: value for name, value in page.found.items() if name != "csrfmiddlewaretoken"}


@dataclass(frozen=True, slots=True)
class Form:
    """A form that a page's script sends to an address, with the values of its hidden fields."""

    address: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self.found.append(Form(attrs.get("hx-get") or attrs.get("hx-post") or ""))
        elif tag == "input" and attrs.get("type") == "hidden":
            self.found[-1].fields[attrs["name"]] = attrs["value"]


def forms(response):
    """Return the forms on a page, in order."""
    page = _Forms()
    page.feed(response.content.decode())
    return page.found


def save(browser, url, /, **changes):
    """Open an admin form, change some fields, save, and return the answer."""
    shown = shown_fields(browser.get(url))
    return browser.post(url, shown | {"_continue": "1"} | changes)
