"""The report: from a run directory to one HTML file."""
