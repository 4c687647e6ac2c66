"""What this service refuses, and why."""

from comptoir_runtime.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound


class ProductNotPublished(NotFound):
    """The channel does not show such a product."""


class ProductNotFound(NotFound):
    """There is no such product."""


class ChannelNotFound(NotFound):
    """There is no such channel."""


class CategoryNotFound(NotFound):
    """There is no such category."""


class ImportNotFound(NotFound):
    """There is no such import."""


class CategoryExists(AlreadyExists):
    """The code of the category is taken."""


class CategoryCycle(FailedPrecondition):
    """A category cannot lie below itself."""


class InvalidProduct(InvalidArgument):
    """A product breaks the rules of its family; the violations tell where."""


class UnknownImportFile(InvalidArgument):
    """The name of the file does not tell what it holds."""


class EmptyImport(InvalidArgument):
    """There is no file to import."""
