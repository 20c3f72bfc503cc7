"""Web applications of other projects. Each has a folder: `requirements.txt` (pinned), `steps.py` (how it is started, and what a
visitor does with it), and mostly `app.py`, which is run in a virtual environment of its own."""
