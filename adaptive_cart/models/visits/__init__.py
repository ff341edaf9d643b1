"""Scores at visits, all of them: the model normal_visits."""
