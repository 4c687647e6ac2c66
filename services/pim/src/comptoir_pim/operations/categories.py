"""Category trees."""

from collections.abc import Iterable
from dataclasses import replace

from comptoir_pim.domain.categories import Cycle, NoSuchParent, planted, replanted
from comptoir_pim.domain.structure import Category, Structure
from comptoir_pim.errors import CategoryCycle, CategoryExists, CategoryNotFound
from comptoir_pim.store import products as products_store
from comptoir_pim.store import structure as store
from comptoir_pim.store.structure import Structures
from comptoir_runtime import etag
from comptoir_runtime.database import Session


async def create_category(session: Session, structures: Structures, category: Category) -> Category:
    """Adds a category; raises `CategoryExists`, or `CategoryNotFound` for its parent."""
    await store.lock_structure(session)
    structure = await structures.current(session)
    if category.code in structure.categories:
        raise CategoryExists(
            f"the category {category.code} exists", metadata={"category": category.code}
        )
    created = _planted(category, structure)
    await store.write_structure(session, [created], shown=False)
    return created


async def update_category(
    session: Session,
    structures: Structures,
    given: Category,
    fields: set[str],
    expected_etag: str,
) -> Category:
    """Changes the named fields: labels, position, parent. A move takes those below along.

    Raises `CategoryNotFound`, `StaleEtag`, or `CategoryCycle` for a move below itself.
    """
    await store.lock_structure(session)
    structure = await structures.current(session)
    before = structure.categories.get(given.code)
    if before is None:
        raise _not_found(given.code)
    etag.check(expected_etag, before.version)
    after = replace(
        before,
        labels=given.labels if "label" in fields else before.labels,
        position=given.position if "position" in fields else before.position,
        parent=given.parent if "parent" in fields else before.parent,
    )
    after = _planted(after, structure)
    if after == before:
        return before
    after = replace(after, version=before.version + 1)
    moved = replanted(after, structure.categories) if after.path != before.path else []
    await save_categories(session, structure, [after, *moved])
    return after


async def save_categories(
    session: Session, before: Structure, categories: Iterable[Category]
) -> None:
    """Writes categories; products in those that have moved are listed and shown anew."""
    changed = list(categories)
    skus: set[str] = set()
    for category in changed:
        known = before.categories.get(category.code)
        if known is not None and known.path != category.path:
            skus.update(await products_store.skus_in_category(session, category.code))
    await store.write_structure(session, changed, shown=bool(skus))
    await products_store.link_categories(session, skus)


def _planted(category: Category, structure: Structure) -> Category:
    try:
        return planted(category, structure.categories)
    except NoSuchParent:
        raise _not_found(category.parent) from None
    except Cycle:
        raise CategoryCycle(
            f"{category.parent} lies below {category.code}", metadata={"category": category.code}
        ) from None


def _not_found(code: str) -> CategoryNotFound:
    return CategoryNotFound(f"there is no category {code}", metadata={"category": code})
