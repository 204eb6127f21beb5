"""The driver's phone at /drive/: a page that works without network, and the address it talks to."""
