"""What is where, and who it is promised to."""
