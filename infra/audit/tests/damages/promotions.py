"""Damages to promotions."""

from infra.audit.tests.damages.damage import Damage, unchecked

PROMOTIONS = (
    Damage(
        "a coupon was used more often than it counts",
        (("P1", ("WELCOME",)),),
        {"cart": "UPDATE coupon SET used_count = 1"},
    ),
    Damage(
        "a coupon was used more often than it may",
        (("P1", ("WELCOME",)),),
        {"cart": unchecked("coupon") + "UPDATE coupon SET usage_limit = 1"},
    ),
    Damage(
        "a customer's use was not counted",
        (("P1.customer", ("WELCOME", "cus_1")),),
        {"cart": "UPDATE coupon_customer SET used_count = 0 WHERE customer = 'cus_1'"},
    ),
    Damage(
        "a use was not given back",
        (
            ("P2", ("plc_failed", "WELCOME")),
            ("O5.failed", ("plc_failed", "ord_failed")),
        ),
        {
            "cart": "UPDATE redemption SET state = 1 WHERE checkout = 'plc_failed';\n"
            "UPDATE coupon SET used_count = 3;\n"
            "UPDATE coupon_customer SET used_count = 1 WHERE customer = 'cus_3'"
        },
    ),
    Damage(
        "a quote's tax is not what its rate gives",
        (("M13", ("plc_placed",)),),
        {
            "cart": "UPDATE checkout SET quote = jsonb_set(quote,"
            " '{priced,totals,taxes,0,rate,thousandths}', '10000') WHERE id = 'plc_placed'"
        },
    ),
    Damage(
        "a quote's tax is a cent off",
        (("M13", ("plc_placed",)),),
        {
            "cart": "UPDATE checkout SET quote = jsonb_set(quote,"
            " '{priced,totals,taxes,0,tax}', '249') WHERE id = 'plc_placed'"
        },
    ),
    Damage(
        "the tax on top of net prices is a cent off",
        (("M13", ("plc_waiting",)),),
        {
            "cart": "UPDATE checkout SET quote = jsonb_set(jsonb_set(quote,"
            " '{priced,totals,taxes,0,tax}', '261'), '{priced,totals,taxes,0,net}', '1309')"
            " WHERE id = 'plc_waiting'"
        },
    ),
    Damage(
        "a net line's tax is a cent off",
        (("M13", ("plc_waiting",)),),
        {
            "cart": "UPDATE checkout SET quote = jsonb_set(quote,"
            " '{priced,lines,0,tax}', '179') WHERE id = 'plc_waiting'"
        },
    ),
)
