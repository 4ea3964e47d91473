"""Transport `ssh`: the user's own OpenSSH, one connection for all processes of a command. argv only."""

import re
import shlex
import sys

from cosmosctl.domain.project import Host
from cosmosctl.transport.address import Address, parse_address
from cosmosctl.transport.protocol import Trouble
from cosmosctl.transport.ssh_config import config_file

RSYNC_TIMEOUT_S = 60
"""Silence after which rsync gives up, at both ends; else a lost connection leaves `rsync --server` for minutes."""


def command(host: Host, argv: tuple[str, ...]) -> tuple[str, ...]:
    """ssh takes one text for the shell there, so `argv` is quoted here once more."""
    return (*_ssh(host), "--", _address(host).destination, shlex.join(argv))


def rsync_options(host: Host) -> tuple[str, ...]:
    return (f"--rsh={_rsh(_ssh(host))}", f"--timeout={RSYNC_TIMEOUT_S}")


def rsync_path(host: Host, path: str) -> str:
    return f"{_address(host).rsync_host}:{path}"


def rsync_source(host: Host, path: str) -> str:
    """rsync expands wildcards in what it is to read, by itself, even when -s keeps the shell out of it.

    A backslash means something there only beside a wildcard (rsync's util1.c, glob_match; tried with 3.5.0).
    """
    return rsync_path(host, re.sub(r"([*?\[\\])", r"\\\1", path) if re.search(r"[*?\[]", path) else path)


def trouble(host: Host, stderr: str) -> Trouble | None:
    """The first of ssh's known complaints in `stderr`."""
    for pattern, words, hint, passes in _TROUBLES:
        if re.search(pattern, stderr):
            facts = {"host": host.name, "address": host.address, "name": _known_as(host)}
            return Trouble(f"{words} ({host.address})", hint.format(**facts), passes)
    return None


def _ssh(host: Host) -> tuple[str, ...]:
    config, rest = config_file(host.ssh_args)
    port = _address(host).port
    asking = sys.stdin is not None and sys.stdin.isatty()
    return (
        *("ssh", "-F", str(config)),
        *("-o", f"BatchMode={'no' if asking else 'yes'}"),
        *("-o", f"StrictHostKeyChecking={'ask' if asking else 'yes'}"),
        *(("-p", port) if port else ()),
        *rest,
    )


def _rsh(argv: tuple[str, ...]) -> str:
    """As rsync takes a command apart: at spaces, quotes of either kind, no backslashes (rsync's main.c, do_cmd)."""
    return " ".join(part if re.fullmatch(r"[^\s'\"]+", part) else _rsh_quoted(part) for part in argv)


def _rsh_quoted(part: str) -> str:
    """A quote inside of its own kind is written twice."""
    return "'" + part.replace("'", "''") + "'"


def _address(host: Host) -> Address:
    return parse_address(host.address or "")


def _known_as(host: Host) -> str:
    """The name under which known_hosts has it, unless the user's configuration says otherwise."""
    address = _address(host)
    return f"[{address.host}]:{address.port}" if address.port else address.host


_TROUBLES = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|host key .* has changed|Offending .* key",
        "its host key has changed: somebody may be listening in, or the machine was set up anew",
        "ask its owner; if the new key is right: ssh-keygen -R '{name}', then ssh {address}",
        False,
    ),
    (
        r"REVOKED HOST KEY",
        "its host key is marked as revoked",
        "ask the owner of {address}",
        False,
    ),
    (
        r"host key is known for|Host key verification failed",
        "its host key is not known here",
        "ssh {address}, compare the fingerprint with the one its owner gives you, and answer yes",
        False,
    ),
    (
        r"Permission denied|Too many authentication failures|No more authentication methods|"
        r"Load key .*: |UNPROTECTED PRIVATE KEY",
        "it refused our key",
        "ssh-copy-id {address}; a key with a passphrase has to be in the agent: ssh-add",
        False,
    ),
    (
        r"Bad configuration option|terminating, \d+ bad configuration|Can't open user config file|"
        r"Bad owner or permissions|unknown option|Bad stdio forwarding|keyword .* extra arguments",
        "ssh cannot read its configuration",
        "ssh -G {address} shows where",
        False,
    ),
    (
        r"Could not resolve hostname|Name or service not known|nodename nor servname",
        "its name is not known",
        "check address: of hosts.{host} in cosmosctl.yaml, and your network",
        True,
    ),
    (
        r"Connection refused",
        "it refused the connection: no sshd listens there",
        "start sshd there, or correct the port of {address}",
        True,
    ),
    (
        r"No route to host|Network is unreachable|Host is down",
        "it cannot be reached: there is no way to it",
        "check your network or VPN, then cosmosctl host check {host}",
        True,
    ),
    (
        r"timed out|Timeout, server .* not responding|timeout in data (?:send|receive)",
        "it did not answer in time",
        "check your network, then cosmosctl host check {host}",
        True,
    ),
    (
        r"Connection (?:to \S+ )?closed|Connection reset|Broken pipe|kex_exchange_identification|"
        r"connection unexpectedly closed|mux_client_\w+: |Session open refused|client_loop: ",
        "the connection was lost",
        "cosmosctl host check {host}",
        True,
    ),
)
"""(what ssh or rsync writes, our words, what to type, may it pass by itself); OpenSSH 7.6 to 9.9, seen and read."""
