"""Third-party clients and servers, against what is built here."""
