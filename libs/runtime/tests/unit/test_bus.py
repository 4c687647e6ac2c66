from comptoir_runtime.bus import Bus


class TestBus:
    def test_replicas_have_inboxes_of_their_own_whichever_servers_they_know(self) -> None:
        one, other = Bus("nats://a:4222, nats://b:4222", "cart"), Bus("nats://b:4222", "cart")

        inboxes = {bus.new_inbox() for bus in (one, other, one, other)}

        assert len(inboxes) == 4
        assert all(inbox.startswith("_INBOX_cart.") for inbox in inboxes)
        assert {inbox.count(".") for inbox in inboxes} == {1}
