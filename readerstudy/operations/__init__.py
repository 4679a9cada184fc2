"""What whoever runs the site needs to know of it: that it works, and what it does."""
