"""A preprocessor of mdbook: makes each finding a place that links can name, such as #expired.

mdbook calls it with the book as JSON on standard input, or with `supports RENDERER`.
"""

import json
import re
import sys


def anchored(text):
    """The chapter with a place at each finding, its remedy on a line of its own, and links."""
    text = re.sub(r"^- `([a-z0-9-]+)`", r'- <a id="\1"></a>`\1`', text, flags=re.MULTILINE)
    text = re.sub(r"\n  (\*(?:Fix|处理)[:：]\*)", r"\\\n  \1", text)
    return re.sub(r"^\| `([a-z0-9-]+)` \|", r"| [`\1`](#\1) |", text, flags=re.MULTILINE)


def walk(items):
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter:
            if chapter.get("path") == "findings.md":
                chapter["content"] = anchored(chapter["content"])
            walk(chapter["sub_items"])


def main():
    if sys.argv[1:2] == ["supports"]:
        return
    _, book = json.load(sys.stdin)
    walk(book.get("items") or book.get("sections"))
    json.dump(book, sys.stdout)


if __name__ == "__main__":
    main()
