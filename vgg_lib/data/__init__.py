"""Photographs: where they come from, how they are kept, and how training crops are made of them."""
