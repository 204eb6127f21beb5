"""The site: settings, URLs, API schema, navigation and translations."""
