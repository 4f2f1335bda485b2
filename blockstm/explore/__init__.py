"""The core under control: virtual workers in one process, and whoever decides which of them goes on."""
