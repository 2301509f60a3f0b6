"""Run the command `paraformer-async` as `python -m paraformer_async`."""

from paraformer_async.cli import main

if __name__ == "__main__":
    main()
