"""What notebooks show of graphs, nodes, packages and parity reports: HTML and SVG, without scripts, in light and dark themes."""
