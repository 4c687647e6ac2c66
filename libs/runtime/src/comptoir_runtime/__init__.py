"""What every service needs and that names no business noun."""
