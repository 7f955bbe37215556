"""The mutations of a C file: every place where one token or one statement may be changed, and into what.

The C is not parsed: it is clang-format's, so that blanks tell a product from a
pointer and a line holds one statement at most. Comments, strings, character constants and the preprocessor's lines
are left alone.
"""

import re

from mutation import of_lines, tokens

OPERATORS = {
    "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="], "!=": ["=="],
    "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["*"],
    "&&": ["||"], "||": ["&&"], "&": ["|"], "|": ["&"], "<<": [">>"], ">>": ["<<"],
    "+=": ["-="], "-=": ["+="], "*=": ["/="],
}


def neighbours(text):
    return [str(number) for number in (int(text, 0) + 1, int(text, 0) - 1) if number >= 0]


TOKENS = [
    ("operator", re.compile(r"(?<= )(<=|>=|==|!=|&&|\|\||<<|>>|\+=|-=|\*=|<|>|\+|-|\*|/|%|&|\|)(?= |$)"), OPERATORS.get),
    ("operator", re.compile(r"\+\+|--"), {"++": ["--"], "--": ["++"]}.get),
    ("operator", re.compile(r"!(?=[A-Za-z_(])"), lambda _: [""]),
    ("constant", re.compile(r"(?<![\w.\"])(0x[0-9a-fA-F]+|\d+)(?=[UL]*\b)(?![.\w]*\.)"), neighbours),
    ("constant", re.compile(r"\b(true|false)\b"), {"true": ["false"], "false": ["true"]}.get),
]
CONDITION = re.compile(r"^(\s*(?:\} else )?(?:if|while) \()(.*)(\) \{)$")
RESULT = re.compile(r"^(\s*return )([^;]+);$")
STATEMENT = re.compile(r"^\s*(?!return\b|break\b|continue\b|goto\b|case\b|default\b|else\b|do\b|typedef\b|enum\b)"
                       r"(?:\*?[A-Za-z_][\w.\->\[\]*+]* [-+*|&]?= .*|[A-Za-z_]\w*\(.*\)|[\w.\->]+(?:\+\+|--)|\(\*?\w+\).*);$")
DECLARED = re.compile(r"^\s*(?:static |const |unsigned |struct |enum |char |int |long |bool |size_t |double |void |CURL)")


def blank(text):
    """The text with its comments, strings and preprocessor lines blanked out, of the same length."""
    pattern = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])+\'|^[ \t]*#(?:\\\n|[^\n])*', re.S | re.M)
    return pattern.sub(lambda found: re.sub(r"[^\n]", "~", found.group()), text)


def changes(line, code):
    """Yields (kind, changed line); `code` is the line with what must stay blanked out."""
    yield from tokens(line, code, TOKENS)
    condition = CONDITION.match(line)
    if condition:
        yield "condition", f"{condition[1]}!({condition[2]}){condition[3]}"
    result = RESULT.match(line)
    if result and not re.fullmatch(r"true|false|\d+", result[2]):
        yield "result", f"{result[1]}0;"
    if STATEMENT.match(code) and not DECLARED.match(code):
        yield "statement", re.match(r"\s*", line).group() + ";"


def of_file(path, text):
    """All mutations of one file, in the order of its lines."""
    code = re.sub(r"~+[ \t]*$", lambda tail: " " * len(tail.group()), blank(text), flags=re.M)  # a comment behind the code
    return of_lines(path, text, code, changes)
