"""Page tokens that the suite makes up from one that was given."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from comptoir_runtime.paging import DIGEST_BYTES
from comptoir_testing.suites.paging import with_made_up_positions


def test_the_digest_is_kept_whatever_its_bytes_are() -> None:
    digest = b"[" * DIGEST_BYTES
    given = urlsafe_b64encode(digest + json.dumps(["a", 1]).encode()).rstrip(b"=").decode()

    bodies = [urlsafe_b64decode(each + "==") for each in with_made_up_positions(given)]

    made_up = [body.removeprefix(digest).decode() for body in bodies]
    assert {'["a", 1, "more"]', "[true, 1]", '["a", null]'} <= set(made_up)
    assert '["a", 1]' not in made_up
