"""`python -m infra.lint`: all rules on all files, or on those named."""

import sys
from pathlib import Path

from infra.lint.exceptions import Exceptions
from infra.lint.rules import RULES
from infra.lint.source import Finding, file_names, read

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    exceptions = Exceptions.load(ROOT / "infra/lint/exceptions.toml")
    findings: list[Finding] = []
    count = 0
    for source in read(ROOT, arguments or file_names(ROOT)):
        count += 1
        for rule in RULES:
            findings += [found for found in rule(source) if not exceptions.cover(found)]
    if not arguments:
        findings += exceptions.unused()
    for finding in sorted(findings, key=lambda found: (found.path, found.line)):
        print(finding)
    print(f"our rules: {len(findings)} findings in {count} files")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
