"""Rules and values about people: pure."""
