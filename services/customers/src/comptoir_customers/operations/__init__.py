"""What happens in which order: one function per procedure or event."""
