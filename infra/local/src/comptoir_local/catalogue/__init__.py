"""Loading a catalogue: product data as files, the rest as frontends and tills would send it."""

from comptoir_local.catalogue.loader import LoadReport, load

__all__ = ["LoadReport", "load"]
