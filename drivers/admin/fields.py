"""A form field for a list of words, written with commas."""

from django import forms


class WordsField(forms.CharField):
    def __init__(self, *, encoder=None, decoder=None, **kwargs):  # what JSONField hands on
        super().__init__(**kwargs)

    def prepare_value(self, value):
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value):
        words = (word.strip().lower() for word in (value or "").split(","))
        return list(dict.fromkeys(word for word in words if word))
