"""Services on the edge."""
