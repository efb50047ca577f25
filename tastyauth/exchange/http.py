"""The HTTP library, named once: to move on to its continuation is to change this line."""

import httpx as http

__all__ = ["http"]
