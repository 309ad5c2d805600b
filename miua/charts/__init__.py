"""Charts: axes and pictures of the HTML pages, and the look of the figures of the article."""
