"""Plans are generic: a filter that may be absent is a statement of its own."""

import re
from collections.abc import Iterator

from infra.lint.source import Finding, Source

RULE = "plan"
_OPTIONAL = re.compile(r"\(\$\d+(::\w+)? (= ''|= 0|IS NULL) OR [\w.]+ = (ANY ?\()?\$\d+")


def check_plans(source: Source) -> Iterator[Finding]:
    """One plan for both cases reads everything, whatever the filter is."""
    if source.room != "store":
        return
    for number, line in enumerate(source.lines, 1):
        if found := _OPTIONAL.search(line):
            message = f"{found[0]}…: add the condition to a Where of the runtime when it is wanted"
            yield source.finding(RULE, number, message)
