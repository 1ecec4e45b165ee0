"""The tests of the plugin for API 1 are run by test_plugin_for_api_1, as those of a plugin that somebody else has."""

collect_ignore = ["plugin_for_api_1"]
