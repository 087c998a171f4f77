"""What to do next, and how one stage is done. Knows agents and storage, never Prefect."""
