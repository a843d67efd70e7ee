"""Checks that every link of a built manual leads to a page and a place of it.

    tools/manual/links.py DIRECTORY

Links to other hosts are not followed.
"""

import html.parser
import pathlib
import sys
import urllib.parse


class Page(html.parser.HTMLParser):
    """The links of a page, and the places in it that links can name."""

    def __init__(self, text):
        super().__init__()
        self.links, self.places = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id":
                self.places.add(value)
            elif name in ("href", "src") and value:
                self.links.add(value)


def main():
    top = pathlib.Path(sys.argv[1]).resolve()
    pages = {path: Page(path.read_text()) for path in top.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        # Has all pages in one, whose links lead to places in it; toc.html is shown in other pages.
        if path.name in ("print.html", "toc.html", "404.html"):
            continue
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = path
            if parts.path:
                target = (path.parent / urllib.parse.unquote(parts.path)).resolve()
            place = urllib.parse.unquote(parts.fragment)
            there = target in pages and place in pages[target].places
            if not target.is_file() or (place and not there):
                broken.append(f"{path.relative_to(top)}: {link}")
    if not pages or broken:
        sys.exit("broken links:\n" + "\n".join(sorted(broken)))


if __name__ == "__main__":
    main()
