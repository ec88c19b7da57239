"""The keys of the sandbox's two projects. The keys are public, and give access only to a sandbox."""

CLIENT_ID = "sandbox"
CLIENT_SECRET = "sandbox-secret-never-real"  # noqa: S105 - public on purpose: it gives access to the sandbox only

SECRETS = {
    CLIENT_ID: CLIENT_SECRET,
    "sandbox-2": "sandbox-2-secret-never-real",
}
"""Client ID -> Client Secret of both projects."""

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8600
