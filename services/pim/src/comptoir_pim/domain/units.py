"""Units of measurement: which exist, how they are written, and weight in grams."""

from decimal import ROUND_HALF_UP, Decimal

# Unit family → unit → symbol. A family that is not listed takes any unit.
UNITS: dict[str, dict[str, str]] = {
    "Weight": {
        "MICROGRAM": "µg",
        "MILLIGRAM": "mg",
        "GRAM": "g",
        "KILOGRAM": "kg",
        "TON": "t",
        "OUNCE": "oz",
        "POUND": "lb",
    },
    "Length": {
        "MICROMETER": "µm",
        "MILLIMETER": "mm",
        "CENTIMETER": "cm",
        "DECIMETER": "dm",
        "METER": "m",
        "KILOMETER": "km",
        "INCH": "in",
        "FEET": "ft",
        "YARD": "yd",
        "MILE": "mi",
    },
    "Area": {
        "SQUARE_CENTIMETER": "cm²",
        "SQUARE_METER": "m²",
        "SQUARE_KILOMETER": "km²",
        "HECTARE": "ha",
        "SQUARE_INCH": "in²",
        "SQUARE_FOOT": "ft²",
    },
    "Volume": {
        "MILLILITER": "ml",
        "CENTILITER": "cl",
        "DECILITER": "dl",
        "LITER": "l",
        "CUBIC_CENTIMETER": "cm³",
        "CUBIC_METER": "m³",
        "PINT": "pt",
        "GALLON": "gal",
    },
    "Power": {"WATT": "W", "KILOWATT": "kW", "MEGAWATT": "MW"},
    "Voltage": {"MILLIVOLT": "mV", "VOLT": "V", "KILOVOLT": "kV"},
    "Temperature": {"CELSIUS": "°C", "FAHRENHEIT": "°F", "KELVIN": "K"},
    "Duration": {
        "MILLISECOND": "ms",
        "SECOND": "s",
        "MINUTE": "min",
        "HOUR": "h",
        "DAY": "d",
        "WEEK": "wk",
        "MONTH": "mo",
        "YEAR": "y",
    },
    "Frequency": {"HERTZ": "Hz", "KILOHERTZ": "kHz", "MEGAHERTZ": "MHz", "GIGAHERTZ": "GHz"},
    "Binary": {
        "BYTE": "B",
        "KILOBYTE": "kB",
        "MEGABYTE": "MB",
        "GIGABYTE": "GB",
        "TERABYTE": "TB",
    },
    "Energy": {"JOULE": "J", "KILOJOULE": "kJ", "KILOCALORIE": "kcal", "KILOWATTHOUR": "kWh"},
    "Decibel": {"DECIBEL": "dB"},
    "Angle": {"DEGREE": "°"},
}

_GRAMS = {
    "MICROGRAM": Decimal("0.000001"),
    "MILLIGRAM": Decimal("0.001"),
    "GRAM": Decimal(1),
    "KILOGRAM": Decimal(1000),
    "TON": Decimal(1_000_000),
    "OUNCE": Decimal("28.349523125"),
    "POUND": Decimal("453.59237"),
}
_SYMBOLS = {unit: symbol for units in UNITS.values() for unit, symbol in units.items()}
_MAX_GRAMS = 2**31 - 1


def is_unit(family: str, unit: str) -> bool:
    """Whether the unit belongs to the family; any unit does when the family is not known here."""
    known = UNITS.get(family)
    return unit != "" if known is None else unit in known


def symbol(unit: str) -> str:
    """How a unit is written after a number."""
    return _SYMBOLS.get(unit, unit.replace("_", " ").lower())


def grams(amount: str, unit: str) -> int:
    """A weight in whole grams, halves up; 0 when the unit is no weight or the sum is absurd."""
    factor = _GRAMS.get(unit)
    if factor is None:
        return 0
    weight = int((Decimal(amount) * factor).quantize(Decimal(1), ROUND_HALF_UP))
    return weight if 0 <= weight <= _MAX_GRAMS else 0
