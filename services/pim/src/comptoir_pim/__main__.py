"""The only place where things are built and started."""

from datetime import timedelta

from comptoir.pim.v1 import pim_service_pb2
from comptoir_pim.domain.structure import Roles
from comptoir_pim.operations.import_work import Worker
from comptoir_pim.rpc import PimServicer
from comptoir_pim.settings import Settings
from comptoir_pim.store.structure import Structures
from comptoir_pim.subscribers import subscriptions
from comptoir_runtime import service
from comptoir_runtime.rpc import Binding
from comptoir_runtime.service import Parts, Runtime


async def build(runtime: Runtime, settings: Settings) -> Parts:
    """The parts of the pim service."""
    roles = Roles(
        name=settings.name_attribute,
        description=settings.description_attribute,
        gtin=settings.gtin_attribute,
        tax_class=settings.tax_class_attribute,
        weight=settings.weight_attribute,
        hidden_groups=frozenset(settings.hidden_attribute_groups),
    )
    structures = Structures()
    worker = Worker(
        transactions=runtime.database.background,
        structures=structures,
        roles=roles,
        batch_rows=settings.import_batch_rows,
        lease=timedelta(seconds=settings.import_lease_seconds),
    )
    servicer = PimServicer(structures, roles, worker.wake)
    return Parts(
        bindings=[Binding(pim_service_pb2.DESCRIPTOR.services_by_name["PimService"], servicer)],
        subscriptions=subscriptions(),
        background=[worker.run] if settings.work_imports else [],
    )


if __name__ == "__main__":
    service.main(
        "pim",
        Settings,
        build,
        metadata_module="comptoir_pim.tables",
        migrations_package="comptoir_pim",
    )
