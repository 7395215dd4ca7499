"""Where in a long video an expression is: features, scores, intervals, counts."""
