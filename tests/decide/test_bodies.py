"""Bodies between HTML and plain text: nothing that is said gets lost, nothing hostile comes through, and a cut is known as one."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from types import FrameType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crmsync.decide.bodies import MARK, cut, fit, folded, is_cut, to_html, to_text
from crmsync.decide.markup import _TOKEN

SIZE = 300_000
SCRAPS = ["<p>", "</p>", "<br>", "<ul>", "<ol start=7>", "<li>", "</li>", "</ul>", "<table>", "<tr>", "<td>", "</td>", "</table>", "<b>", "</b>", "<pre>", "</pre>",
          "<a href='https://acme.example/x?a=1&amp;b=2'>", "</a>", "<blockquote>", "</blockquote>", "<!-- x -->", "<script>", "</script>", "&amp;", "&lt;", "&nbsp;",
          "&#8364;", "- ", "\n", "\n\n", "  ", "\t", "https://acme.example/a_(b).", "<hr>", "<div>", "</div>", "<img alt='cat'>", "word", "1. ", "> ", "<", ">", "\"", "=",
          "[… cut by crmsync]", "\u00a0", "\r\n", "\x0b", "\u2028", "\ud800", "\x00"]  # fmt: skip
lines = st.lists(st.one_of(st.sampled_from(SCRAPS), st.text(max_size=6)), max_size=30).map("".join)
texts = st.one_of(st.text(), lines)


@settings(max_examples=150, deadline=None)
@given(text=texts)
@example("Intro:\n- a\n- b\nend")
@example("- a\n\n- b")
@example("- a\n  more of a\n- b")
@example("Intro\n\n- a")
@example("x  y\n   indented\n\ttab")
@example("https://acme.example https://acme.example/a?b=c&d=e, (https://acme.example/x)")
def test_a_text_comes_back(text: str) -> None:
    again = to_text(to_html(text))
    assert folded(again) == folded(text)
    assert to_text(to_html(again)) == again


@settings(max_examples=150, deadline=None)
@given(html=lines)
@example("<div>Intro</div><div>- a</div><div>- b</div>x")
@example("<ul><li>a<ul><li>b</ul><li><p>c</p><p>d</p></ul>")
@example("<pre>  a\tb\n\n\n c</pre>")
@example("<blockquote><ul><li>a</ul></blockquote>")
def test_what_was_once_text_does_not_change_any_more(html: str) -> None:
    text = to_text(html)
    assert to_text(to_html(text)) == text


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@settings(max_examples=150, deadline=None)
@given(text=texts)
@example('<script>alert(1)</script> <img src=x onerror="x">')
@example("javascript:alert(1) https://user@evil.example https://acme.example@evil.example/ http://plain.example")
@example('https://acme.example/"onmouseover="x https://acme.example/\'x https://münchen.example')
def test_nothing_of_a_text_becomes_markup(text: str) -> None:
    seen = _Seen()
    seen.feed(to_html(text))
    seen.close()
    assert {tag for tag, _ in seen.tags} <= {"p", "div", "br", "ul", "li", "a"}
    for tag, attributes in seen.tags:
        assert set(attributes) == ({"href"} if tag == "a" else set())
        if tag == "a":
            assert re.fullmatch(r"https://[a-zA-Z0-9.-]+(:\d+)?([/?#][^\s<>\"'@]*@?[^\s<>\"']*)?", str(attributes["href"]))


@pytest.mark.parametrize(("text", "html"), [
    ("a < b & c", "<p>a &lt; b &amp; c</p>"),
    ("one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"),
    ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
    ("Look:\n- a\n- b\ndone", "<div>Look:</div><ul><li>a</li><li>b</li></ul><div>done</div>"),
    ("see https://acme.example/x, now", '<p>see <a href="https://acme.example/x">https://acme.example/x</a>, now</p>'),
    ("(https://acme.example/a_(b))", '<p>(<a href="https://acme.example/a_(b)">https://acme.example/a_(b)</a>)</p>'),
    ("http://acme.example", "<p>http://acme.example</p>"),
    ("https://me:pw@evil.example/x", "<p>https://me:pw@evil.example/x</p>"),
    ("https://acme.example@evil.example", "<p>https://acme.example@evil.example</p>"),
    ("https://münchen.example", "<p>https://münchen.example</p>"),
    ("", ""), (" \n ", ""),
])  # fmt: skip
def test_what_html_is_made(text: str, html: str) -> None:
    assert to_html(text) == html


@pytest.mark.parametrize(("html", "text"), [
    ("<p>one</p><p>two<br>three</p>", "one\n\ntwo\nthree"),
    ("<div>one</div><div>two</div>", "one\ntwo"),
    ("<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"),
    ("a<br><br><br><br>b", "a\n\nb"),
    ("<p>  much \n  space </p>", "much space"),
    ("<b>bold</b><i>er</i> <span>x</span>", "bolder x"),
    ("<ul><li>a</li><li>b<ul><li>c</ul></li></ul>", "- a\n- b\n  - c"),
    ("<ol><li>a<li>b</ol>", "1. a\n2. b"),
    ("<ol start='5'><li>a</li><li><p>b</p><p>c</p></li></ol>", "5. a\n6. b\n\n  c"),
    ("<table><tr><th>Plan<th>Price</tr><tr><td>S</td><td>9&nbsp;€</td></tr></table>", "Plan | Price\nS | 9 €"),
    ("<table><tr><td><p>a</p></td><td></td><td><div>c</div></td></tr><tr><td>d</td><td></td></tr></table>x", "a | | c\nd\n\nx"),
    ("<table><tr><td>a<table><tr><td>b<td>c</table></td><td>d</td></tr></table>", "a\n\nb | c\n\n| d"),
    ('<a href="https://acme.example/a?b=1&amp;c=2">our page</a>!', "our page (https://acme.example/a?b=1&c=2)!"),
    ('<a href="https://acme.example/">acme.example</a>', "acme.example"),
    ('<a href="mailto:ann@acme.example">Ann</a> <a href="mailto:ann@acme.example">ann@acme.example</a>', "Ann (ann@acme.example) ann@acme.example"),
    ('<a href="javascript:alert(1)">click</a> <a href="#top">top</a>', "click top"),
    ('<a href="https://acme.example"><img src="logo.png" alt="Acme"></a>', "Acme (https://acme.example)"),
    ('<a href="https://acme.example"></a>', "https://acme.example"),
    ("<SCRIPT>if (a<b) x('</p>')</ScRiPt >a<style>p{color:red}</style><!-- <p>b -->c<title>d</title>", "ac"),
    ("<![if mso]>a<![endif]><?xml version='1'?><!doctype html>b", "ab"),
    ("1 &lt; 2 &amp;&amp; 3 &gt; 2 &copy; &#x1F600; &euro; &bogus; AT&T", "1 < 2 && 3 > 2 © 😀 € &bogus; AT&T"),
    ("<p>&amp;lt;b&amp;gt;</p>", "&lt;b&gt;"),
    ("write to <ann@acme.example> or <https://acme.example/x> if 1 < 2", "write to <ann@acme.example> or <https://acme.example/x> if 1 < 2"),
    ("plain\nlines &amp; words", "plain\nlines & words"),
    ("<p title='a > b'>x</p>", "x"),
    ("<pre>a\n  b</pre>c", "a\n  b\n\nc"),
    ("<blockquote>they said<br>this</blockquote>we said", "> they said\n> this\n\nwe said"),
    ("<h2>Head</h2>text<hr>more", "Head\n\ntext\n---\nmore"),
    ("a <b", "a <b"), ("<p>never closed", "never closed"), ("</p></div>only ends</table></ul>", "only ends"),
    ("", ""), ("   ", ""), ("<p>&nbsp;</p>", ""),
])  # fmt: skip
def test_what_text_is_read(html: str, text: str) -> None:
    assert to_text(html) == text


HOSTILE = {
    "open divs": ("<div>" * (SIZE // 5) + "x", "x"),
    "open lists": ("<ul><li>" * (SIZE // 8) + "x", "- x"),
    "open tables": ("<table><tr><td>" * (SIZE // 15) + "x", "x"),
    "open bold": ("<b>" * (SIZE // 3) + "x", "x"),
    "quotations": ("<blockquote>" * (SIZE // 12) + "x", "> > > > > > > > x"),
    "angles": ("<" * SIZE, "<" * SIZE),
    "half tags": ("<a " * (SIZE // 3) + "x", "<a " * (SIZE // 3) + "x"),
    "half quotes": ('<a href="' * (SIZE // 9), '<a href="' * (SIZE // 9)),
    "quotes that swallow": ('<a x=">" ' * (SIZE // 9) + "y", None),
    "half comments": ("x<!--" * (SIZE // 5), "x"),
    "half declarations": ("<!x " * (SIZE // 4) + "y", "<!x " * (SIZE // 4) + "y"),
    "attributes": ("<a " + "x=1 " * (SIZE // 4) + ">y", "y"),
    "equal signs": ("<p " + "= " * (SIZE // 2) + ">y", "y"),
    "ampersands": ("<p>" + "&" * SIZE, "&" * SIZE),
    "scripts": ("x" + "<script>" * (SIZE // 8), "x"),
    "long name": ("<" + "a-" * (SIZE // 2), None),
    "blanks": ("<p>" + " " * SIZE + "x", "x"),
    "one attribute": ("<a " + "x" * SIZE + ">y", "y"),
    "one address": ("https://" + "a" * SIZE + "@", "https://" + "a" * SIZE + "@"),
    "one host": ("https://a" + "." * SIZE, "https://a" + "." * SIZE),
    "many ends": ("https://a/" + ")" * SIZE, "https://a/" + ")" * SIZE),
    "one number": ("<ol start=" + "9" * SIZE + "><li>x", "1. x"),
    "one entity": ("<p>&#" + "9" * SIZE + ";", None),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_bodies_are_read_in_one_pass(name: str) -> None:
    """Each would take minutes with a step per pair of characters, or overflow the stack with a call per level."""
    html, text = HOSTILE[name]
    found = to_text(html)
    assert text is None or found == text
    assert to_text(to_html(found)) == found


@settings(max_examples=150, deadline=None)
def work(html: str) -> int:
    """Calls that reading a body takes, those into C included."""
    calls = 0

    def note(frame: FrameType, event: str, what: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        to_text(html)
    finally:
        sys.setprofile(before)
    return calls


def test_twice_as_long_a_body_takes_twice_the_work() -> None:
    units = [f"{one}x" for one in SCRAPS] + [
        one + other for one in SCRAPS for other in ("<li>", "<td>x", "</table>", "<blockquote>", "<p>y")
    ]
    for unit in dict.fromkeys(units):
        once, twice = work(f"<p>{unit * 20}"), work(f"<p>{unit * 40}")
        assert twice <= 2 * once + 40, f"{unit!r}: {once} calls, then {twice}"


def test_an_attempt_at_a_tag_reads_no_further_than_the_next_one() -> None:
    """Then all attempts together read a body once. Comments and scripts read on, but what they read is done with."""
    for html in (html[:200] for html, _ in HOSTILE.values()):
        places = [place for place, sign in enumerate(html) if sign == "<"]
        for place, following in zip(places, [*places, len(html)][1:], strict=True):
            own = _TOKEN.match(html[:following], place)
            if own is not None and (own["unseen"] or own[0].startswith("<!--")):
                continue
            for more in ("<>", "<b>", "<b x='y'>", '<b x="y">', "</b>"):
                found = _TOKEN.match(html[:following] + more, place)
                assert (found and found.span()) == (own and own.span()), html[place:following] + more


@given(text=texts, limit=st.integers(len(MARK), 120))
def test_a_cut_text_fits_and_is_known(text: str, limit: int) -> None:
    found = cut(text, limit)
    assert len(found) <= limit
    if len(text) <= limit:
        assert found == text
    else:
        assert is_cut(found)
        assert text.startswith(found.removesuffix(MARK))
        assert is_cut(to_text(to_html(found)))
    made = fit(text, limit + 40)
    assert len(made) <= limit + 40
    assert is_cut(to_text(made)) or folded(to_text(made)) == folded(text)


def test_a_cut_ends_at_a_word() -> None:
    text = "the quick brown fox jumps over the lazy dog and runs away"
    assert cut(text, 40) == "the quick brown fox" + MARK
    assert cut("x" * 100, 40) == "x" * (40 - len(MARK)) + MARK
    assert cut(text, len(text)) == text
    with pytest.raises(ValueError, match="no room"):
        cut(text, len(MARK) - 1)


def test_markup_that_grows_is_cut_to_what_fits() -> None:
    made = fit("<" * SIZE, 65_536)
    assert 65_000 < len(made) <= 65_536
    assert is_cut(to_text(made))
    assert fit("short", 1000) == "<p>short</p>"


def test_a_reader_may_write_below_a_cut() -> None:
    assert is_cut(f"beginning{MARK}\n\nmy own note")
    assert is_cut(f"<p>beginning</p><p>{MARK.strip()}</p>")
    assert not is_cut("beginning […]")
    assert not is_cut(None)


def test_white_space_makes_no_other_text() -> None:
    assert folded("a  b\r\n\r\n\r\nc ") == folded("a b\nc")
    assert folded("a b") != folded("a\nb")
    assert folded("a") != folded("b")
