"""Settings of plugins, from one file and the environment, checked against what each plugin declares."""
