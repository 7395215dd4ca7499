"""Long videos of one's own, and a table of the expressions in them."""
