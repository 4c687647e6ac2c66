from hypothesis import given
from hypothesis import strategies as st

from comptoir.pim.v1 import pim_service_pb2, product_pb2
from comptoir_pim.convert.published import page_of_documents


class TestPageOfDocuments:
    @given(st.lists(st.sampled_from([0, 1, 120, 130, 16_300, 16_400, 40_000]), max_size=5))
    def test_joined_documents_read_as_the_message_they_stand_for(self, sizes: list[int]) -> None:
        products = [product_pb2.PublishedProduct(description="x" * size) for size in sizes]
        expected = pim_service_pb2.ListPublishedProductsResponse(
            products=products, next_page_token="after"
        )

        page = page_of_documents((each.SerializeToString() for each in products), "after")

        assert page.SerializeToString() == expected.SerializeToString()
