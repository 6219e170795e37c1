"""The report: one HTML page that holds all of an experiment and reads offline."""
