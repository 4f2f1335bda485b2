"""What is known of the chains that blocks are of."""
