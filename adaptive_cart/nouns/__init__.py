"""What the stages hand to each other, and what they are made of."""
