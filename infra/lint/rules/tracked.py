"""What may not be in git: what is made by tools, and where somebody's machine keeps things."""

import re
from collections.abc import Iterator

from infra.lint.source import Finding, Source

GENERATED = re.compile(r"(_pb2(_grpc)?\.pyi?|_pb\.py|\.binpb|\.pyc|(^|/)uv\.lock)$")
# Put together from parts, so that this file does not break its own rule.
HOSTS = ("py" + "pi.org", "python" + "hosted.org", "registry.npm" + "js.org", "deb.deb" + "ian.org")
FOLDERS = ("/wo" + "rk/", "/ro" + "ot/", "/opt/py" + "pi", "/home/[a-z]+/", "/Use" + "rs/")
ADDRESS = re.compile(
    "|".join([re.escape(host) for host in HOSTS] + [rf"(?<![\w.}}])({'|'.join(FOLDERS)})"])
)


def check_generated(source: Source) -> Iterator[Finding]:
    if GENERATED.search(source.path):
        yield source.finding("generated", 1, "made by a tool; ignore it and make it at install")


def check_addresses(source: Source) -> Iterator[Finding]:
    """Registries and folders are the choice of whoever runs this."""
    for number, line in enumerate(source.lines, 1):
        found = ADDRESS.search(line)
        if found:
            message = f"{found.group()}: no registry hosts and no paths of one machine"
            yield source.finding("address", number, message)
