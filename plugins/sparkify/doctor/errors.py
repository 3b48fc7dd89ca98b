"""What an error says."""


def describe(error: Exception) -> str:
    """Return what an error says, without the lines of a driver's or a server's own."""
    details = error.args[0] if error.args else ""
    if isinstance(details, dict):
        # The response of a server, as Redshift's driver passes it on.
        message = "; ".join(str(details[key]) for key in "MD" if details.get(key))
    else:
        message = str(error).strip().partition("\n")[0]
    # Of a task, which this is not.
    return message.removesuffix(" Airflow retries the task.") or type(error).__name__
