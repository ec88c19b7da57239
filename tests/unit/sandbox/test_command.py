"""The command ``python -m django_skinsback.sandbox``."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest
import requests

from django_skinsback.sandbox import CLIENT_ID, CLIENT_SECRET
from django_skinsback.sandbox.__main__ import main


@contextmanager
def running(*arguments):
    command = [sys.executable, "-m", "django_skinsback.sandbox", "--port", "0", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if "Ctrl-C" in line:
                    break
            yield process, "".join(lines)
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_the_settings_logs_calls_and_stops_cleanly(number):
    with running("--result-url", "http://127.0.0.1:9/r/") as (process, banner):
        assert '"CLIENT_ID": "sandbox"' in banner
        assert "http://127.0.0.1:9/r/" in banner
        url = next(word for word in banner.split() if word.endswith("/api.php"))
        headers = {"X-CLIENT-ID": CLIENT_ID, "X-CLIENT-SECRET": CLIENT_SECRET}
        data = {"method": "market_buy", "id": "1", "partner": "7", "token": "Secr3t_t"}
        assert requests.post(url, data=data, headers=headers, timeout=5).json()["error_code"] == 5
        process.send_signal(number)
        log = process.stderr.read()
        assert process.wait(timeout=10) == 0
    assert "api market_buy: error 5 skin_unavailable" in log
    assert CLIENT_SECRET not in log
    assert "Secr3t_t" not in log


def test_a_port_in_use_is_an_error_message(capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["--port", str(port)]) == 2
    assert f"Cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


def test_another_file_is_not_overwritten_as_a_state_file(tmp_path, capsys):
    path = tmp_path / "notes.txt"
    path.write_text("my notes")
    assert main(["--port", "0", "--state-file", str(path)]) == 2
    assert "notes.txt" in capsys.readouterr().err
    assert path.read_text() == "my notes"


@pytest.mark.parametrize(("option", "value"), [("--result-url", "shop.example"), ("--multiplier", "7")])
def test_an_invalid_option_is_an_error_message(capsys, option, value):
    assert main(["--port", "0", option, value]) == 2
    assert capsys.readouterr().err


def test_without_jinja2_the_command_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert main(["--port", "0"]) == 2
    assert capsys.readouterr().err == "jinja2 is missing: pip install 'django-skinsback[sandbox]'\n"


def test_the_secret_cannot_be_chosen(capsys):
    with pytest.raises(SystemExit):
        main(["--client-secret", "mine"])
    assert "unrecognized arguments" in capsys.readouterr().err
