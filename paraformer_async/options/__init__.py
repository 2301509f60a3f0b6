"""
Options: parameters and models of the service, options and policies of the client.

- `service`: facts of the service, each stated once
- `models`, `parameters`: the two tables, and `check`, which client and local service share
- `options`: all options of a recognition; `endpoint` and `connection` are parts of it
- `policies`: bounds, retries, limits
- `checks`, `kinds`, `words`, `context`: checks of one value

Imports only the errors of this package.
"""
