"""Bugs in who may do what. When a line they are planted in changes, they change with it."""

from tests.mutations.mutant import Mutant

_RUNTIME = "libs/runtime/src/comptoir_runtime"
_RUNTIME_TESTS = "libs/runtime/tests/integration"

SECURITY = (
    Mutant(
        "every certificate of the house may call",
        f"{_RUNTIME}/tls.py",
        "if self._admitted.isdisjoint(peer.get(_URIS, ())):",
        "if not peer.get(_URIS, ()):",
        f"{_RUNTIME_TESTS}/rpc/test_tls.py -k another_service_of_the_house",
    ),
    Mutant(
        "callers need not show a certificate",
        f"{_RUNTIME}/tls.py",
        "require_client_authentication=True",
        "require_client_authentication=False",
        f"{_RUNTIME_TESTS}/rpc/test_tls.py -k without_a_certificate",
    ),
    Mutant(
        "a service takes the deliveries of another on NATS",
        f"{_RUNTIME}/bus/permissions.py",
        "denied |= set(_requests(stream, other.service))",
        "denied |= set()",
        "infra/local/tests/integration/test_nats_users.py -k nobody_reads",
    ),
    Mutant(
        "every role may look at the server's own databases",
        "infra/local/src/comptoir_local/embedded/postgres.py",
        "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC",
        "GRANT CONNECT ON DATABASE postgres, template1 TO PUBLIC",
        "infra/local/tests/integration/test_roles.py -k opens_no_other_database",
    ),
    Mutant(
        "the auditor may write",
        "infra/postgres/roles.sql",
        "GRANT SELECT ON TABLES TO %I', auditor",
        "GRANT ALL ON TABLES TO %I', auditor",
        "infra/local/tests/integration/test_roles.py -k WhoReads",
    ),
    Mutant(
        "a new key signs under the name of the old one",
        f"{_RUNTIME}/auth/identity.py",
        "if each.issuer == issuer and each.public == public:",
        "if each.issuer == issuer:",
        "libs/runtime/tests/unit/test_auth.py -k listed_by",
    ),
)
