"""The only place where things are built and started."""

from __future__ import annotations

from comptoir.customers.v1 import customers_service_pb2
from comptoir_contracts.permissions import every_permission
from comptoir_customers.operations.keys import Signer, replace_keys
from comptoir_customers.operations.people import put_first_staff_member
from comptoir_customers.operations.sessions import Sessions
from comptoir_customers.operations.vault import KeyVault
from comptoir_customers.policies.passwords import Argon2Passwords
from comptoir_customers.rpc import CustomersServicer
from comptoir_customers.settings import Settings
from comptoir_customers.subscribers import subscriptions
from comptoir_runtime import service
from comptoir_runtime.auth import Verifier
from comptoir_runtime.database import Database, Session
from comptoir_runtime.rpc import Binding
from comptoir_runtime.service import Parts, Runtime


async def build(runtime: Runtime, settings: Settings) -> Parts:
    """The parts of the customers service."""
    passwords = Argon2Passwords()
    signer = Signer(runtime.transactions, KeyVault(settings.key_encryption_key))
    sessions = Sessions(runtime.transactions, signer, passwords, Verifier(runtime.keyring))

    async def bootstrap() -> None:
        if not settings.bootstrap_staff_email:
            return
        hashed = await passwords.hash(settings.bootstrap_staff_password)

        async def put(session: Session) -> None:
            email = settings.bootstrap_staff_email
            await put_first_staff_member(session, email, hashed, every_permission())

        await runtime.transactions.run(put)

    descriptor = customers_service_pb2.DESCRIPTOR.services_by_name["CustomersService"]
    return Parts(
        bindings=[Binding(descriptor, CustomersServicer(sessions, passwords))],
        subscriptions=subscriptions(),
        background=[signer.run, bootstrap],
        makes_keys=True,
    )


async def replace_signing_keys(database: Database, settings: Settings) -> str:
    """For keys that somebody may have."""
    vault = KeyVault(settings.key_encryption_key)
    made = await database.transactions.run(lambda session: replace_keys(session, vault))
    return f"{made.kid} signs from now on; tokens of all other keys are refused"


REPLACE_KEYS = service.Command(
    "replace-keys",
    "sign users' tokens with a new key from now on, and trust none of the others any more",
    replace_signing_keys,
)


if __name__ == "__main__":
    service.main(
        "customers",
        Settings,
        build,
        metadata_module="comptoir_customers.tables",
        migrations_package="comptoir_customers",
        commands=[REPLACE_KEYS],
    )
