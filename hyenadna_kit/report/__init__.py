"""Pages that hold all they show: HTML and SVG written by our own code, light and dark."""
