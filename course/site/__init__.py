"""The course as a web page: pages for Sphinx from the built notebooks, and what Sphinx needs besides."""
