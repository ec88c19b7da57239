"""The package as a site has it that installs no extra, and as it is built."""
