"""The HTTP contract as pydantic models, shared by the service and the trainers.

Nothing here imports FastAPI, SQLAlchemy or Optuna: a GPU host installs none of them.
"""
