"""Publishing: what the channels show, and what the other services learn of it."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from comptoir_pim import events
from comptoir_pim.domain.completeness import Refusal, missing_attributes
from comptoir_pim.domain.documents import Presenter, Subject, state_of, subject_of
from comptoir_pim.domain.products import Model, Product, lineage_of, resolved_values
from comptoir_pim.domain.structure import Roles, Structure
from comptoir_pim.errors import ChannelNotFound
from comptoir_pim.store import products as products_store
from comptoir_pim.store import publications as store
from comptoir_pim.store.structure import Structures
from comptoir_runtime.database import Session, Transactions

PUBLISH_BATCH = 100
NO_FAMILY = "the product has no family"
NOT_ENABLED = "the product is not enabled"
UNKNOWN = "there is no such product"
INCOMPLETE = "required attributes have no value"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What it takes to show products."""

    structure: Structure
    roles: Roles

    def presenter(self, channel: str) -> Presenter:
        """Shows products in a channel; raises `ChannelNotFound`."""
        found = self.structure.channels.get(channel)
        if found is None:
            raise ChannelNotFound(f"there is no channel {channel}", metadata={"channel": channel})
        return Presenter(self.structure, self.roles, found)


async def publish(
    session: Session, catalogue: Catalogue, channel: str, skus: Sequence[str]
) -> tuple[int, list[Refusal]]:
    """Publishes products; answers how many of them the channel shows now, and the refused ones.

    A product that is shown already and unchanged stays as it is: no new version, no event.
    """
    presenter = catalogue.presenter(channel)
    found = await products_store.lock_products(session, skus)
    models = await _models_above(session, found.values())
    refusals = [Refusal(sku, UNKNOWN) for sku in dict.fromkeys(skus) if sku not in found]
    accepted = []
    for product in found.values():
        refusal = _refusal(product, models, channel, catalogue.structure)
        if refusal is None:
            accepted.append(product)
        else:
            refusals.append(refusal)
    await products_store.lock_models(session, _roots(accepted, models))
    await _render(session, presenter, accepted, models)
    await _tell(session, catalogue, accepted, models)
    shown = await store.publications(session, channel, [each.id for each in found.values()])
    count = sum(each.state == store.PUBLISHED for each in shown.values())
    return count, sorted(refusals, key=lambda refusal: refusal.sku)


async def publish_many(
    transactions: Transactions,
    structures: Structures,
    roles: Roles,
    channel: str,
    skus: Sequence[str],
) -> tuple[int, list[Refusal]]:
    """Publishes products in short transactions, so that nobody waits for long; all when no sku.

    Can be run again from any point: what is published already stays as it is.
    """
    count, refusals, after = 0, [], ""
    wanted = list(dict.fromkeys(skus))
    while True:
        batch, wanted = wanted[:PUBLISH_BATCH], wanted[PUBLISH_BATCH:]

        async def publish_batch(
            session: Session, batch: list[str] = batch, after: str = after
        ) -> tuple[list[str], int, list[Refusal]]:
            catalogue = Catalogue(await structures.current(session), roles)
            if not skus:
                batch = await products_store.enabled_skus(session, after, PUBLISH_BATCH)
            return batch, *await publish(session, catalogue, channel, batch)

        done, shown, refused = await transactions.run(publish_batch)
        count += shown
        refusals += refused
        if not done or (skus and not wanted):
            return count, refusals
        after = done[-1]


async def withdraw(
    session: Session, catalogue: Catalogue, channel: str, skus: Sequence[str]
) -> int:
    """Takes products out of a channel; answers how many of them it had shown."""
    presenter = catalogue.presenter(channel)
    found = await products_store.lock_products(session, skus)
    return await _hide(session, catalogue, presenter, list(found.values()))


async def follow(session: Session, catalogue: Catalogue, ids: Collection[str]) -> None:
    """Shows products anew, in the channels that show them; for the transaction that changed them.

    What comes out the same is left alone. Products that are no longer enabled are withdrawn.
    """
    shown = await store.channels_of(session, ids)
    if not shown:
        return
    products = await products_store.products_by_id(session, shown)
    models = await _models_above(session, products.values())
    await products_store.lock_models(session, _roots(products.values(), models))
    by_channel: dict[str, list[Product]] = defaultdict(list)
    disabled: dict[str, list[Product]] = defaultdict(list)
    for product in products.values():
        for channel in shown[product.id]:
            (by_channel if product.enabled else disabled)[channel].append(product)
    for channel, hidden in sorted(disabled.items()):
        await _hide(session, catalogue, catalogue.presenter(channel), hidden)
    for channel, changed in sorted(by_channel.items()):
        await _render(session, catalogue.presenter(channel), changed, models)
    await _tell(session, catalogue, [each for each in products.values() if each.enabled], models)


async def refresh_outdated(session: Session, catalogue: Catalogue, limit: int) -> bool:
    """Shows products anew whose description has changed: labels, categories, channels.

    True when there may be more.
    """
    revision = catalogue.structure.shown_revision
    ids = await store.outdated_products(session, revision, limit)
    products = await products_store.products_by_id(session, set(ids))
    await products_store.lock_products(session, [each.sku for each in products.values()])
    await follow(session, catalogue, products)
    return len(ids) == limit


