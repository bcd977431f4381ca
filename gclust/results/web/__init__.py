"""The report of a run as one HTML file that needs no network: its parts, style and script."""
