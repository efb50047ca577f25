"""What the operating system does: programs, private files, signals."""
