"""The client of an engine inside this process: `Client("local")`. `connection` opens and closes it, `transport` hands
requests over. The engine itself is of the service (`lrtune.service.embedded`), and is loaded by name, so that who talks
to a server needs neither FastAPI nor SQLAlchemy."""
