"""Products: read by staff, created and changed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from comptoir_pim.domain.columns import ASSOCIATION_TYPE, SKU, TAX_CLASS
from comptoir_pim.domain.products import (
    Change,
    GivenValue,
    Model,
    Problem,
    Product,
    all_categories,
    changed_model,
    changed_product,
    lineage_of,
    take_values,
    unique_values,
)
from comptoir_pim.errors import InvalidProduct, ProductNotFound
from comptoir_pim.operations.publications import Catalogue, follow
from comptoir_pim.store import products as store
from comptoir_pim.store.products import ProductView
from comptoir_runtime import etag
from comptoir_runtime.database import Session
from comptoir_runtime.errors import Violation
from comptoir_runtime.ids import new_id


@dataclass(slots=True)
class Outcome:
    """What became of one change; `refused` when a problem is more than a warning."""

    problems: list[Problem]
    product: Product | None = None
    model: Model | None = None
    created: bool = False
    changed: bool = False

    @property
    def refused(self) -> bool:
        return any(not problem.warning for problem in self.problems)


async def get_product(session: Session, catalogue: Catalogue, key: str) -> ProductView:
    """A product by id or sku; raises `ProductNotFound`."""
    view = await store.view_product(session, key, catalogue.roles.tax_class)
    if view is None:
        raise ProductNotFound(f"there is no product {key}", metadata={"product": key})
    return view


async def list_products(
    session: Session, catalogue: Catalogue, family: str, category: str, after: str, limit: int
) -> list[ProductView]:
    """Products by sku."""
    return await store.list_products(
        session,
        family=family,
        category=category,
        after=after,
        limit=limit,
        tax_attribute=catalogue.roles.tax_class,
    )


async def upsert_products(
    session: Session, catalogue: Catalogue, given: Sequence[tuple[Change, list[GivenValue]]]
) -> list[ProductView]:
    """Creates or changes products, all or none; raises `InvalidProduct` with every violation."""
    skus = [change.key for change, _ in given]
    violations = [
        Violation(f"products[{index}].sku", f"{sku} is there twice")
        for index, sku in enumerate(skus)
        if sku in skus[:index]
    ]
    for index, (change, values) in enumerate(given):
        problems = _checked(change, values, catalogue)
        violations += _violations(problems, f"products[{index}]")
    if not violations:
        outcomes = await change_products(session, catalogue, [change for change, _ in given])
        for index, outcome in enumerate(outcomes):
            violations += _violations(outcome.problems, f"products[{index}]")
    if violations:
        raise InvalidProduct("a product breaks the rules of its family", violations=violations)
    views = await store.view_products(session, skus, catalogue.roles.tax_class)
    return [views[sku] for sku in skus]


async def update_product(
    session: Session,
    catalogue: Catalogue,
    product_id: str,
    given: tuple[Change, list[GivenValue]],
    fields: set[str],
    expected_etag: str,
) -> ProductView:
    """Changes a product; raises `ProductNotFound`, `StaleEtag` or `InvalidProduct`."""
    before = await store.lock_product(session, product_id)
    if before is None:
        raise ProductNotFound(f"there is no product {product_id}", metadata={"product": product_id})
    etag.check(expected_etag, before.version)
    change, values = given
    change.key = before.sku
    if "values" in fields:
        change.replaced = frozenset(before.values)
    if "associations" in fields:
        change.association_types = frozenset(before.associations)
    if change.categories is not None:
        change.categories = await _own_categories(session, before, change.categories)
    violations = _violations(_checked(change, values, catalogue), "product")
    if not violations:
        (outcome,) = await change_products(session, catalogue, [change])
        violations = _violations(outcome.problems, "product")
    if violations:
        raise InvalidProduct("the product breaks the rules of its family", violations=violations)
    return await get_product(session, catalogue, product_id)


def _checked(change: Change, values: Sequence[GivenValue], catalogue: Catalogue) -> list[Problem]:
    problems = take_values(change, values, catalogue.structure)
    for kind, skus in change.associations.items():
        if ASSOCIATION_TYPE.fullmatch(kind) is None:
            problems.append(Problem("associations", kind, f"{kind!r} is no association type"))
        problems += [
            Problem("associations", sku, f"{sku!r} is no sku")
            for sku in skus
            if SKU.fullmatch(sku) is None
        ]
    if change.tax_class and TAX_CLASS.fullmatch(change.tax_class) is None:
        problems.append(Problem("tax_class", change.tax_class, "is no code of a tax class"))
    return problems


def _violations(problems: Sequence[Problem], where: str) -> list[Violation]:
    """For a caller who is present a warning is a refusal too: nothing is left out silently."""
    return [
        Violation(f"{where}.{problem.column}" if problem.column else where, problem.reason)
        for problem in problems
    ]


async def _own_categories(
    session: Session, before: Product, given: Sequence[str]
) -> tuple[str, ...]:
    """The given categories without those that come from the models anyway."""
    models = await store.read_models(session, [before.parent] if before.parent else [])
    inherited = all_categories((), lineage_of(before.parent, models))
    return tuple(code for code in given if code in before.categories or code not in inherited)


async def change_products(
    session: Session, catalogue: Catalogue, changes: Sequence[Change]
) -> list[Outcome]:
    """Applies changes of different skus in one transaction; what is published follows.

    A refused change has no effect, the others do: whoever wants all or none raises.
    """
    before = await store.lock_products(session, [change.key for change in changes])
    parents = {change.parent for change in changes} | {each.parent for each in before.values()}
    models = await store.read_models(session, {parent for parent in parents if parent})
    outcomes = []
    for change in changes:
        parent = change.parent
        if parent is None:
            parent = before[change.key].parent if change.key in before else ""
        product, problems = changed_product(
            before.get(change.key),
            change,
            lineage_of(parent, models),
            catalogue.structure,
            gtin_attribute=catalogue.roles.gtin,
        )
        outcomes.append(Outcome(problems, product=product))
    await _refuse_taken(session, catalogue, before, outcomes)
    await _suggest_parents(session, outcomes)
    written = [each for each in map(_versioned(before), outcomes) if each is not None]
    if written:
        await _write_products(session, catalogue, before, written)
    return outcomes


async def change_models(
    session: Session, catalogue: Catalogue, changes: Sequence[Change]
) -> list[Outcome]:
    """Applies changes of different models in one transaction; published variants follow.

    A model that others stand on comes before them.
    """
    codes = {change.key for change in changes} | {change.parent or "" for change in changes}
    await store.lock_models(session, codes)
    models = await store.read_models(session, codes)
    before = {change.key: models[change.key] for change in changes if change.key in models}
    taken = await _owners_of_axes(session, before, changes)
    outcomes = []
    for change in changes:
        known = before.get(change.key)
        parent = (known.parent if known else "") if change.parent is None else change.parent
        lineage = lineage_of(parent, models)
        model, problems = changed_model(known, change, lineage, catalogue.structure)
        outcome = Outcome(problems, model=model)
        if model is not None and model.axes is not None:
            _claim_axes(taken, model.parent, model.axes, model.code, known, outcome)
        _versioned_model(known, outcome)
        if outcome.model is not None:
            models[change.key] = outcome.model
        outcomes.append(outcome)
    written = [each.model for each in outcomes if each.changed and each.model is not None]
    if written:
        await store.write_models(session, written)
        await _variants_follow(session, catalogue, before, written)
    return outcomes


# --- what one batch may not do ------------------------------------------------------------------


async def _refuse_taken(
    session: Session,
    catalogue: Catalogue,
    before: Mapping[str, Product],
    outcomes: Sequence[Outcome],
) -> None:
    """Refuses values that another product has: unique attributes, and axes among variants."""
    news = [
        each.product
        for each in outcomes
        if each.product is not None and each.product != before.get(each.product.sku)
    ]
    structure = catalogue.structure
    places = {(each.parent, each.axes) for each in news if each.axes is not None}
    owners = await store.taken_axes(session, places)
    values = {pair for each in news for pair in unique_values(each.values, structure).items()}
    holders = await store.taken_values(session, values)
    for outcome in outcomes:
        product = outcome.product
        if product is None:
            continue
        known = before.get(product.sku)
        if product.axes is not None:
            _claim_axes(owners, product.parent, product.axes, product.sku, known, outcome)
        _claim_values(holders, product, known, outcome, catalogue)


def _claim_axes(
    owners: dict[tuple[str, str], str],
    parent: str,
    axes: str,
    key: str,
    known: Product | Model | None,
    outcome: Outcome,
) -> None:
    owner = owners.get((parent, axes))
    if owner not in (None, key):
        reason = f"{owner} below {parent} already has {axes}"
        _refuse(outcome, Problem("", axes, reason))
        return
    if known is not None and known.axes is not None:
        owners.pop((known.parent, known.axes), None)
    owners[parent, axes] = key


def _claim_values(
    holders: dict[tuple[str, str], str],
    product: Product,
    known: Product | None,
    outcome: Outcome,
    catalogue: Catalogue,
) -> None:
    own = unique_values(product.values, catalogue.structure)
    for attribute, value in own.items():
        holder = holders.get((attribute, value))
        if holder not in (None, product.sku):
            _refuse(outcome, Problem(attribute, value, f"{holder} already has this value"))
            return
    if known is not None:
        for pair in unique_values(known.values, catalogue.structure).items():
            holders.pop(pair, None)
    for pair in own.items():
        holders[pair] = product.sku


def _refuse(outcome: Outcome, problem: Problem) -> None:
    outcome.problems.append(problem)
    outcome.product = outcome.model = None


async def _suggest_parents(session: Session, outcomes: Sequence[Outcome]) -> None:
    """Names the model that was meant when only upper and lower case differ."""
    unknown = [
        (outcome, index, problem)
        for outcome in outcomes
        for index, problem in enumerate(outcome.problems)
        if problem.column == "parent" and problem.reason.startswith("there is no product model")
    ]
    if not unknown:
        return
    similar = await store.similar_models(session, {problem.value for _, _, problem in unknown})
    for outcome, index, problem in unknown:
        meant = similar.get(problem.value.lower())
        if meant is not None:
            reason = f"{problem.reason}; {meant} differs in upper and lower case"
            outcome.problems[index] = replace(problem, reason=reason)


# --- writing -----------------------------------------------------------------------------------


def _versioned(before: Mapping[str, Product]) -> Callable[[Outcome], Product | None]:
    """Gives changed products their id and version; None for what needs no writing."""

    def number(outcome: Outcome) -> Product | None:
        product = outcome.product
        if product is None:
            return None
        known = before.get(product.sku)
        if known == product:
            return None
        outcome.changed, outcome.created = True, known is None
        if known is None:
            outcome.product = replace(product, id=new_id("prd"), version=1)
        else:
            outcome.product = replace(product, version=known.version + 1)
        return outcome.product

    return number


def _versioned_model(known: Model | None, outcome: Outcome) -> None:
    model = outcome.model
    if model is not None and model != known:
        outcome.changed, outcome.created = True, known is None
        outcome.model = replace(model, version=known.version + 1 if known else 1)


async def _write_products(
    session: Session,
    catalogue: Catalogue,
    before: Mapping[str, Product],
    products: Sequence[Product],
) -> None:
    await store.write_products(session, products)
    values, created, moved, existing = {}, [], [], []
    for product in products:
        known = before.get(product.sku)
        own = unique_values(product.values, catalogue.structure)
        if own != (unique_values(known.values, catalogue.structure) if known else {}):
            values[product.id] = own
        if known is None:
            created.append(product.sku)
            continue
        existing.append(product.id)
        if _place(known) != _place(product):
            moved.append(product.sku)
    await store.keep_unique_values(session, values)
    await store.link_categories(session, created, new=True)
    await store.link_categories(session, moved)
    await follow(session, catalogue, existing)


def _place(product: Product) -> tuple[str, tuple[str, ...]]:
    return product.parent, product.categories


async def _owners_of_axes(
    session: Session, before: Mapping[str, Model], changes: Iterable[Change]
) -> dict[tuple[str, str], str]:
    """Who has which axes below the models that get new ones; only siblings can collide."""
    parents = {change.parent for change in changes if change.parent}
    parents |= {model.parent for model in before.values() if model.parent}
    return await store.axes_below(session, parents)


async def _variants_follow(
    session: Session,
    catalogue: Catalogue,
    before: Mapping[str, Model],
    written: Sequence[Model],
) -> None:
    updated = [model for model in written if model.code in before]
    leaves = await store.leaf_models(session, {model.code for model in updated})
    variants = await store.variants_of(session, leaves)
    moved = {model.code for model in updated if model.categories != before[model.code].categories}
    below = await store.variants_of(session, await store.leaf_models(session, moved))
    await store.link_categories(session, below.values())
    await follow(session, catalogue, variants)
