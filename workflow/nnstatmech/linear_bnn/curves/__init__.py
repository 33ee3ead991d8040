"""From tables to the derived quantities that figures and claims share, a module a task."""
