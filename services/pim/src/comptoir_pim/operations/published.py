"""What the public reads."""

from collections.abc import Sequence

from comptoir_pim.domain.documents import Selection
from comptoir_pim.domain.structure import Channel
from comptoir_pim.domain.words import language_of
from comptoir_pim.errors import ChannelNotFound, ProductNotPublished
from comptoir_pim.store import publications as store
from comptoir_pim.store.structure import Structures
from comptoir_runtime.database import Session
from comptoir_runtime.ids import is_id

DEFAULT_CHANNEL = "web"


async def get_published_product(
    session: Session, structures: Structures, key: str, selection: Selection
) -> bytes:
    """The serialised document of a product by id or sku; raises `ProductNotPublished`."""
    found = await channel_of(session, structures, selection.channel)
    place = {"product_id": key} if is_id(key, "prd") else {"sku": key}
    locale = locale_of(found, selection.locales)
    document = await store.get_document(session, found.code, locale, **place)
    if document is None:
        raise ProductNotPublished(
            f"{found.code} shows no product {key}",
            metadata={"product": key, "channel": found.code},
        )
    return document


async def list_published_products(
    session: Session, structures: Structures, selection: Selection, after: int, limit: int
) -> list[tuple[int, bytes]]:
    """Serialised documents with their positions, oldest publication first."""
    found = await channel_of(session, structures, selection.channel)
    return await store.list_documents(
        session,
        channel=found.code,
        locale=locale_of(found, selection.locales),
        after=after,
        limit=limit,
        category=selection.category,
        skus=selection.skus,
    )


async def channel_of(session: Session, structures: Structures, code: str) -> Channel:
    """A channel, "web" when none is named; raises `ChannelNotFound`."""
    code = code or DEFAULT_CHANNEL
    structure = await structures.recent(session)
    if code not in structure.channels:
        structure = await structures.current(session)
    found = structure.channels.get(code)
    if found is None:
        raise ChannelNotFound(f"there is no channel {code}", metadata={"channel": code})
    return found


def locale_of(channel: Channel, wanted: Sequence[str]) -> str:
    """The first wanted locale the channel has, or one of its language, else the channel's first."""
    for each in wanted:
        locale = each.replace("-", "_")
        if locale in channel.locales:
            return locale
        language = language_of(locale).lower()
        for known in channel.locales:
            if language and language_of(known) == language:
                return known
    return channel.locales[0]
