"""From a description of a training to a trained net (§3.1)."""
