"""tastyauth hands out tastytrade access tokens from a declared configuration."""

__version__ = "0.1.0"
