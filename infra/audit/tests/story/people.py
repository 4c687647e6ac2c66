"""People, products, and events of the past."""

from infra.audit.tests.story.sales import AGO, SOON, Told, event_id


def tell_people(told: Told) -> None:
    told.insert(
        "customers",
        "customer",
        "id, number, email, password_hash, given_name, family_name, family_name_key, phone, locale,"
        " addresses, price_group, version, created_at, updated_at",
        "'cus_1', 'C1', 'one@example.com', '$argon2id$v=19$hash', '', '', '', '', 'fr', '[]', '',"
        f" 1, {AGO}, {AGO}",
    )
    told.insert(
        "customers",
        "refresh_token",
        "digest, nonce, session, expires_at, spent_at",
        f"sha256('first'), 'nonce', 'ses_1', {SOON}, {AGO}",
        f"sha256('second'), 'nonce', 'ses_1', {SOON}, NULL",
    )
    told.event("customers", "SigningKeyState", "key_1", kind=2)
    told.event("customers", "CustomerState", "cus_1", kind=2)
    told.event("pim", "ProductState", "prd_1", kind=2)
    told.insert(
        "customers",
        "dead_letter",
        "id, producer, subject, type, payload, headers, error, deliveries, state",
        f"'{event_id('CartCreated', 'crt_old')}', 'cart', 'comptoir.cart.v1.CartCreated.crt_old',"
        " 'comptoir.cart.v1.CartCreated', '', '{}', 'it was fixed', 8, 'redriven'",
    )
    told.insert(
        "cart",
        "inbox_cursor",
        "producer, type, contiguous_seq",
        "'orders', 'comptoir.orders.v1.OrderPlaced', 4",
    )
