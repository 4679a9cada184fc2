"""What a person meets on a page in words: text, names of controls and images, texts for scripts."""

import json
from html.parser import HTMLParser

SPOKEN = ("alt", "title", "aria-label", "aria-description", "placeholder")
SILENT = {"script", "style", "kbd"}


class _Texts(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found: list[str] = []
        self._open: list[str] = []
        self._is_words = False

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.found += [
            text
            for name, text in attrs
            if text and (name in SPOKEN or self._is_message(name, text))
        ]
        if tag == "input" and named.get("type") in ("submit", "button", "reset"):
            self.found.append(named.get("value") or "")
        if tag in SILENT:
            self._open.append(tag)
        self._is_words = tag == "script" and named.get("id") == "words"

    def handle_endtag(self, tag):
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data):
        if self._is_words:
            self.found += json.loads(data).values()
            self._is_words = False
        elif not self._open:
            self.found.append(data)

    @staticmethod
    def _is_message(name: str, text: str) -> bool:
        """A sentence for a script, on the element itself: no address or code has a blank."""
        return name.startswith("data-") and " " in text


def texts(page: str) -> list[str]:
    """Every text of an HTML page that someone may see or hear, without the blank ones."""
    parser = _Texts()
    parser.feed(page)
    parser.close()
    return [text.strip() for text in parser.found if text.strip()]
