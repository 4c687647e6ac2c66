from tests.load.against import compared
from tests.load.figures import Figure


class TestCompared:
    def test_the_ratio_is_that_of_turns_which_shared_the_machine(self) -> None:
        # The second round fell into a busy minute, for both.
        ours = [{"cart": 9.0}, {"cart": 18.0}, {"cart": 9.0}]
        theirs = [{"cart": 10.0}, {"cart": 20.0}, {"cart": 10.0}]
        assert compared(ours, theirs)[0] == Figure("against", 0.9, "times the processor")

    def test_the_buyers_are_not_of_the_platform(self) -> None:
        ours = [{"cart": 3.0, "nats": 1.0, "load-client": 7.0}]
        theirs = [{"cart": 4.0, "nats": 4.0, "load-client": 1.0}]
        assert compared(ours, theirs) == [
            Figure("against", 0.5, "times the processor"),
            Figure("against.cpu", 4.0, "ms/order", 8.0),
            Figure("against.cpu.cart", 3.0, "ms/order", 4.0),
            Figure("against.cpu.nats", 1.0, "ms/order", 4.0),
        ]

    def test_a_process_that_only_one_has_burns_nothing_at_the_other(self) -> None:
        told = compared([{"cart": 2.0}], [{"cart": 2.0, "cache": 2.0}])
        assert Figure("against.cpu.cache", 0.0, "ms/order", 2.0) in told

    def test_each_process_is_told_by_its_median(self) -> None:
        ours = [{"cart": 1.0}, {"cart": 2.0}, {"cart": 90.0}]
        theirs = [{"cart": 4.0}, {"cart": 4.0}, {"cart": 4.0}]
        assert Figure("against.cpu.cart", 2.0, "ms/order", 4.0) in compared(ours, theirs)
