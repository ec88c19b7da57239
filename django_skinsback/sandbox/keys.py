"""The sandbox's two projects. Their keys are public constants: nobody can mistake them for real ones."""

CLIENT_ID = "sandbox"
CLIENT_SECRET = "sandbox-secret-never-real"  # noqa: S105 - public on purpose, opens nothing but the sandbox

SECRETS = {
    CLIENT_ID: CLIENT_SECRET,
    "sandbox-2": "sandbox-2-secret-never-real",
}
"""Client ID -> Client Secret of every project the sandbox knows."""

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8600
