"""The views of the API, a module for each kind of address. They validate, call a flow, and show its result."""
