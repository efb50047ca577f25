"""Clients and servers that nobody here wrote, against what is built here."""
