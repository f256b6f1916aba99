"""SOQL text to a syntax tree. Covers what a synchronising client sends; anything else is MALFORMED_QUERY."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from crmsync_salesforce.sim.errors import SalesforceError

TOKEN = re.compile(
    r"""\s*(?:(?P<string>'(?:\\.|[^'\\])*')
    |(?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
    |(?P<date>\d{4}-\d\d-\d\d)(?![\dT])
    |(?P<number>[+-]?\d+(?:\.\d+)?)(?![\w])
    |(?P<word>[A-Za-z_][\w.]*(?::\d+)?)
    |(?P<op><=|>=|!=|<>|=|<|>|\(|\)|,))""",
    re.VERBOSE,
)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "'": "'", '"': '"', "\\": "\\", "%": "\\%", "_": "\\_"}
AGGREGATES = ("COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG")
CLAUSES_WITH_BY = frozenset({"GROUP", "ORDER"})  # Group and Order are objects too: a clause only with BY behind it
RESERVED = frozenset({"WHERE", "ORDER", "LIMIT", "OFFSET", "GROUP", "FROM", "AND", "OR", "NOT", "IN", "LIKE", "ASC", "DESC", "NULLS"})


class Token(NamedTuple):
    """A lexical piece; `kind` is string, datetime, date, number, word, op or end. upper: of words and signs, their text in capitals; else empty."""

    kind: str
    text: str
    at: int
    upper: str


class Path(NamedTuple):
    """A field, perhaps through parents: Account.Name."""

    parts: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """COUNT(Id) and its like; `path` is None for COUNT()."""

    function: str
    path: Path | None
    alias: str | None


class Literal(NamedTuple):
    """A value: string, number, date, datetime, boolean, null, or range (a date literal such as LAST_N_DAYS:3)."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """path operator value(s); operators are =, !=, <, <=, >, >=, LIKE, IN, NOT IN."""

    path: Path
    operator: str
    values: tuple[Literal, ...]
    query: Query | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """AND, OR or NOT over conditions."""

    operator: str
    parts: tuple[Condition | Group, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One ORDER BY entry."""

    path: Path
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A parsed SELECT."""

    text: str
    select: tuple[Path | Aggregate | Query, ...]
    source: str
    source_at: int
    where: Condition | Group | None
    group_by: tuple[Path, ...]
    order: tuple[Order, ...]
    limit: int | None
    offset: int


def fault(text: str, at: int, code: str, message: str) -> SalesforceError:
    """A query error with the vendor's window on the text and its caret. [R:amp-labs unknown-object; R:cumulusci]"""
    start = max(0, at - 32)
    window = text[start : at + 40]
    pointer = f"\n{window}\n{' ' * (at - start)}^\nERROR at Row:1:Column:{at + 1}\n"
    return SalesforceError(code, pointer + message)


def parse(text: str) -> Query:
    """Parse one SOQL statement. Raises SalesforceError MALFORMED_QUERY."""
    if len(text) > 100_000:
        raise SalesforceError("QUERY_TOO_COMPLICATED", "SOQL statements cannot be longer than 100000 characters.")
    parser = Parser(text)
    query = parser.query()
    parser.expect_end()
    return query


