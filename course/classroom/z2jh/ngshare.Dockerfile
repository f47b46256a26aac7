# ngshare with a SQLAlchemy that it works with: its own image takes the newest.
FROM python:3.12-slim-bookworm
COPY course/classroom/requirements-hub.txt /
RUN pip install --no-cache-dir -r /requirements-hub.txt
USER 65535:65535
ENTRYPOINT ["python3", "-m", "ngshare"]
