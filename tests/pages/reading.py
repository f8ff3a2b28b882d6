"""What a browser would make of a page: its elements in order, and its text. For tests without a browser."""

from __future__ import annotations

from html.parser import HTMLParser

Element = tuple[str, tuple[tuple[str, str | None], ...]]


class Reading(HTMLParser):
    """The elements with their attributes, the text of the page, and what stands in styles and scripts."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.texts: list[str] = []
        self.raw: dict[str, list[str]] = {"style": [], "script": []}
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(attrs)))
        self._inside = tag if tag in self.raw else ""

    def handle_endtag(self, _tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        (self.raw[self._inside] if self._inside else self.texts).append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        """The elements and the names of their attributes, without what differs from pod to pod."""
        return [(tag, tuple(name for name, _ in attrs)) for tag, attrs in self.elements]

    def values(self, *names: str) -> list[str]:
        """The values of all attributes of these names."""
        return [value or "" for _, attrs in self.elements for name, value in attrs if name in names]
