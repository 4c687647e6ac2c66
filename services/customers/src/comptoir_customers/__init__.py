"""One person, known everywhere, on their own terms."""
