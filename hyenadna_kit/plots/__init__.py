"""Pictures: PNG and SVG made with matplotlib, which is an extra."""
