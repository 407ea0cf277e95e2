"""Pages of runs and studies: what lies on disk, compared and told in tables and pictures; ``report`` draws them."""
