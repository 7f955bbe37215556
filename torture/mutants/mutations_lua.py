"""The mutations of a Lua file: every place where one token, value or statement may be changed, and into what.

The Lua is not parsed: what does not compile is no mutation, and blanks are around operators. Comments and strings are
left alone.
"""

import re

from mutation import of_lines, tokens

OPERATORS = {
    "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["~="], "~=": ["=="],
    "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "//": ["*"], "%": ["*"], "and": ["or"], "or": ["and"],
}
SWAPPED = {"true": ["false"], "false": ["true"], "math.max": ["math.min"], "math.min": ["math.max"],
           "math.floor": ["math.ceil"], "math.ceil": ["math.floor"]}


def other_numbers(text):
    """What a number becomes: its neighbours, but where those mean the same to anything (a fraction, a bound in bytes)."""
    if "." in text:
        return str(float(text) * 2), str(float(text) / 2)
    number = int(text)
    return (str(number * 2), str(number // 2)) if number >= 1000 else (str(number + 1), str(abs(number - 1)))


TOKENS = [
    ("operator", re.compile(r"(?<= )(<=|>=|==|~=|<|>|\+|-|\*|//|/|%|and|or)(?= |$)"), OPERATORS.get),
    ("operator", re.compile(r"\bnot "), lambda _: [""]),
    ("constant", re.compile(r"(?<![\w.])\d+(\.\d+)?(?![\w.])"), other_numbers),
    ("constant", re.compile(r"(?<![\w.:])(true|false|math\.max|math\.min|math\.floor|math\.ceil)\b"), SWAPPED.get),
]
CONDITION = re.compile(r"\b(if|elseif|while) (.*?) (then|do)\b|\b(until) (.*)$")
# A help text is the manual's.
FIELD = re.compile(r"(?<=[{ ,])((?!help\b)\w+ = )([^,{}()]+|[^,{}()]*\([^()]*\))(?=,| ?\})")
# Statements of one line: a call, an assignment, an `if` with all that belongs to it, a way out of a loop.
STATEMENT = re.compile(r"^\s*(?:[A-Za-z_][\w.:\[\]#, +\-~]*?(?: = .+|\(.*\)| ?[{~].*)|if .* then .* end|break|error\(.*\))(?<!,)$")
KEYWORD = re.compile(r"^\s*(?:local|return|function|end|else|elseif|for|while|repeat|until|do|goto)\b")
ASSIGNED = re.compile(r"^(\s*(?:local )?[\w.\[\]:<>, ]+? = )([^=].*?)(,?)$")
RETURNED = re.compile(r"\b(return )(.+?)( end.*)?$")
# What would fail at once, is a function that begins here, or means the same as nil to what asks for a truth.
PLAIN = re.compile(r"nil\b|false\b|\{\}|function\b|require\b")
DECLARED = re.compile(r"\bfunction(?: [\w.:]*)?$")
CALL = re.compile(r"(?<=[\w\]])\(([^()]*(?:\([^()]*\)[^()]*)*)\)")
STRING = r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"


def blank(text):
    """The text with its comments and strings blanked out, of the same length: with blanks, and "$" for strings."""
    pattern = re.compile(rf"--\[(=*)\[.*?\]\1\]|--[^\n]*|\[(=*)\[.*?\]\2\]|{STRING}", re.S)

    def cover(found):
        return re.sub(r"[^\n]", " " if found.group().startswith("--") else "$", found.group())

    return pattern.sub(cover, text)


def last_argument(inside):
    """Where the last argument of a call begins, with the comma before it."""
    depth, begin = 0, 0
    for at, letter in enumerate(inside):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            begin = at
    return begin


def changes(line, code):
    """Yields (kind, changed line)."""
    code = code.rstrip()
    if not code.strip():
        return

    def replaced(start, end, by):
        return line[:start] + by + line[end:]

    yield from tokens(line, code, TOKENS)
    for found in CONDITION.finditer(code):
        group = 2 if found[1] else 5
        yield "condition", replaced(*found.span(group), f"not ({line[found.start(group):found.end(group)]})")
    for found in [ASSIGNED.match(code), *FIELD.finditer(code), RETURNED.search(code)]:
        if found and not PLAIN.match(found[2]):
            yield "value", replaced(*found.span(2), "nil")
    for found in CALL.finditer(code):
        if found[1].strip() and not DECLARED.search(code[:found.start()]):
            yield "argument", replaced(found.start(1) + last_argument(found[1]), found.end(1), "")
    if STATEMENT.match(code) and not KEYWORD.match(code):
        yield "statement", re.match(r"\s*", line).group() + ";"


def of_file(path, text):
    """All mutations of one file, in the order of its lines."""
    return of_lines(path, text, blank(text), changes)
