"""Testing as the paper tests (§3.2, §4)."""
