"""Where an address is: roughly, in the middle of its French department or territory.

Good enough to tell which location is nearer; never shown to anybody.
"""

from comptoir_runtime.addresses import Address, Point

CENTRES: dict[str, Point] = {
    "01": Point(46.1, 5.35),
    "02": Point(49.56, 3.56),
    "03": Point(46.39, 3.19),
    "04": Point(44.11, 6.24),
    "05": Point(44.66, 6.26),
    "06": Point(43.94, 7.12),
    "07": Point(44.75, 4.42),
    "08": Point(49.62, 4.64),
    "09": Point(42.92, 1.5),
    "10": Point(48.3, 4.16),
    "11": Point(43.1, 2.41),
    "12": Point(44.28, 2.68),
    "13": Point(43.54, 5.09),
    "14": Point(49.1, -0.36),
    "15": Point(45.05, 2.67),
    "16": Point(45.72, 0.2),
    "17": Point(45.78, -0.67),
    "18": Point(47.06, 2.49),
    "19": Point(45.36, 1.88),
    "21": Point(47.42, 4.77),
    "22": Point(48.44, -2.86),
    "23": Point(46.09, 2.02),
    "24": Point(45.1, 0.74),
    "25": Point(47.17, 6.36),
    "26": Point(44.68, 5.17),
    "27": Point(49.11, 1.0),
    "28": Point(48.39, 1.37),
    "29": Point(48.26, -4.06),
    "2A": Point(41.86, 8.99),
    "2B": Point(42.39, 9.21),
    "30": Point(43.99, 4.18),
    "31": Point(43.36, 1.17),
    "32": Point(43.69, 0.45),
    "33": Point(44.83, -0.58),
    "34": Point(43.58, 3.37),
    "35": Point(48.15, -1.64),
    "36": Point(46.78, 1.58),
    "37": Point(47.26, 0.69),
    "38": Point(45.26, 5.58),
    "39": Point(46.73, 5.7),
    "40": Point(43.97, -0.78),
    "41": Point(47.62, 1.43),
    "42": Point(45.73, 4.17),
    "43": Point(45.13, 3.81),
    "44": Point(47.36, -1.68),
    "45": Point(47.91, 2.34),
    "46": Point(44.62, 1.6),
    "47": Point(44.37, 0.46),
    "48": Point(44.52, 3.5),
    "49": Point(47.39, -0.56),
    "50": Point(49.08, -1.33),
    "51": Point(48.95, 4.24),
    "52": Point(48.11, 5.23),
    "53": Point(48.15, -0.66),
    "54": Point(48.79, 6.17),
    "55": Point(48.99, 5.38),
    "56": Point(47.85, -2.81),
    "57": Point(49.04, 6.66),
    "58": Point(47.12, 3.5),
    "59": Point(50.45, 3.22),
    "60": Point(49.41, 2.43),
    "61": Point(48.62, 0.13),
    "62": Point(50.49, 2.29),
    "63": Point(45.73, 3.14),
    "64": Point(43.26, -0.76),
    "65": Point(43.05, 0.16),
    "66": Point(42.6, 2.52),
    "67": Point(48.67, 7.55),
    "68": Point(47.86, 7.27),
    "69": Point(45.87, 4.64),
    "70": Point(47.64, 6.09),
    "71": Point(46.64, 4.54),
    "72": Point(47.99, 0.22),
    "73": Point(45.48, 6.44),
    "74": Point(46.03, 6.43),
    "75": Point(48.86, 2.34),
    "76": Point(49.66, 1.03),
    "77": Point(48.63, 2.93),
    "78": Point(48.81, 1.84),
    "79": Point(46.56, -0.32),
    "80": Point(49.96, 2.28),
    "81": Point(43.79, 2.17),
    "82": Point(44.09, 1.28),
    "83": Point(43.46, 6.22),
    "84": Point(44.01, 5.19),
    "85": Point(46.67, -1.3),
    "86": Point(46.56, 0.46),
    "87": Point(45.89, 1.24),
    "88": Point(48.2, 6.38),
    "89": Point(47.84, 3.56),
    "90": Point(47.63, 6.93),
    "91": Point(48.52, 2.24),
    "92": Point(48.85, 2.25),
    "93": Point(48.92, 2.48),
    "94": Point(48.78, 2.47),
    "95": Point(49.08, 2.13),
    "971": Point(16.2, -61.5),
    "972": Point(14.65, -61.0),
    "973": Point(3.95, -53.1),
    "974": Point(-21.12, 55.53),
    "975": Point(46.95, -56.33),
    "976": Point(-12.82, 45.15),
    "977": Point(17.9, -62.83),
    "978": Point(18.07, -63.05),
    "986": Point(-13.77, -177.16),
    "987": Point(-17.65, -149.43),
    "988": Point(-21.3, 165.5),
}


def point_of(address: Address | None) -> Point | None:
    """The address's own point, else the middle of its French department, else None."""
    if address is None:
        return None
    if address.point is not None:
        return address.point
    if address.country != "FR":
        return None
    return CENTRES.get(_department(address.postal_code.replace(" ", "")))


def _department(postal_code: str) -> str:
    """The department a French postal code belongs to, such as `69`, `2A` or `974`."""
    if len(postal_code) != 5 or not postal_code.isdigit():
        return ""
    if postal_code.startswith(("97", "98")):
        return postal_code[:3]
    if postal_code.startswith("20"):
        # Corsica: 200xx and 201xx lie in the south, 202xx and 206xx in the north.
        return "2A" if postal_code[2] in "01" else "2B"
    return postal_code[:2]
