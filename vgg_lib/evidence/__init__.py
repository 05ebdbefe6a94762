"""What was trained and what came out of it: records, claims, and the queue that trains what a claim needs."""
