"""Which servers the suite can use: those that answer on this machine."""

import os
import shutil
import socket

REQUIRED = os.environ.get("REQUIRE_SERVICES") == "1"
"""Set where a service that does not answer is a failure and not a reason to skip."""

PORTS = {"postgresql": 5432, "mariadb": 3306, "redis": 6379, "rabbitmq": 5672}


def answers(service: str) -> bool:
    """Whether something listens where the service usually does."""
    try:
        with socket.create_connection(("127.0.0.1", PORTS[service]), timeout=2):
            return True
    except OSError:
        return False


def chromium() -> str | None:
    """Where the browser is."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def missing() -> list[str]:
    """Names of what does not answer here."""
    services = [service for service in PORTS if not answers(service)]
    return services if chromium() else [*services, "chromium"]
