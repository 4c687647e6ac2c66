"""The bank's page of a 3-D Secure challenge: self-contained, nothing fetched from anywhere."""

from html import escape
from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from comptoir_psp_sandbox.domain import Payment, Status

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sandbox bank</title><style>
body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem}}
button{{font:inherit;padding:.6rem 1.2rem;margin-right:.5rem}}
</style></head><body><h1>Sandbox bank</h1>
<p>Payment <code>{id}</code><br>Order <strong>{reference}</strong><br>
Amount <strong>{amount} {currency}</strong> (minor units), card •• {last4}</p>
{body}</body></html>"""

_FORM: Final = """<form method="post"><button name="outcome" value="success">Approve</button>
<button name="outcome" value="fail">Refuse</button></form>"""


def page(payment: Payment) -> bytes:
    waiting = payment.status is Status.REQUIRES_ACTION
    body = _FORM if waiting else f"<p>Nothing left to do: the payment is {payment.status}.</p>"
    return _PAGE.format(
        id=escape(payment.id),
        reference=escape(payment.reference),
        amount=payment.amount,
        currency=escape(payment.currency),
        last4=payment.card.last4,
        body=body,
    ).encode()


def return_address(payment: Payment) -> str:
    """Where the buyer goes next: the shop's address, told which payment and how it stands."""
    parts = urlsplit(payment.return_url)
    added = urlencode({"payment_id": payment.id, "status": payment.status})
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))
