"""The effects a coupon may have, by name; one small file each."""

from collections.abc import Mapping

from comptoir_cart.domain.promotions import Effect
from comptoir_cart.policies.promotions.amount_off import AmountOff
from comptoir_cart.policies.promotions.percent_off import PercentOff

EFFECTS: Mapping[str, Effect] = {"percent": PercentOff(), "amount": AmountOff()}
