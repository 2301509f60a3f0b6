"""`python -m paraformer_async` is the command `paraformer-async`."""

from paraformer_async.cli import main

if __name__ == "__main__":
    main()
