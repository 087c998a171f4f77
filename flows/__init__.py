"""Order, retries, concurrency and the screen. The only folder that knows Prefect."""
