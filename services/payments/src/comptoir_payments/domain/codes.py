"""Codes of gift cards: derived from a secret, never kept; only their hash is.

A code is sixteen characters of Crockford's alphabet, eighty bits: nobody guesses one. As it is
derived from the card's id, the request that issued the card can be told it again.
"""

import hashlib
import hmac

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 16
_GROUP = 4
# What people read or type for another character.
_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1", " ": "", "-": ""})


def code_of(secret: str, card: str) -> str:
    """The code of a card, grouped for people: `7F2K-…`."""
    digest = hmac.digest(secret.encode(), f"gift card {card}".encode(), "sha256")
    number = int.from_bytes(digest[:10], "big")
    letters = "".join(ALPHABET[number >> 5 * place & 31] for place in range(_LENGTH))
    return "-".join(letters[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))


def hash_of(code: str) -> bytes:
    """What is kept of a code, however it was typed."""
    return hashlib.sha256(code.upper().translate(_ALIKE).encode()).digest()


def display_of(code: str) -> str:
    """What its holder recognises."""
    return f"•••• {code[-_GROUP:]}"
