"""The pages: each module declares its own with gallery.page."""