class Parser:
    """Recursive descent over the token list."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[Token] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            matched = TOKEN.match(text, at)
            if matched is None or matched.lastgroup is None:
                at += len(text[at:]) - len(text[at:].lstrip())
                raise fault(text, at, "MALFORMED_QUERY", f"line 1:{at} no viable alternative at character '{text[at]}'")
            kind = matched.lastgroup
            found = matched[kind]
            self.tokens.append(Token(kind, found, matched.start(kind), found.upper() if kind in ("word", "op") else ""))
            at = matched.end()
        self.tokens.append(Token("end", "<EOF>", len(text), ""))
        self.index = 0

    # ---- token helpers ----
    def peek(self, *words: str) -> bool:
        """Whether the next tokens are these words or signs."""
        if self.tokens[self.index].upper != words[0]:
            return False
        following = self.tokens[self.index + 1 : self.index + len(words)]
        return [token.upper for token in following] == [*words[1:]]

    def take(self, *words: str) -> bool:
        """Consume these words when they come next."""
        if not self.peek(*words):
            return False
        self.index += len(words)
        return True

    def next(self) -> Token:
        """Consume any token."""
        token = self.tokens[self.index]
        if token.kind != "end":
            self.index += 1
        return token

    def unexpected(self, token: Token | None = None) -> SalesforceError:
        """The vendor's complaint about the next token."""
        token = token or self.tokens[self.index]
        return fault(self.text, token.at, "MALFORMED_QUERY", f"unexpected token: '{token.text}'")

    def expect(self, word: str) -> None:
        """Consume the word or complain."""
        if not self.take(word):
            raise self.unexpected()

    def expect_end(self) -> None:
        """Complain about leftovers."""
        if self.tokens[self.index].kind != "end":
            raise self.unexpected()

    def integer(self) -> int:
        """A whole number that is not negative."""
        token = self.next()
        if token.kind != "number" or not token.text.isdigit():
            raise self.unexpected(token)
        return int(token.text)

    # ---- grammar ----
    def query(self) -> Query:
        """SELECT ... FROM ... and all that may follow."""
        self.expect("SELECT")
        select = [self.item()]
        while self.take(","):
            select.append(self.item())
        self.expect("FROM")
        source = self.source()
        where = self.disjunction() if self.take("WHERE") else None
        group_by: list[Path] = []
        if self.take("GROUP", "BY"):
            group_by.append(self.path())
            while self.take(","):
                group_by.append(self.path())
        order: list[Order] = []
        if self.take("ORDER", "BY"):
            order.append(self.ordering())
            while self.take(","):
                order.append(self.ordering())
        limit = self.integer() if self.take("LIMIT") else None
        offset = self.integer() if self.take("OFFSET") else 0
        return Query(
            text=self.text,
            select=tuple(select),
            source=source.text,
            source_at=source.at,
            where=where,
            group_by=tuple(group_by),
            order=tuple(order),
            limit=limit,
            offset=offset,
        )

    def source(self) -> Token:
        """The object's name."""
        clause = self.peek("GROUP", "BY") or self.peek("ORDER", "BY")
        token = self.next()
        name = token.text.upper()
        if token.kind != "word" or clause or (name in RESERVED and name not in CLAUSES_WITH_BY):
            raise self.unexpected(token)
        return token

    def item(self) -> Path | Aggregate | Query:
        """A field, an aggregate, or a child query."""
        if self.take("("):
            inner = self.query()
            self.expect(")")
            return inner
        path = self.path()
        function = path.parts[0].upper()
        if len(path.parts) > 1 or not self.peek("("):
            return path
        if function not in AGGREGATES:
            raise self.unexpected()
        self.expect("(")
        inside = None if self.peek(")") else self.path()
        if inside is None and function != "COUNT":
            raise self.unexpected()
        self.expect(")")
        token = self.tokens[self.index]
        alias = None
        if token.kind == "word" and token.text.upper() not in RESERVED:
            alias = self.next().text
        return Aggregate(function=function, path=inside, alias=alias)

    def path(self) -> Path:
        """A dotted field name."""
        token = self.next()
        if token.kind != "word" or token.upper in RESERVED or ":" in token.text:
            raise self.unexpected(token)
        return Path(parts=tuple(token.text.split(".")), at=token.at)

    def ordering(self) -> Order:
        """field [ASC|DESC] [NULLS FIRST|LAST]; nulls come first unless told otherwise."""
        path = self.path()
        descending = not self.take("ASC") and self.take("DESC")
        nulls_last = False
        if self.take("NULLS"):
            nulls_last = self.take("LAST")
            if not nulls_last:
                self.expect("FIRST")
        return Order(path=path, descending=descending, nulls_last=nulls_last)

    def disjunction(self) -> Condition | Group:
        """a OR b, or a AND b; mixing without parentheses is refused, as the vendor does."""
        first = self.negation()
        parts: list[Condition | Group] = [first]
        for word, other in (("AND", "OR"), ("OR", "AND")):
            if not self.peek(word):
                continue
            while self.take(word):
                parts.append(self.negation())
            if self.peek(other):
                raise self.unexpected()
            return Group(operator=word, parts=tuple(parts))
        return first

    def negation(self) -> Condition | Group:
        """NOT x, (x), or a condition."""
        if self.take("NOT"):
            return Group(operator="NOT", parts=(self.negation(),))
        if self.take("("):
            inner = self.disjunction()
            self.expect(")")
            return inner
        return self.condition()

    def condition(self) -> Condition:
        """field operator value."""
        path = self.path()
        if self.take("NOT", "IN"):
            return self.membership(path, "NOT IN")
        if self.take("IN"):
            return self.membership(path, "IN")
        if self.take("LIKE"):
            return Condition(path=path, operator="LIKE", values=(self.literal(),))
        token = self.next()
        if token.kind != "op" or token.text in ("(", ")", ","):
            raise self.unexpected(token)
        operator = "!=" if token.text == "<>" else token.text
        return Condition(path=path, operator=operator, values=(self.literal(),))

    def membership(self, path: Path, operator: str) -> Condition:
        """IN (values) or IN (SELECT ...)."""
        self.expect("(")
        if self.peek("SELECT"):
            inner = self.query()
            self.expect(")")
            return Condition(path=path, operator=operator, values=(), query=inner)
        values = [self.literal()]
        while self.take(","):
            values.append(self.literal())
        self.expect(")")
        return Condition(path=path, operator=operator, values=tuple(values))

    def literal(self) -> Literal:
        """A value."""
        token = self.next()
        if token.kind == "string":
            return Literal(kind="string", text=self.unescape(token), at=token.at)
        if token.kind in ("number", "date", "datetime"):
            return Literal(kind=token.kind, text=token.text, at=token.at)
        if token.kind == "word":
            upper = token.text.upper()
            if upper in ("TRUE", "FALSE"):
                return Literal(kind="boolean", text=upper, at=token.at)
            if upper == "NULL":
                return Literal(kind="null", text=upper, at=token.at)
            return Literal(kind="range", text=upper, at=token.at)
        raise self.unexpected(token)

    def unescape(self, token: Token) -> str:
        """The text inside quotes; only the documented escapes are legal."""

        def replace(matched: re.Match[str]) -> str:
            if matched[1] not in ESCAPES:
                raise fault(self.text, token.at, "MALFORMED_QUERY", f"Illegal string escape: \\{matched[1]}")
            return ESCAPES[matched[1]]

        return re.sub(r"\\(.)", replace, token.text[1:-1], flags=re.DOTALL)
