"""What draws any picture: plotly for pages and notebooks, matplotlib for files without a browser, SVG for a page before
its scripts."""
