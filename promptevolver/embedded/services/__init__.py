"""The embedded servers, and the process manager that keeps them running."""
