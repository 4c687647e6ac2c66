"""Category trees."""

from collections.abc import Mapping
from dataclasses import replace

from comptoir_pim.domain.structure import Category

MAX_DEPTH = 50


class NoSuchParent(Exception):
    """The category above does not exist."""


class Cycle(Exception):
    """A category would lie below itself."""


def planted(category: Category, others: Mapping[str, Category]) -> Category:
    """The category with its tree and path; raises `NoSuchParent` or `Cycle`."""
    if not category.parent:
        return replace(category, tree=category.code, path=(category.code,))
    above = others.get(category.parent)
    if above is None:
        raise NoSuchParent(category.parent)
    if category.code in above.path or len(above.path) >= MAX_DEPTH:
        raise Cycle(category.code)
    return replace(category, tree=above.tree, path=(*above.path, category.code))


def replanted(moved: Category, categories: Mapping[str, Category]) -> list[Category]:
    """Those below a category that has moved, parents first, with their new trees and paths."""
    changed = {moved.code: moved}
    below = (each for each in categories.values() if moved.code in each.path[:-1])
    for category in sorted(below, key=lambda each: len(each.path)):
        changed[category.code] = planted(category, changed)
    del changed[moved.code]
    return list(changed.values())
