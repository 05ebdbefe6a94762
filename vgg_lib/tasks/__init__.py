"""What a trained net is good for besides: features for other data sets (App. B), and boxes (App. A)."""
