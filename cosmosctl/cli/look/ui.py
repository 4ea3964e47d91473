"""`ui`."""

from pathlib import Path

import click


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="Serve it there; else where it was last.")
@click.option("--read-only", is_flag=True, help="Show, and change nothing.")
@click.option("--open", "opens", is_flag=True, help="Open it in a browser.")
@click.pass_obj
def ui(folder: Path, port: int | None, read_only: bool, opens: bool) -> None:
    """Serve the page of `gallery` live, on this machine alone, until Ctrl-C.

    The address that is printed works once; the browser that opened it keeps its leave, also over a restart. What the
    page changes it changes by commands of cosmosctl, which it shows. Batches that are started there outlive it.
    """
    import socket
    from threading import Thread

    from cosmosctl.ui.serve import Served, serve

    def told(served: Served) -> None:
        click.echo(served.address)
        click.echo(
            f"from another machine: ssh -L {served.port}:127.0.0.1:{served.port} {socket.gethostname()}", err=True
        )
        click.echo("Ctrl-C ends it; batches go on", err=True)
        if opens:  # beside: some browsers are waited for until they end, and they ask us
            Thread(target=_open, args=(served.address,), daemon=True).start()

    try:
        serve(folder, port=port, read_only=read_only, told=told)
    except KeyboardInterrupt:
        click.echo("ended", err=True)


def _open(address: str) -> None:
    import webbrowser

    if not webbrowser.open(address):
        click.echo("no browser was found here: open the address above in one", err=True)
