"""Where there are choices."""
