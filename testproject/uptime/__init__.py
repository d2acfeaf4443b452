"""An example of a site's own mirror: a Blesta plugin that only this site has. See docs/howto/mirror-your-plugin.md."""
