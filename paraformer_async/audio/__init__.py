"""What yields audio: a user's sources, and files. Knows neither protocol nor session."""
