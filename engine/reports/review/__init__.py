"""Reviews: a sample of a batch's delivered JPEGs beside their sources, and what people say of them."""
