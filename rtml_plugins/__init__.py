"""The plugins that ship with rtml. They use of rtml_core only what any plugin may use."""
