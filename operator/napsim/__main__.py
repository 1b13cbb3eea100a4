"""The program: ``napsim`` and ``python -m napsim`` start here."""

from __future__ import annotations

import atexit
import gc


def main() -> None:
    """Run the command line, without looking for garbage where there is none.

    Modules that are loaded stay: until a command has its own (``cli.loading``), nothing is collected. At the end
    everything goes with the process, and nothing has to be gone through for it.
    """
    gc.disable()
    atexit.register(gc.freeze)
    from napsim.cli.main import app  # noqa: PLC0415 - loaded without looking for garbage

    app()


if __name__ == "__main__":
    main()
