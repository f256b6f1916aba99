"""crmsync keeps two CRMs in step and enforces a marketing-to-sales process inside them."""

__version__ = "0.1.0"
