"""Which account a server runs as, and where that account can reach its files.

PostgreSQL refuses to run as root. Started by root, it therefore runs as an unprivileged account
of the machine. That account often cannot enter the checkout or the virtual environment (a clone
under /root, which is 0700), and loosening the permissions of somebody's home folder is not ours to
do. Such files live in a private folder under /var/tmp instead, keyed by a digest of the path they
stand for, so that each checkout keeps its own.
"""

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

_CANDIDATES = ("postgres", "nobody")
_STANDIN_ROOT = Path("/var/tmp")  # noqa: S108 - `standin` refuses what others may write to


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the machine."""

    uid: int
    gid: int
    name: str


def server_account() -> Account | None:
    """The account for a server that refuses root; None when we are not root."""
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, name)
    raise LookupError(
        "PostgreSQL refuses to run as root, and none of these accounts exists: "
        + ", ".join(_CANDIDATES)
    )


def may_enter(folder: Path, account: Account) -> bool:
    """Whether `account` may pass through `folder` and every folder above it."""
    folder = folder.resolve()
    return all(_may_pass(path.stat(), account) for path in (folder, *folder.parents))


def _may_pass(entry: os.stat_result, account: Account) -> bool:
    if entry.st_uid == account.uid:
        return bool(entry.st_mode & stat.S_IXUSR)
    if entry.st_gid == account.gid:
        return bool(entry.st_mode & stat.S_IXGRP)
    return bool(entry.st_mode & stat.S_IXOTH)


def standin_path(path: Path) -> Path:
    """The private folder under /var/tmp that stands for `path`."""
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    return _STANDIN_ROOT / f"comptoir-{digest}"


def standin(path: Path) -> Path:
    """The stand-in folder of `path`, made if missing; refused when it is not ours.

    Everybody can write to /var/tmp: a folder of that name could be somebody else's trap.
    """
    folder = standin_path(path)
    try:
        folder.mkdir(mode=0o711)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise PermissionError(
                f"{folder} exists but is not a private folder of this user: remove it."
            ) from None
    else:
        # mkdir obeys the umask, which may be stricter than the server can live with.
        folder.chmod(0o711)
    return folder


def copy_for(source: Path, folders: list[str], version: str) -> Path:
    """Copy `folders` of `source` to its stand-in, once per version; returns where they are."""
    target = standin(source) / version
    if target.exists():
        return target
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=target.parent))
    for name in folders:
        if (source / name).exists():
            shutil.copytree(source / name, draft / name, symlinks=True)
    for path in [draft, *draft.rglob("*")]:
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
    try:
        draft.rename(target)
    except OSError:  # Another process finished the same copy first.
        shutil.rmtree(draft)
    return target
