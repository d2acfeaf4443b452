"""Remote HTML made fit to be shown: only what is on the list below survives, written anew from its parts."""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlsplit

_KEPT: Final = frozenset({
    "a", "b", "blockquote", "br", "code", "dd", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li",
    "ol", "p", "pre", "s", "small", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul",
})  # fmt: skip
_VOID: Final = frozenset({"br", "hr"})
# Of these not even the text is kept: it is not meant for readers, or is read by other rules than HTML's.
_DROPPED: Final = frozenset({
    "applet", "embed", "frame", "frameset", "head", "iframe", "math", "noembed", "noframes", "noscript", "object",
    "plaintext", "script", "select", "style", "svg", "template", "textarea", "title", "xmp",
})  # fmt: skip
_SCHEMES: Final = frozenset({"http", "https", "mailto"})


def sanitised(html: str) -> str:
    """The allowed elements without attributes, links with an absolute http, https or mailto address; text is kept.

    Nothing of the input reaches the output but as escaped text or address, so what a browser makes of it does not
    depend on how the input was read.
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.written()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._open: list[str] = []
        self._dropping: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED:
            self._dropping.append(tag)
        elif tag in _KEPT and not self._dropping:
            self._parts.append(f"<{tag}{_address(attrs) if tag == 'a' else ''}>")
            if tag not in _VOID:
                self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID and not self._dropping:
            self._parts.append(f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        if self._dropping:
            if tag in self._dropping:
                del self._dropping[self._dropping.index(tag) :]
        elif tag in self._open:
            while True:
                closed = self._open.pop()
                self._parts.append(f"</{closed}>")
                if closed == tag:
                    return

    def handle_data(self, data: str) -> None:
        if not self._dropping:
            self._parts.append(escape(data))

    def written(self) -> str:
        return "".join(self._parts) + "".join(f"</{tag}>" for tag in reversed(self._open))


def _address(attributes: list[tuple[str, str | None]]) -> str:
    value = next((value for name, value in attributes if name == "href" and value), "")
    # Browsers leave control characters and white space out before they look for the scheme.
    address = "".join(character for character in value if character > " ")
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    if parts.scheme.lower() not in _SCHEMES or (parts.scheme != "mailto" and not parts.netloc):
        return ""
    return f' href="{escape(address)}" rel="nofollow noopener noreferrer"'
