"""A small JupyterHub for one class on one machine. ``binder/hub/README.md`` says how to use it."""
