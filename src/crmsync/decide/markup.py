"""The words of an HTML body, read in one pass.

An own tokenizer of one linear expression. On hostile bodies of 300 KB the standard library's html.parser needs quadratic time, markdownify
overflows the stack, inscriptis drops deeply nested text and takes ten times as long; this keeps the text, in linear time.
"""

from __future__ import annotations

import re
from html import escape, unescape

NESTED = 8
"""Levels of lists and quotations that are still indented further."""

# No part of a tag may hold "<": every attempt then ends at the next one, whatever is thrown at it, and the whole scan stays linear. A name ends
# with a blank, "/" or ">", so that <ann@acme.example> and <https://acme.example> remain what their writers meant: text.
_TOKEN = re.compile(
    r"""<!--(?:.*?-->|.*)
      | <[!?][^<>]*>
      | <(?P<unseen>script|style|title|iframe|noembed|noframes)(?=[\s/>])[^<>]*+>.*?(?:</(?P=unseen)(?=[\s/>])[^<>]*+>|\Z)
      | <(?P<end>/?)(?P<name>[a-zA-Z][a-zA-Z0-9]*(?:[:-][a-zA-Z0-9]+)*)(?=[\s/>])
        (?P<attributes>(?:[^<>"'=]++|=\s*+"[^"<]*+"|=\s*+'[^'<]*+'|["'=])*+)>""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"""(?<![a-zA-Z-])([a-zA-Z-]++)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))""")
_BLANKS = re.compile(r"[ \t\n\r\f]+")
_LISTS = ("ul", "ol", "menu", "dir")
_BLOCKS: dict[str, int] = {
    **dict.fromkeys(("p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "pre", "blockquote", "dl", "figure"), 2),
    **dict.fromkeys(("div", "tr", "dt", "dd", "section", "article", "header", "footer", "main", "nav", "aside", "address", "form"), 1),
    **dict.fromkeys(
        ("fieldset", "center", "caption", "thead", "tbody", "tfoot", "body", "html", "head", "legend", "figcaption", "option"), 1
    ),
    "li": 1,
}
"""Line breaks that an element's beginning and end make at least."""
_OTHERS = frozenset({*_LISTS, "br", "li", "td", "th", "a", "img", "hr", "blockquote", "pre", "tr", "table"})
_CELL = " | "
_VAST = re.compile(r"&#[0-9]{20,}")
"""Of no character; Python refuses to make a number of very long ones."""
_CARRIED = re.compile(r"(?:https?|ftp)://|mailto:|tel:", re.IGNORECASE)


def has_tags(html: str) -> bool:
    """Whether it is HTML at all, not a plain text."""
    return "<" in html and _TOKEN.search(html) is not None


def unescaped(text: str) -> str:
    """The text with its character references resolved."""
    return unescape(_VAST.sub("\ufffd", text) if "&#" in text else text)


