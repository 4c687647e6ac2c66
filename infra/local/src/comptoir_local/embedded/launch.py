"""Becomes another program that ends with its parent: `launch.py PARENT SIGNAL UID GID PROGRAM …`.

A process of its own, not a `preexec_fn`: a fork of a process with threads runs other libraries'
fork handlers in the child, and gRPC's can abort it. Started with -I -S, so it only costs some
milliseconds and may use nothing but the standard library. UID and GID are -1 for "as we are".
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Change account, tie the process to its parent, and become the program."""
    parent, death_signal, uid, gid = (int(text) for text in sys.argv[1:5])
    program = sys.argv[5:]
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # After the change of account, which would undo it. macOS has no prctl.
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:  # It died before we asked.
        sys.exit(1)
    os.execv(program[0], program)  # noqa: S606 - becoming a program is what this is for


main()
