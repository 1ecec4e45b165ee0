"""The documented SDK: graphs as DSL, services on the edge."""
