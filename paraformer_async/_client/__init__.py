"""The only room with tasks: what turns the crank of a recognition over a connection."""
