"""The tools that build and grade the course. See README.md."""
