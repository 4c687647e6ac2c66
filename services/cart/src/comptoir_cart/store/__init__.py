"""Every query and every lock of this service.

Locks are taken in one order: carts by id, then coupons by code; prices by sku.
"""
