"""The HTTP interface: `dfd.api.app.create_app` makes an application out of built services."""
