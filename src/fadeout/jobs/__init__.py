"""What a person asks for; each job reads top to bottom."""
