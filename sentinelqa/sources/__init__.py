"""Where work comes from: requests in a table, existing images on disk or behind a URL."""
