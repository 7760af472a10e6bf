"""Models of others: where they lie, and the formats in which they are published."""
