"""The mutations of a C file: every place where one token or one statement may be changed, and into what.

The C is not parsed: it is clang-format's, so that blanks tell a product from a
pointer and a line holds one statement at most. Comments, strings, character constants and the preprocessor's lines
are left alone.
"""

import re

from mutation import of_lines

OPERATORS = {
    "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="], "!=": ["=="],
    "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["*"],
    "&&": ["||"], "||": ["&&"], "&": ["|"], "|": ["&"], "<<": [">>"], ">>": ["<<"],
    "+=": ["-="], "-=": ["+="], "*=": ["/="],
}
SPACED = re.compile(r"(?<= )(<=|>=|==|!=|&&|\|\||<<|>>|\+=|-=|\*=|<|>|\+|-|\*|/|%|&|\|)(?= |$)")
STEP = re.compile(r"\+\+|--")
NOT = re.compile(r"!(?=[A-Za-z_(])")
NUMBER = re.compile(r"(?<![\w.\"])(0x[0-9a-fA-F]+|\d+)(?=[UL]*\b)(?![.\w]*\.)")
WORD = re.compile(r"\b(true|false)\b")
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

    def replaced(found, by):
        return line[:found.start()] + by + line[found.end():]

    for found in SPACED.finditer(code):
        for other in OPERATORS[found.group()]:
            yield "operator", replaced(found, other)
    for found in STEP.finditer(code):
        yield "operator", replaced(found, "--" if found.group() == "++" else "++")
    for found in NOT.finditer(code):
        yield "operator", replaced(found, "")
    for found in NUMBER.finditer(code):
        number = int(found.group(), 0)
        for other in (number + 1, number - 1):
            if other >= 0:
                yield "constant", replaced(found, str(other))
    for found in WORD.finditer(code):
        yield "constant", replaced(found, "false" if found.group() == "true" else "true")
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
