"""Run with ``pytest example_project --ds=example_project.config.settings``; the whole suite does so by itself."""
