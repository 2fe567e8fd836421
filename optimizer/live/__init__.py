"""What open pages are told, and how. A socket names what its page shows, and is sent that each time it changes."""
