"""Signs of life of the processes that no page waits for, and what is told of them."""
