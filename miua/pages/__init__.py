"""HTML pages of one file each: their kit, and the page of an evaluation."""
