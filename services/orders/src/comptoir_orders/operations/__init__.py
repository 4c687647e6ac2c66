"""What happens in which order: one public function per procedure or event."""
