"""The views of the API. A view validates the request, calls a flow, and returns the result of the flow."""
