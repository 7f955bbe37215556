"""A mutation: one change of one line."""

from typing import NamedTuple


class Mutation(NamedTuple):
    file: str  # relative to the tree
    line: int  # from 1
    kind: str  # operator, constant, condition, statement, value, ...
    before: str  # the whole line, without blanks around it
    after: str

    @property
    def key(self):
        """What stays the same while lines move: the file, the line's text and what becomes of it."""
        return self.file, self.before, self.after

    def __str__(self):
        return f"{self.file}:{self.line}: {self.kind}: {self.before}  =>  {self.after}"

    def apply(self, text):
        """The file's text with the change."""
        lines = text.split("\n")
        line = lines[self.line - 1]
        lines[self.line - 1] = line[:-len(line.lstrip())] + self.after
        return "\n".join(lines)


def tokens(line, code, rules):
    """Yields (kind, changed line) for rules (kind, pattern, what a text that it finds in the code becomes: a list)."""
    for kind, pattern, others in rules:
        for found in pattern.finditer(code):
            for other in others(found.group()):
                yield kind, line[:found.start()] + other + line[found.end():]


def of_lines(path, text, code, changes):
    """The mutations of a file. `code` is its text with what must stay blanked out; changes(line, code) yields pairs of a
    kind and the changed line."""
    return list(dict.fromkeys(Mutation(path, number, kind, line.strip(), after.strip())
                              for number, (line, plain) in enumerate(zip(text.split("\n"), code.split("\n")), 1)
                              for kind, after in changes(line, plain)))
