"""One customer buys across channels, told through the gateway's HTTP alone."""
