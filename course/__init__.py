"""The tools that build and grade the course. See course/README.md."""
