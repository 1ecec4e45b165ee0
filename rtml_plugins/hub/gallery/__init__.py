"""The Service Gallery: pages of the hub, under /gallery."""
