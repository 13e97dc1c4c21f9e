"""What the program is for: exactly one honest sync. Knows neither terminal nor HTTP."""