async def _hide(
    session: Session, catalogue: Catalogue, presenter: Presenter, products: Sequence[Product]
) -> int:
    models = await _models_above(session, products)
    await products_store.lock_models(session, _roots(products, models))
    hidden = set(await store.hide(session, presenter.channel.code, [p.id for p in products]))
    gone = [product for product in products if product.id in hidden]
    await _render(session, presenter, [], models, sisters_of=gone)
    await _tell(session, catalogue, gone, models)
    return len(gone)


async def _render(
    session: Session,
    presenter: Presenter,
    products: Sequence[Product],
    models: Mapping[str, Model],
    *,
    sisters_of: Sequence[Product] = (),
) -> None:
    """Shows products and, because each names the others, the variants beside them."""
    channel = presenter.channel.code
    roots = _roots([*products, *sisters_of], models)
    subjects = {each.id: subject_of(each, lineage_of(each.parent, models)) for each in products}
    if roots:
        leaves = await products_store.leaf_models(session, roots)
        shown = set(await store.shown_below(session, channel, leaves)) - subjects.keys()
        beside = await products_store.products_by_id(session, shown)
        above = {**models, **await _models_above(session, beside.values())}
        for product in beside.values():
            subjects[product.id] = subject_of(product, lineage_of(product.parent, above))
    if not subjects:
        return
    before = await store.publications(session, channel, subjects)
    changed, fresh = _changed(presenter, subjects, before, session)
    if changed:
        await store.show(session, channel, changed, presenter.structure.shown_revision)
    if fresh:
        await store.mark_fresh(session, channel, fresh, presenter.structure.shown_revision)


def _changed(
    presenter: Presenter,
    subjects: Mapping[str, Subject],
    before: Mapping[str, store.Publication],
    session: Session,
) -> tuple[list[store.Shown], list[str]]:
    """What has to be shown anew, and the ids of what already is as it should be."""
    families: dict[str, list[Subject]] = defaultdict(list)
    for subject in subjects.values():
        if subject.model:
            families[subject.model].append(subject)
    for variants in families.values():
        variants.sort(key=presenter.order)
    changed, fresh = [], []
    now = session.clock.now()
    for subject in _in_order(subjects.values(), presenter):
        product, last = subject.product, before.get(subject.product.id)
        messages = {
            locale: events.published_product(
                presenter.document(subject, locale, families.get(subject.model, ()))
            )
            for locale in presenter.channel.locales
        }
        categories = presenter.structure.ancestry(subject.categories, presenter.channel.tree)
        fingerprint = _fingerprint(
            *(each.SerializeToString() for each in messages.values()), *map(str.encode, categories)
        )
        if last and last.state == store.PUBLISHED and last.fingerprint == fingerprint:
            fresh.append(product.id)
            continue
        version = last.version + 1 if last else 1
        documents = {
            locale: events.dated(message, version, now) for locale, message in messages.items()
        }
        changed.append(
            store.Shown(product.id, product.sku, version, fingerprint, documents, categories)
        )
    return changed, fresh


async def _tell(
    session: Session,
    catalogue: Catalogue,
    products: Sequence[Product],
    models: Mapping[str, Model],
) -> None:
    """Emits the state of each product that is not what the others were told last."""
    ids = [product.id for product in products]
    shown = await store.channels_of(session, ids)
    told = await store.told_states(session, ids)
    presenters = {channel: catalogue.presenter(channel) for channel in catalogue.structure.channels}
    news = []
    for product in products:
        last = told.get(product.id)
        version = last.version + 1 if last else 1
        if product.id not in shown:
            if last is not None and not last.withdrawn:
                session.emit(events.product_withdrawn(product.id, product.sku, version))
                news.append(store.ToldState(product.id, version, True, b""))
            continue
        subject = subject_of(product, lineage_of(product.parent, models))
        channels = [presenters[channel] for channel in shown[product.id]]
        state = state_of(subject, channels, catalogue.structure, catalogue.roles)
        document = events.product_document(state)
        fingerprint = _fingerprint(document.SerializeToString(deterministic=True))
        if last is None or last.fingerprint != fingerprint:
            session.emit(events.product_shown(document, version))
            news.append(store.ToldState(product.id, version, False, fingerprint))
    if news:
        await store.keep_states(session, news)


def _refusal(
    product: Product, models: Mapping[str, Model], channel: str, structure: Structure
) -> Refusal | None:
    if not product.enabled:
        return Refusal(product.sku, NOT_ENABLED)
    if product.family not in structure.families:
        return Refusal(product.sku, NO_FAMILY)
    values = resolved_values(product.values, lineage_of(product.parent, models))
    missing = missing_attributes(values, product.family, channel, structure)
    return Refusal(product.sku, INCOMPLETE, missing) if missing else None


async def _models_above(session: Session, products: Iterable[Product]) -> dict[str, Model]:
    return await products_store.read_models(
        session, {product.parent for product in products if product.parent}
    )


def _roots(products: Iterable[Product], models: Mapping[str, Model]) -> set[str]:
    """The outermost models of these products."""
    lineages = (lineage_of(product.parent, models) for product in products)
    return {lineage[-1].code for lineage in lineages if lineage}


def _in_order(subjects: Iterable[Subject], presenter: Presenter) -> list[Subject]:
    """As a channel lists them when they are new: by sku, the variants of a model together."""
    return sorted(
        subjects,
        key=lambda each: (
            each.model or each.product.sku,
            presenter.order(each) if each.model else (),
        ),
    )


def _fingerprint(*parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(4, "big"))
        digest.update(part)
    return digest.digest()
