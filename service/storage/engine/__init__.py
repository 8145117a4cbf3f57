"""The engine: one process's studies in memory, becoming and staying the writer."""
