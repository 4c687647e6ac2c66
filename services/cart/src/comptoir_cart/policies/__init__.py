"""Where there are choices: effects of coupons, and tax rates."""
