"""Files of any format: read strictly and within bounds, written whole or not at all."""
