"""The operators that the model spends its time in, each with interchangeable backends."""
