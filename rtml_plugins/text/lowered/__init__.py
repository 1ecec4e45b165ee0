"""The compiled side of the text operators."""
