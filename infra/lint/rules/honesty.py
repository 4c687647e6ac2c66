"""Suppressions carry their reason, and nothing is left for later."""

import io
import re
import tokenize
from collections.abc import Iterator

from infra.lint.source import Finding, Source

SUPPRESSION = re.compile(
    r"#\s*(?:noqa(?::\s*[A-Z]+[0-9]+(?:\s*,\s*[A-Z]+[0-9]+)*)?"
    r"|type:\s*ignore(?:\[[\w\-, ]*\])?"
    r"|mypy:\s*[\w-]+|pragma:\s*no \w+|fmt:\s*(?:off|skip)|ruff:\s*\w+(?:\[[\w\-, ]*\])?)"
)
SHORTEST_REASON = 5
# Put together, so that this file does not break its own rule.
OPEN_END = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "HA" + "CK")) + r")\b")


def check_suppressions(source: Source) -> Iterator[Finding]:
    """A reason follows on the same line, or stands in a comment right above."""
    if not source.is_python or not SUPPRESSION.search(source.text):
        return
    for number, comment in comments(source.text):
        if not SUPPRESSION.search(comment):
            continue
        reason = SUPPRESSION.sub("", comment).strip(" #:-–—")
        if len(reason) < SHORTEST_REASON and not explained_above(source.lines, number):
            message = "say why this check is switched off, after it or in the line above"
            yield source.finding("suppression", number, message)


def explained_above(lines: list[str], number: int) -> bool:
    """Whether a comment precedes the line, or the block of suppressed lines it is part of."""
    index = number - 2
    while index >= 0 and SUPPRESSION.search(lines[index]):
        index -= 1
    return index >= 0 and lines[index].strip().startswith("#")


def comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def check_open_ends(source: Source) -> Iterator[Finding]:
    """What is to be done is in the issue tracker, not in the code."""
    for number, line in enumerate(source.lines, 1):
        found = OPEN_END.search(line)
        if found:
            yield source.finding("open-end", number, f"{found.group()}: do it or file an issue")
