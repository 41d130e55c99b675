"""How the tables came to be, step by step (alembic). A released step is never changed; a new one is added."""
