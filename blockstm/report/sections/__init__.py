"""The sections of the page, a module each: a function that returns it, or None where there is no data for it."""