class Reader:
    """One pass over the tokens of a body.

    gap: line breaks due before the next line. owed: those due within a cell. lists: None for bullets, else the last number given. cells: of
    each open row the cells begun. tables: of each open table the rows that were open around it.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line: list[str] = []
        self.gap = 0
        self.owed = 0
        self.told = False  # whether the cell has begun to say something
        self.blank = True  # whether the line so far ends with a blank that would swallow another
        self.lists: list[int | None] = []
        self.quotes = 0
        self.pre = 0
        self.bullet = ""
        self.hanging = False
        self.cells: list[int] = []
        self.tables: list[int] = []
        self.href: str | None = None
        self.label: list[str] = []

    def read(self, html: str) -> str:
        """The plain text of an HTML body."""
        at = 0
        for token in _TOKEN.finditer(html):
            start = token.start()
            if start > at:
                self.text(html[at:start])
            at = token.end()
            if (name := token["name"]) is None:
                continue
            name = name.lower()
            if name in _BLOCKS:
                self.apart(_BLOCKS[name])
            if name in _OTHERS:
                if token["end"]:
                    self.ended(name)
                else:
                    self.started(name, token["attributes"])
        if at < len(html):
            self.text(html[at:])
        self.link_ends()
        self.close()
        return "\n".join(self.lines).strip()

    def text(self, source: str) -> None:
        """Takes what stands between two tags."""
        data = unescaped(source)
        if self.href is not None:
            self.label.append(data)
        if self.pre:
            first, *more = data.expandtabs(4).replace("\f", " ").replace(" ", "\xa0").split("\n")
            self.words(first)
            for line in more:
                self.broken()
                self.words(line)
            return
        data = _BLANKS.sub(" ", data)
        self.words(data[1:] if self.blank and data[:1] == " " else data)

    def words(self, data: str) -> None:
        """Takes words into the line."""
        if data:
            if self.owed:
                self.closed(self.owed)
            self.line.append(data)
            self.told = True
            self.blank = data[-1] == " "

    def close(self) -> bool:
        """Ends the line; whether there was anything on it."""
        self.blank = True
        if not self.line:
            return False
        content = "".join(self.line).replace("\xa0", " ").rstrip()
        self.line.clear()
        if self.cells and content.endswith(_CELL.rstrip()):
            content = content.rstrip(" |")
        if not content:
            self.gap = 2
            return False
        if self.gap == 2 and self.lines:
            self.lines.append("")
        self.gap = 0
        if self.lists or self.bullet:
            content = "  " * (min(len(self.lists) or 1, NESTED) - 1) + (self.bullet or ("  " if self.hanging else "")) + content
            self.hanging = self.hanging or bool(self.bullet)
            self.bullet = ""
        self.lines.append("> " * min(self.quotes, NESTED) + content if self.quotes else content)
        return True

    def apart(self, gap: int) -> None:
        """What follows stands that many line breaks below; in a cell of a table only if anything follows in that cell."""
        if self.cells:
            if self.told:
                self.owed = max(self.owed, gap)
            self.blank = True
        else:
            self.closed(gap)

    def closed(self, gap: int) -> None:
        """Ends the line here and now. The first paragraph of an item stands beside its bullet all the same."""
        if self.line:
            self.close()
        self.owed = 0
        if gap > self.gap and not self.bullet:
            self.gap = gap

    def broken(self) -> None:
        """A line break: at the start of a line it makes a blank one."""
        if self.cells:
            self.apart(2 if self.owed else 1)
        else:
            self.gap = max(self.gap, 1) if self.close() else 2

    def started(self, name: str, attributes: str) -> None:
        """Takes an opening tag."""
        if name == "br":
            self.broken()
        elif name in _LISTS:
            self.closed(1)
            self.bullet, self.hanging = "", False
            start = _attribute(attributes, "start") if name == "ol" else ""
            first = int(start) if start.isascii() and start.isdigit() and len(start) < 9 else 1
            self.lists.append(first - 1 if name == "ol" else None)
        elif name == "li":
            self.closed(1)
            number = self.lists[-1] if self.lists else None
            if number is None:
                self.bullet = "- "
            else:
                self.lists[-1] = number + 1
                self.bullet = f"{number + 1}. "
            self.hanging = False
        elif name in ("td", "th"):
            if self.cells:
                self.owed = 0
                if self.cells[-1]:
                    self.words(_CELL if self.line and self.line[-1][-1:] != " " else _CELL.lstrip())
                self.cells[-1] += 1
                self.told = False
        elif name == "a":
            self.link_ends()
            href = "".join(_attribute(attributes, "href").split())
            self.href, self.label = (href if _CARRIED.match(href) else None), []
        elif name == "img":
            self.text(escape(_attribute(attributes, "alt")))
        elif name == "hr":
            self.closed(1)
            self.words("---")
            self.closed(1)
        elif name == "blockquote":
            self.quotes += 1
        elif name == "pre":
            self.pre += 1
        elif name == "table":
            self.closed(2)
            self.tables.append(len(self.cells))
        else:
            self.row_ends()
            self.cells.append(0)

    def ended(self, name: str) -> None:
        """Takes a closing tag."""
        if name == "a":
            self.link_ends()
        elif name in _LISTS:
            self.closed(1)
            if self.lists:
                self.lists.pop()
            self.bullet, self.hanging = "", bool(self.lists)
        elif name == "br":
            self.broken()
        elif name == "blockquote":
            self.quotes = max(0, self.quotes - 1)
        elif name == "pre":
            self.pre = max(0, self.pre - 1)
        elif name == "tr":
            self.row_ends()
        elif name == "table":
            self.row_ends()
            del self.cells[self.tables.pop() if self.tables else 0 :]
            self.gap = 2

    def row_ends(self) -> None:
        """Ends the row that is open in the innermost table; rows of tables around it stay open."""
        self.closed(1)
        if len(self.cells) > (self.tables[-1] if self.tables else 0):
            self.cells.pop()

    def link_ends(self) -> None:
        """Writes a link's address behind its words."""
        if self.href is None:
            return
        address, label = self.href, " ".join("".join(self.label).split())
        shown = re.sub(r"^(mailto|tel):", "", address, flags=re.IGNORECASE)
        self.href = None
        if not label:
            self.words(shown)
        elif _bare(label) != _bare(shown):
            self.words(f"({shown})" if self.blank else f" ({shown})")


def _bare(address: str) -> str:
    return re.sub(r"^https?://", "", address, flags=re.IGNORECASE).rstrip("/").lower()


def _attribute(attributes: str, name: str) -> str:
    for found in _ATTRIBUTE.finditer(attributes):
        if found[1].lower() == name:
            return unescaped(found[2] or found[3] or found[4] or "")
    return ""
