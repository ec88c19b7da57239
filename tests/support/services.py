"""Finds the services that the tests can use on this machine."""

import os
import shutil
import socket

REQUIRED = os.environ.get("REQUIRE_SERVICES") == "1"
"""If set, a service that does not answer is a failure instead of a reason to skip."""

PORTS = {"postgresql": 5432, "mariadb": 3306, "redis": 6379, "rabbitmq": 5672}


def answers(service: str) -> bool:
    """Whether a server listens on the usual port of the service."""
    try:
        with socket.create_connection(("127.0.0.1", PORTS[service]), timeout=2):
            return True
    except OSError:
        return False


def chromium() -> str | None:
    """Return the path of Chromium; None if it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def missing() -> list[str]:
    """Return the names of the services that do not answer."""
    services = [service for service in PORTS if not answers(service)]
    return services if chromium() else [*services, "chromium"]
