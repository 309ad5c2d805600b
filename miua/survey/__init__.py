"""The reader study: a page on which people judge images, its sealed key, and the answers scored."""
