"""Simple markup: what of HTML may reach the public."""

from html import escape
from html.parser import HTMLParser

_ALLOWED = frozenset(
    {"b", "br", "em", "h3", "h4", "i", "li", "ol", "p", "strong", "sub", "sup", "u", "ul"}
)
_WITHOUT_CONTENT = frozenset({"script", "style", "template", "iframe", "object", "svg", "math"})
_VOID = frozenset({"br"})


def simple_markup(text: str) -> str:
    """The text with only harmless tags, without any attribute, each one closed.

    The two characters backslash and n, left by exports that escape line ends, are a line end.
    """
    text = text.replace("\\r\\n", "\n").replace("\\n", "\n")
    if "<" not in text:
        return text
    cleaner = _Cleaner()
    cleaner.feed(text)
    cleaner.close()
    return cleaner.result()


class _Cleaner(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._open: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _WITHOUT_CONTENT:
            self._silent += 1
        elif tag in _ALLOWED and not self._silent:
            self._parts.append(f"<{tag}>")
            if tag not in _VOID:
                self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID and not self._silent:
            self._parts.append(f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        if tag in _WITHOUT_CONTENT:
            self._silent = max(0, self._silent - 1)
        elif tag in self._open and not self._silent:
            while self._open:
                closed = self._open.pop()
                self._parts.append(f"</{closed}>")
                if closed == tag:
                    break

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._parts.append(escape(data, quote=False))

    def result(self) -> str:
        return "".join(self._parts) + "".join(f"</{tag}>" for tag in reversed(self._open))
