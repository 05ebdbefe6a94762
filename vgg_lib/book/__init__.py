"""What chapters and pages of the book show."""
