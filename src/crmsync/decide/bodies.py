"""Bodies of activities between HubSpot's HTML and plain text, and texts that were cut."""

from __future__ import annotations

import re
from html import escape

from crmsync.decide.markup import Reader, has_tags, unescaped
from crmsync.model.record import Value

MARK = "\n[… cut by crmsync]"
"""Ends a text of which only the beginning was carried."""
_GAPS = re.compile(r"\n{3,}")
_LINES = re.compile(r"\r\n?")
# Possessive throughout: an address that turns out to be none is given up at once, however long it is.
_ADDRESS = re.compile(
    r"""(?<![\w/])https://[a-zA-Z0-9]++(?:[.-]++[a-zA-Z0-9]++)*+(?::\d{1,5}+)?+(?!\w|[\w:.-]*+@)(?:[/?#][^\s<>"'`\\{}|^]*+)?+"""
)
_TAIL = ".,;:!?*_~…"


def to_text(html: str) -> str:
    """A body's plain text, its lines separated by "\\n", without white space at either end.

    Paragraphs are a blank line apart; items of lists begin with "- " or their number; a link is "text (address)"; a table has a line for each
    row, its cells separated by " | "; a quotation's lines begin with "> ". Comments, scripts and styles are dropped, unknown tags leave their
    content. A body without any tag is plain text already: its line breaks stay. Never raises.
    """
    html = _LINES.sub("\n", html)
    if not has_tags(html):
        plain = unescaped(html).replace("\xa0", " ").replace("\f", " ").replace("\t", "    ")
        return _GAPS.sub("\n\n", "\n".join(line.rstrip() for line in plain.split("\n"))).strip()
    return Reader().read(html)


def to_html(text: str) -> str:
    """HTML that shows `text`; `to_text` gives the text back, up to white space. Everything in it is escaped.

    Blank lines separate paragraphs, lines that begin with "- " are a list, further lines of an item are indented by two blanks. An https
    address becomes a link when its host is plain ASCII and names no user; no other address does.
    """
    lines = [line.rstrip() for line in _LINES.sub("\n", text).replace("\xa0", " ").replace("\t", "    ").split("\n")]
    made: list[str] = []
    blank, previous, at = False, "", 0
    while at < len(lines):
        if not lines[at]:
            blank, at = bool(made), at + 1
            continue
        listed, end = _item(lines[at]), at + 1
        while end < len(lines) and lines[end] and listed == (_item(lines[end]) or (listed and lines[end][:2] == "  ")):
            end += 1
        # A paragraph is a blank line apart from its neighbours; text right above or below a list is none.
        close = (previous == "ul" and not blank) or (end < len(lines) and lines[end] != "")
        kind = "ul" if listed else "div" if close else "p"
        if blank and "p" not in (kind, previous):
            made.append("<br>")
        made.append(_list(lines[at:end]) if listed else f"<{kind}>{_shown(lines[at:end])}</{kind}>")
        blank, previous, at = False, kind, end
    return "".join(made)


def cut(text: str, limit: int) -> str:
    """`text` when it has at most `limit` characters, else as much of it as fits before MARK, ended at a word where one ends near.

    Raises ValueError for a limit that has no room for MARK.
    """
    if len(text) <= limit:
        return text
    room = limit - len(MARK)
    if room < 0:
        raise ValueError(f"a limit of {limit} characters has no room for the mark of a cut text ({len(MARK)})")
    head = text[:room]
    if head and not text[room].isspace():
        # A very long word (an address, a text without blanks) is cut in the middle rather than dropped.
        border = max(head.rfind(" "), head.rfind("\n"), head.rfind("\t"))
        head = head[:border] if border > room // 2 else head
    return head.rstrip() + MARK


def fit(text: str, limit: int) -> str:
    """HTML of at most `limit` characters that shows `text`, or as much of it as fits and MARK. Raises ValueError as `cut` does."""
    made = to_html(text)
    if len(made) <= limit:
        return made
    low, high = len(MARK), min(len(text) - 1, limit)
    best = to_html(cut(text, low))
    while low < high:
        middle = (low + high + 1) // 2
        made = to_html(cut(text, middle))
        if len(made) <= limit:
            low, best = middle, made
        else:
            high = middle - 1
    return best


def is_cut(text: Value) -> bool:
    """Whether only a part of the text was carried: MARK stands anywhere in it. A reader who wrote something below has no whole text either."""
    return isinstance(text, str) and MARK.strip() in text


def folded(text: str) -> str:
    """The comparison key of a plain text: runs of blanks are one blank, runs of line breaks one line break."""
    return "\n".join(found for line in _LINES.sub("\n", text).split("\n") if (found := " ".join(line.split())))


def _item(line: str) -> bool:
    return line[:2] == "- " and line[2:3] != " "


def _list(lines: list[str]) -> str:
    items: list[list[str]] = []
    for line in lines:
        if _item(line):
            items.append([line[2:]])
        else:
            items[-1].append(line[2:])
    return "<ul>" + "".join(f"<li>{_shown(item)}</li>" for item in items) + "</ul>"


def _shown(lines: list[str]) -> str:
    """Lines of one block, escaped, their addresses linked, and every blank kept that a browser would drop."""
    text = "\n".join(lines)
    made: list[str] = []
    at = 0
    for found in _ADDRESS.finditer(text) if "https://" in text else ():
        address = _trimmed(found[0])
        made += [_escaped(text[at : found.start()]), f'<a href="{escape(address)}">{escape(address)}</a>']
        at = found.start() + len(address)
    made.append(_escaped(text[at:]))
    whole = "".join(made).replace("\n ", "\n&nbsp;").replace("\n", "<br>")
    return "&nbsp;" + whole[1:] if whole[:1] == " " else whole


def _escaped(text: str) -> str:
    return escape(text).replace("  ", " &nbsp;")


def _trimmed(address: str) -> str:
    """The address without the punctuation of the sentence it stands in."""
    spare = {")": address.count(")") - address.count("("), "]": address.count("]") - address.count("[")}
    end = len(address)
    while (last := address[end - 1]) in _TAIL or spare.get(last, 0) > 0:
        spare[last] = spare.get(last, 0) - 1
        end -= 1
    return address[:end]
