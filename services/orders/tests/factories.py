"""Values for tests: a cart with two lines, shipped to Lyon, 74.90 EUR."""

import itertools
from datetime import UTC, datetime

from comptoir.orders.v1 import order_pb2
from comptoir.orders.v1 import orders_service_pb2 as pb
from comptoir.type.v1.money_pb2 import Money
from comptoir_orders.domain import assembly
from comptoir_orders.domain.numbers import order_number
from comptoir_orders.domain.orders import Delivery, DeliveryMode, Order, OrderLine, Quote, Totals
from comptoir_orders.domain.processes import Intent
from comptoir_orders.domain.sourcing import Allocation, parcels_of
from comptoir_orders.domain.tenders import TenderChoice
from comptoir_runtime.addresses import Address, Point

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LYON = Point(45.76, 4.83)


def line(sku: str, quantity: int, unit_price: int, discount: int = 0) -> OrderLine:
    total = quantity * unit_price - discount
    return OrderLine(
        id=f"lin_{sku}",
        sku=sku,
        name=f"Article {sku}",
        quantity=quantity,
        unit_price=unit_price,
        discount=discount,
        total=total,
        tax=total // 6,
        tax_rate="20",
    )


def quote(
    cart: str = "crt_1",
    *,
    owner: str = "cus_test",
    lines: tuple[OrderLine, ...] = (line("KETTLE", 2, 2500), line("LAMP", 1, 2000)),
    shipping: int = 490,
    delivery: Delivery | None = None,
    channel: str = "web",
    currency: str = "EUR",
) -> Quote:
    subtotal = sum(each.quantity * each.unit_price for each in lines)
    discount = sum(each.discount for each in lines)
    return Quote(
        fingerprint=f"fingerprint-{cart}",
        cart=cart,
        owner=owner,
        channel=channel,
        currency=currency,
        lines=lines,
        totals=Totals(
            subtotal=subtotal,
            discount=discount,
            shipping=shipping,
            tax=sum(each.tax for each in lines),
            total=subtotal - discount + shipping,
        ),
        delivery=delivery or to_lyon(),
        coupons=("BIENVENUE",),
    )


def to_lyon() -> Delivery:
    return Delivery(
        DeliveryMode.SHIP,
        Address(
            recipient="Camille Roux",
            lines=("3 rue des Lilas",),
            postal_code="69003",
            city="Lyon",
            country="FR",
        ),
        shipping_method="standard",
    )


def collected_in(store: str) -> Delivery:
    return Delivery(DeliveryMode.PICK_UP, location=store, shipping_method="store_pick_up")


def intent(
    cart: str = "crt_1",
    *,
    token: str = "tok_ok",
    buyer: str = "cus_test",
    tenders: tuple[TenderChoice, ...] = (),
) -> Intent:
    return Intent(
        cart=cart,
        cart_version="",
        quote=f"fingerprint-{cart}",
        tenders=tenders or (TenderChoice("card", token),),
        tender_currency="EUR" if any(each.amount for each in tenders) else "",
        return_url="https://shop.example/return",
        buyer=buyer,
        staff="" if buyer else "stf_test",
    )


# --- requests ----------------------------------------------------------------------------------

_numbers = itertools.count(1)


def unique() -> str:
    """A request id nobody has used."""
    return f"req-{next(_numbers)}"


def place_order(cart: str = "crt_1", *, token: str = "tok_ok") -> pb.PlaceOrderRequest:
    return pb.PlaceOrderRequest(
        request_id=unique(),
        cart=cart,
        quote=f"fingerprint-{cart}",
        payment=pb.PlaceOrderRequest.PaymentChoice(method="card", token=token),
        return_url="https://shop.example/return",
    )


def store_sale() -> pb.RecordStoreSaleRequest:
    """A kettle and a lamp for 45 EUR, paid in two ways."""
    return pb.RecordStoreSaleRequest(
        request_id=unique(),
        location="warehouse_lyon",
        customer="cus_test",
        lines=[
            pb.RecordStoreSaleRequest.Line(sku="KETTLE", quantity=1),
            pb.RecordStoreSaleRequest.Line(sku="LAMP", quantity=1),
        ],
        tenders=[
            order_pb2.Tender(kind="cash", amount=euros("20.00")),
            order_pb2.Tender(kind="terminal", amount=euros("25.00"), reference="T-1"),
        ],
    )


def euros(amount: str) -> Money:
    return Money(currency="EUR", amount=amount)


def order(order_id: str = "ord_1", serial: int = 1) -> Order:
    """Two kettles and a lamp from Lyon, just placed."""
    bought = quote()
    plan = tuple(
        Allocation(each.id, each.sku, "warehouse_lyon", each.quantity) for each in bought.lines
    )
    parcels = assembly.fulfilments(order_id, bought, parcels_of(plan), [f"ful_{serial}"], NOW)
    return assembly.order(
        order_id=order_id,
        number=order_number(NOW.year, serial),
        quote=bought,
        parcels=parcels,
        payments=("pay_1",),
        reservation="rsv_1",
        staff="",
        placement="plc_1",
        now=NOW,
    )
