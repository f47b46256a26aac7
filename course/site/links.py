"""Links of a built site that lead nowhere."""

from __future__ import annotations

import os
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Reader(HTMLParser):
    """The ids of a page, and all that it refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.targets: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            elif name in ("href", "src", "data") and value is not None:
                self.targets.add(value)


def read(page: Path) -> _Reader:
    reader = _Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    return reader


def broken(site: Path) -> list[str]:
    """Every link from a page to a file or an anchor that is not there: "page: target"."""
    pages = {page: read(page) for page in sorted(site.rglob("*.html"))}
    found = []
    for page, reader in pages.items():
        for target in sorted(reader.targets):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            path = Path(os.path.normpath(page.parent / unquote(parts.path))) if parts.path else page
            anchor = unquote(parts.fragment)
            gone = not path.is_file()
            if gone or (anchor and path in pages and anchor not in pages[path].ids):
                found.append(f"{page.relative_to(site)}: {target}")
    return found
