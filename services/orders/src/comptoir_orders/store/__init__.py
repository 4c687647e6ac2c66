"""Every query and every lock of this service."""
